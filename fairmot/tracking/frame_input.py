"""Check the input of a frame before the tracker changes anything."""

from __future__ import annotations

import operator

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.geometry import ImageArray

MAX_COORDINATE_PX = 1e9
"""No image has larger coordinates, and they would overflow single precision later."""


def next_index(given: int | None, last: int) -> int:
    """Return the index of this frame; None stands for the frame after the last one.

    Raises:
        InputError: the index is not a whole number, or does not grow.
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
        raise InputError(f"frame index {index} after {last}: it must grow; reset() starts a new video")
    return index


def image_size(
    image: ImageArray | None, expected: tuple[int, int] | None, config: TrackerConfig
) -> tuple[int, int] | None:
    """Return width and height of the frame, pixels; None if they are unknown.

    Raises:
        InputError: an option needs the image or its size and it is missing, or the image has another type or size.
    """
    if image is None:
        if config.camera_motion != "none":
            raise InputError("camera_motion is on and needs every frame's image: update(detections, image)")
        if config.clip_boxes and expected is None:
            raise InputError(
                "clip_boxes is on and needs the image size: Tracker(image_size=...) or update(detections, image)"
            )
        return expected
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"image of {image.dtype} {list(image.shape)}: expected uint8 [H, W, 3], BGR")
    size = (image.shape[1], image.shape[0])
    if expected is not None and size != tuple(expected):
        raise InputError(f"image of size {size}, expected {tuple(expected)} (width, height)")
    return size


def common_width(detections: Detections, before: int | None) -> int | None:
    """Check the rows, and return the width of the video's embeddings: 0 without any, None before the first detection.

    Raises:
        InputError: a box or score is not finite, a box has a negative size (the message names the row), or the
            embeddings have another width than before.
    """
    if len(detections) == 0:
        return before
    boxes, scores = detections.boxes_xyxy, detections.scores
    is_box = np.abs(boxes) <= MAX_COORDINATE_PX  # NaN is not
    if not is_box.all():
        row = int(is_box.all(axis=1).argmin())
        raise InputError(f"detections row {row}: box {boxes[row].tolist()} is not finite or is far outside any image")
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
        raise InputError(
            f"embeddings of width {width} after {before} (0: none): all embeddings of a video need one width"
        )
    return width
