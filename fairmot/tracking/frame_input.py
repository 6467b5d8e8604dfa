"""What a frame brings, checked before anything changes."""

from __future__ import annotations

import operator

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.geometry import ImageArray

MAX_COORDINATE_PX = 1e9
"""Larger coordinates are no image's and overflow single precision later."""


def next_index(given: int | None, last: int) -> int:
    """Return the index of this frame; left out, it is the one after the last.

    Raises:
        InputError: it is no whole number, or does not grow.
    """
    if given is None:
        return last + 1
    try:
        index = operator.index(given)
    except TypeError as error:
        raise InputError(f"frame index {given!r}: expected a whole number") from error
    if index < 0:
        raise InputError(f"frame index {index}: frames count from 0")
    if index <= last:
        raise InputError(f"frame index {index} after {last}: it must grow; reset() starts anew")
    return index


def image_size(
    image: ImageArray | None, expected: tuple[int, int] | None, config: TrackerConfig
) -> tuple[int, int] | None:
    """Return width and height of the image, pixels, where they are known.

    Raises:
        InputError: an option needs the image or its size, and it is not there; or it is no such image.
    """
    if image is None:
        if config.camera_motion != "none":
            raise InputError("camera_motion is on and needs each image: update(detections, image)")
        if config.clip_boxes and expected is None:
            raise InputError("clip_boxes is on: give Tracker an image_size, or hand update the image")
        return expected
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"image of {image.dtype} {list(image.shape)}: expected uint8 [H, W, 3], BGR")
    size = (image.shape[1], image.shape[0])
    if expected is not None and size != tuple(expected):
        raise InputError(f"image of size {size}, expected {tuple(expected)} (width, height)")
    return size


def common_width(detections: Detections, before: int | None) -> int | None:
    """Check the rows, and return the width of the video's embeddings: 0 without any, None while no detection tells.

    Raises:
        InputError: a box or score that is not finite, a box whose right or lower edge lies before the other one (the
            row is named), or embeddings of another width than before.
    """
    if len(detections) == 0:
        return before
    boxes, scores = detections.boxes_xyxy, detections.scores
    is_box = np.abs(boxes) <= MAX_COORDINATE_PX  # NaN is not
    if not is_box.all():
        row = int(is_box.all(axis=1).argmin())
        raise InputError(f"detections row {row}: box {boxes[row].tolist()} is not finite, or is beyond any image")
    is_turned = boxes[:, 2:] < boxes[:, :2]
    if is_turned.any():
        row = int(is_turned.any(axis=1).argmax())
        raise InputError(
            f"detections row {row}: box {boxes[row].tolist()} has a negative size; expected x1, y1, x2, y2"
        )
    is_number = np.isfinite(scores)
    if not is_number.all():
        row = int(is_number.argmin())
        raise InputError(f"detections row {row}: score {scores[row]} is not finite")
    width = 0 if detections.embeddings is None else detections.embeddings.shape[1]
    if before is not None and width != before:
        raise InputError(f"embeddings of width {width} after {before} (0: none): one width a video")
    return width
