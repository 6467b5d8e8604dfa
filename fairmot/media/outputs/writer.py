"""The one protocol of everything that is written of a tracked source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fairmot.detections import Detections, Tracks
from fairmot.geometry import ImageArray
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.sound import Sound

Draw = Callable[[Frame, Tracks, Detections | None], ImageArray]
"""Draws the tracks of a frame on a copy of it and returns that."""


@dataclass(frozen=True, slots=True)
class Target:
    """The source that a writer writes."""

    name: str
    """Stem of all files."""
    size: tuple[int, int]
    """Width and height of the frames, pixels."""
    frame_rate: float
    """Frames/s of what is written."""
    outputs: Outputs
    """Everything that is requested."""
    paths: Mapping[str, Path]
    """File or folder of each requested output, by its name in the table."""
    draw: Draw
    """Draws the next frame; for the one writer that draws in a thread of its own."""
    sound: Sound | None = None
    """The sound that belongs to the frames."""


class Writer(ABC):
    """Takes the tracks of one source, frame after frame.

    The ``with`` block makes its file or folder, which gets its name when the block ends well. Leaving it by an
    exception leaves what was there before. Errors of the disk are ``OSError``.
    """

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Take the next frame, its tracks and, where they are known, all detections in it."""

    def __exit__(  # noqa: B027 - most overlays and the window have nothing to finish
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is written, or drop it after an exception."""


class Overlay(Writer):
    """A writer that is also drawn on the frame that it took last, under the tracks."""

    @abstractmethod
    def draw(self, scene: ImageArray) -> ImageArray:
        """Draw on ``scene``, in place or not, and return it."""

    def draw_above(self, scene: ImageArray) -> ImageArray:
        """Draw what stands above the tracks on ``scene``, in place or not, and return it; most draw nothing there."""
        return scene
