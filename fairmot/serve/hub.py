"""Tells the event loop that a thread has something new."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Hub:
    """A counter that goes up with every ``ring``, for which any number of coroutines wait.

    ``ring`` and ``close`` may be called from any thread, before and after the loop's life too.
    """

    def __init__(self) -> None:
        self.version = 0
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop in which ``wait`` is called."""
        self._loop = loop

    def ring(self) -> None:
        """Wake whoever waits."""
        self.version += 1
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Wake whoever waits, for the last time."""
        self.closed = True
        self.ring()

    async def wait(self, seen: int, seconds: float) -> int:
        """Return the counter as soon as it differs from ``seen``, or after some time."""
        if self.version == seen and not self.closed:
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                # Asked again: a thread may have rung between the question and the entry.
                if self.version == seen:
                    await asyncio.wait({future}, timeout=seconds)
            finally:
                self._waiting.discard(future)
                future.cancel()
        return self.version

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
