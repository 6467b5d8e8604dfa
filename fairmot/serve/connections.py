"""Connections of the server: bounded in number, and closed where a request does not come."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 256
"""With the files of the jobs below the 1024 descriptors that a process usually has."""
HEAD_SECONDS = 20.0
"""How long the head of a request may take."""


class BoundedConnection(H11Protocol):
    """A connection that is closed where the head of a request takes too long, or to make room for another one.

    uvicorn limits neither: connections on which half a request was sent would stay for ever, until no descriptor is
    left for other clients and for the jobs.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waits_since = 0.0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take the connection, and drop the one that has waited longest where there are too many."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MAX_CONNECTIONS:
            idle = [each for each in self.connections if isinstance(each, BoundedConnection) and not each.works]
            oldest = min(idle, key=lambda each: each._waits_since)
            self.connections.discard(oldest)
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take data; the time of a head begins with the first of its bytes."""
        if self._head_timer is None and not self.works:
            self._await_head()
        super().data_received(data)
        if self.works:
            self._forget_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget_head()
        super().connection_lost(exc)

    @property
    def works(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _await_head(self) -> None:
        self._waits_since = time.monotonic()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close(self) -> None:
        self._head_timer = None
        if not self.works and not self.transport.is_closing():
            self.transport.abort()
