"""Notify the event loop from threads."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Hub:
    """A counter that every ``ring`` increments; any number of coroutines may wait for a change.

    ``ring`` and ``close`` may be called from any thread, even before the loop starts and after it has ended.
    """

    def __init__(self) -> None:
        self.version = 0
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the loop in which ``wait`` is called."""
        self._loop = loop

    def ring(self) -> None:
        """Wake all who wait."""
        self.version += 1
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Wake all who wait, for the last time."""
        self.closed = True
        self.ring()

    async def wait(self, seen: int, seconds: float) -> int:
        """Return the counter as soon as it differs from ``seen``, or after ``seconds``."""
        if self.version == seen and not self.closed:
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                # Compared again: a thread may have rung between the first comparison and the registration.
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
