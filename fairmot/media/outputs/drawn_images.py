"""Each drawn frame as an image."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from fairmot.detections import Detections, Tracks
from fairmot.media.outputs.image_folder import ImageFolder
from fairmot.media.outputs.writer import Target, Writer
from fairmot.media.sources.frame import Frame


class DrawnImages(Writer):
    """``<name>/<frame number>.jpg``, numbers from 1; takes frames that are drawn."""

    def __init__(self, target: Target) -> None:
        self._folder = ImageFolder(target.paths["images"])

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Write a drawn frame.

        Raises:
            OSError: it cannot be written.
        """
        self._folder.write(frame.index + 1, frame.image)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, error, trace)
