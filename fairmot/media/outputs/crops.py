"""Images of each identity, cut out of the frames."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import numpy as np

from fairmot.detections import Detections, Tracks
from fairmot.media.outputs.image_folder import ImageFolder
from fairmot.media.outputs.writer import Target, Writer
from fairmot.media.sources.frame import Frame

_SECONDS = 0.5
_SMALLEST_SIDE_PX = 8


class CropFolder(Writer):
    """``<name>-crops/<identity>/<frame number>.jpg``, two images a second of each identity."""

    def __init__(self, target: Target) -> None:
        self._folder = ImageFolder(target.paths["crops"])
        self._last: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Cut the tracks of one frame out of it.

        Raises:
            OSError: an image cannot be written.
        """
        height, width = frame.image.shape[:2]
        boxes = np.round(tracks.boxes_xyxy).astype(np.int64).clip(0, [width, height] * 2).tolist()
        for identity, (left, top, right, bottom) in zip(tracks.ids.tolist(), boxes, strict=True):
            too_soon = frame.seconds - self._last.get(identity, -np.inf) < _SECONDS
            if too_soon or min(right - left, bottom - top) < _SMALLEST_SIDE_PX:
                continue
            self._last[identity] = frame.seconds
            self._folder.write(frame.index + 1, frame.image[top:bottom, left:right], f"{identity:06d}")
        # Identities not cut out for that long need no entry: an endless source must not fill the memory.
        self._last = {identity: last for identity, last in self._last.items() if frame.seconds - last < _SECONDS}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, error, trace)
