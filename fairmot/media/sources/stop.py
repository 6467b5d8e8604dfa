"""End a run that is under way, from wherever."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from fairmot.media.sources.frames import FrameReader


class Stop:
    """Asks a run to end soon and to finish its files: from a callback of its own, or from another thread.

    Attributes:
        reason: why, in one line; None: as after Ctrl-C nobody needs to be told.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._lock = threading.Lock()
        self._is_set = False
        self._readers: tuple[FrameReader, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._is_set

    def set(self, reason: str | None = None) -> None:
        """Ask; what is asked later changes nothing. A wait for a camera's next frame ends too."""
        with self._lock:
            if self._is_set:
                return
            self.reason, self._is_set = reason, True
            readers = self._readers
        for reader in readers:
            reader.stop()

    def reach(self, readers: Iterable[FrameReader]) -> None:
        """Name the readers whose waits are to end; the run does so when it has opened them."""
        with self._lock:
            self._readers = tuple(readers)
            is_set = self._is_set
        if is_set:
            for reader in self._readers:
                reader.stop()
