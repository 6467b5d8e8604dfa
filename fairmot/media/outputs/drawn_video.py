"""The drawn frames as a video, drawn and encoded while the network looks at the next frame."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Self

from fairmot.detections import Detections, Tracks
from fairmot.media.outputs.video import VideoWriter
from fairmot.media.outputs.writer import Target, Writer
from fairmot.media.sources.frame import Frame


class DrawnVideo(Writer):
    """``<name>.mp4``; takes frames as they were read and draws them in the thread that encodes."""

    def __init__(self, target: Target) -> None:
        self._video = VideoWriter(target.paths["video"], target.size, target.frame_rate, sound=target.sound)
        self._draw = target.draw
        self._first_seconds: float | None = None

    @property
    def busy_seconds(self) -> float:
        """Time that drawing and encoding took."""
        return self._video.busy_seconds

    @property
    def frame_count(self) -> int:
        """Frames encoded so far."""
        return self._video.frame_count

    def __enter__(self) -> Self:
        self._video.__enter__()
        return self

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Queue a frame.

        Raises:
            OSError: an earlier frame could not be written.
        """
        if self._first_seconds is None:
            self._first_seconds = self._video.sound_start = frame.seconds
        self._video.write(partial(self._draw, frame, tracks, detections), frame.seconds - self._first_seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.__exit__(kind, error, trace)
