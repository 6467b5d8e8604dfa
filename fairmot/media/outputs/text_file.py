"""A text file with lines for each frame."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from fairmot.detections import Detections, Tracks
from fairmot.files import replacing
from fairmot.media.outputs.writer import Writer
from fairmot.media.sources.frame import Frame


class TextFile(Writer):
    """Writes ``header``, then what ``lines`` makes of each frame: ASCII with Unix line ends."""

    header = ""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self._path))
            self._file = stack.enter_context(temporary.open("w", encoding="ascii", newline="\n"))
            self._file.write(self.header)
            self._opened = stack.pop_all()
        return self

    @abstractmethod
    def lines(self, frame: Frame, tracks: Tracks) -> str:
        """Return the lines of one frame, each with its line end."""

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Write the lines of one frame."""
        self._file.write(self.lines(frame, tracks))

    def flush(self) -> None:
        """Hand over what still waits in memory, so that a full disk is noticed.

        Raises:
            OSError: it does not fit.
        """
        self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)
