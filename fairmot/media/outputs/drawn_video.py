"""The drawn frames as a video, drawn and encoded while the network looks at the next frame."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Self

import cv2

from fairmot.detections import Detections, Tracks
from fairmot.geometry import ImageArray
from fairmot.media.outputs.video import VideoWriter
from fairmot.media.outputs.writer import Target, Writer
from fairmot.media.sources.frame import Frame


def video_size(size: tuple[int, int], most_height: int | None) -> tuple[int, int]:
    """Return the width and height of a video of frames of this size that is at most so high; smaller sides are even."""
    if most_height is None or size[1] <= most_height:
        return size
    height = most_height // 2 * 2
    return max(2, 2 * round(size[0] * height / size[1] / 2)), height


class DrawnVideo(Writer):
    """``<name>.mp4``; takes frames as they were read and draws them in the thread that encodes."""

    def __init__(self, target: Target) -> None:
        self._size = video_size(target.size, target.outputs.video_height)
        self._video = VideoWriter(
            target.paths["video"],
            self._size,
            target.frame_rate,
            sound=target.sound,
            encoder=target.outputs.video_encoder,
        )
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

    @property
    def encoder(self) -> str | None:
        """What encodes, ``software`` or a device; None: nothing yet."""
        return self._video.encoder

    @property
    def fallback(self) -> str | None:
        """Why software encodes although a device was named; None: it does what was named."""
        return self._video.fallback

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
        self._video.write(partial(self._drawn, frame, tracks, detections), frame.seconds - self._first_seconds)

    def _drawn(self, frame: Frame, tracks: Tracks, detections: Detections | None) -> ImageArray:
        image = self._draw(frame, tracks, detections)
        if image.shape[1::-1] == self._size:
            return image
        scaled: ImageArray = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        return scaled

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.__exit__(kind, error, trace)
