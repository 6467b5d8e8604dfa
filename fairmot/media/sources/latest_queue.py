"""A bounded queue between the thread that receives frames and the one that uses them; it may drop the oldest."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestQueue(Generic[Item]):
    """First in, first out; a full queue drops its oldest item, or makes ``put`` wait.

    Args:
        depth: how many items it holds.
        drops: whether a full queue drops its oldest item.
        max_age_seconds: on ``get``, drop older items as long as a younger one waits; None: no limit.

    Attributes:
        dropped_count: how many items were dropped.
    """

    def __init__(self, depth: int, drops: bool, max_age_seconds: float | None = None) -> None:
        self.dropped_count = 0
        self._depth = depth
        self._drops = drops
        self._max_age = max_age_seconds
        self._items: deque[tuple[float, Item]] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    def put(self, item: Item) -> None:
        """Add an item; after ``close`` it is discarded."""
        with self._changed:
            if not self._drops:
                self._changed.wait_for(lambda: self._is_closed or len(self._items) < self._depth)
            elif len(self._items) >= self._depth:
                self._items.popleft()
                self.dropped_count += 1
            if not self._is_closed:
                self._items.append((time.monotonic(), item))
            self._changed.notify_all()

    def get(self) -> Item | None:
        """Wait for an item and return it; None when the queue is closed and empty."""
        with self._changed:
            # With a limit, since Ctrl-C cannot interrupt an endless wait on every system.
            while not self._changed.wait_for(lambda: self._items or self._is_closed, timeout=0.5):
                pass
            if not self._items:
                return None
            if self._max_age is not None:
                oldest = time.monotonic() - self._max_age
                while len(self._items) > 1 and self._items[0][0] < oldest:
                    self._items.popleft()
                    self.dropped_count += 1
            _, item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Accept no more items; those that wait can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
