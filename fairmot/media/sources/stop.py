"""Stop a run from one of its callbacks or from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from fairmot.media.sources.reader import FrameReader


class Stop:
    """Requests that a run ends soon and finishes its files.

    Attributes:
        reason: why, in one line, for the run's ``problem``; None: there is nothing to report, as after Ctrl-C.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        # A signal may request it in the midst of another request.
        self._lock = threading.RLock()
        self._is_set = False
        self._readers: tuple[FrameReader, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether the stop is requested."""
        return self._is_set

    def set(self, reason: str | None = None) -> None:
        """Request the stop; later requests change nothing. A wait for a camera's next frame ends too."""
        with self._lock:
            if self._is_set:
                return
            self.reason, self._is_set = reason, True
            readers = self._readers
        for reader in readers:
            reader.stop()

    def reach(self, readers: Iterable[FrameReader]) -> None:
        """Set the readers whose waits a request ends; the run calls this when it has opened them."""
        with self._lock:
            self._readers = tuple(readers)
            is_set = self._is_set
        if is_set:
            for reader in self._readers:
                reader.stop()
