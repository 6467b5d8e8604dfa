"""Iterate in a background thread, so that producing overlaps with using."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(items: Generator[Item], depth: int) -> Generator[Item]:
    """Yield what ``items`` yields; a thread runs ahead by at most ``depth`` items.

    The thread starts when the first item is requested. When this generator is closed, early or not, the thread
    has ended and ``items`` is closed. An error in ``items`` is raised here, after the items before it.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(maxsize=max(1, depth))
    stopped = threading.Event()

    def produce() -> None:
        end = _End()
        try:
            with closing(items):
                for item in items:
                    waiting.put(item)
                    if stopped.is_set():
                        return
        except BaseException as error:
            end = _End(error)
        if not stopped.is_set():
            waiting.put(end)

    # A daemon, so that a generator that is never closed does not delay the interpreter's exit.
    thread = threading.Thread(target=produce, name="fairmot-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        # At most one put is under way once `stopped` is set, and an empty queue has room for it.
        while not waiting.empty():
            waiting.get_nowait()
        thread.join()
