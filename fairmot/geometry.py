"""Box formats, IoU, and the letterbox that places an image on the network's canvas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
ImageArray = NDArray[np.uint8]
Scale = Callable[[tuple[int, int]], ImageArray]
"""Returns an image, BGR, scaled to a width and height by area interpolation."""

# The published border is 127.5; OpenCV rounds it to 128 in a uint8 image.
BORDER_VALUE = 128


def xyxy_to_tlwh(boxes_xyxy: FloatArray) -> FloatArray:
    """Convert corners [..., 4] to left, top, width, height."""
    boxes = np.asarray(boxes_xyxy)
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def tlwh_to_xyxy(boxes_tlwh: FloatArray) -> FloatArray:
    """Convert left, top, width, height [..., 4] to corners."""
    boxes = np.asarray(boxes_tlwh)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def pairwise_iou(first_xyxy: FloatArray, second_xyxy: FloatArray, pixel: float = 0.0) -> NDArray[np.float64]:
    """Intersection over union of every pair, [N, M].

    Args:
        first_xyxy: corners [N, 4].
        second_xyxy: corners [M, 4].
        pixel: value added to every width and height. The published tracker counts inclusive pixels (1.0, the
            convention of ``cython_bbox``); evaluation uses 0.0.
    """
    a = np.asarray(first_xyxy, dtype=np.float64).reshape(-1, 4)
    b = np.asarray(second_xyxy, dtype=np.float64).reshape(-1, 4)
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0]) + pixel
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1]) + pixel
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    area_a = (a[:, 2] - a[:, 0] + pixel) * (a[:, 3] - a[:, 1] + pixel)
    area_b = (b[:, 2] - b[:, 0] + pixel) * (b[:, 3] - b[:, 1] + pixel)
    union = area_a[:, None] + area_b[None, :] - intersection
    iou: NDArray[np.float64] = np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)
    return iou


MOST_AREA = 1.07
"""A canvas that fits an image may be larger than the given one by this factor: 512 x 384 in place of 576 x 320."""

LONGEST_SIDE = 2
"""Its sides are at most so many times the longer side of the given one, however long and thin the image."""


def fitted_canvas(canvas_size: tuple[int, int], image_size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Return the canvas of about the area of another one on which an image becomes the largest.

    Of several that do, the smallest.

    Args:
        canvas_size: width and height of the given canvas, pixels.
        image_size: width and height of the image, pixels.
        multiple: width and height of the answer are multiples of it.
    """
    most, longest = MOST_AREA * canvas_size[0] * canvas_size[1], LONGEST_SIDE * max(canvas_size)
    widths = range(multiple, min(longest, int(most / multiple)) + 1, multiple)
    sizes = [(width, min(longest, int(most / width)) // multiple * multiple) for width in widths]

    def enlargement(size: tuple[int, int]) -> float:
        return round(min(size[0] / image_size[0], size[1] / image_size[1]), 9)

    best = max(map(enlargement, (canvas_size, *sizes)))
    # The sides may be longer than the image needs.
    width, height = (multiple * math.ceil(round(best * side / multiple, 6)) for side in image_size)
    return (width, height)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Placement of an image on a canvas: scaled by one ratio, centred, with a grey border.

    The published code uses two paddings, half a pixel apart, and so does this class: labels are placed with the padding
    around the *rounded* size, detections are mapped back with the padding around the *unrounded* size.
    """

    image_size: tuple[int, int]
    """Width and height of the image, pixels."""
    canvas_size: tuple[int, int]
    """Width and height of the canvas, pixels."""

    def __post_init__(self) -> None:
        if min(*self.image_size, *self.canvas_size) < 1:
            raise ValueError(f"image {self.image_size} and canvas {self.canvas_size} must not be empty")

    @property
    def ratio(self) -> float:
        """Canvas pixels per image pixel."""
        return min(self.canvas_size[0] / self.image_size[0], self.canvas_size[1] / self.image_size[1])

    @property
    def resized_size(self) -> tuple[int, int]:
        """Width and height of the scaled image, pixels; at least 1."""
        return (
            max(1, round(self.image_size[0] * self.ratio)),
            max(1, round(self.image_size[1] * self.ratio)),
        )

    @property
    def padding(self) -> tuple[float, float]:
        """Padding left (dw) and above (dh) of the rounded size, canvas pixels: the convention of labels."""
        return (
            (self.canvas_size[0] - self.resized_size[0]) / 2,
            (self.canvas_size[1] - self.resized_size[1]) / 2,
        )

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top pixel of the scaled image on the canvas."""
        return (round(self.padding[0] - 0.1), round(self.padding[1] - 0.1))

    def apply(self, image: ImageArray) -> ImageArray:
        """Return the canvas, uint8 [H, W, 3], with ``image`` [h, w, 3] on it (area interpolation)."""
        if image.shape[:2] != self.image_size[::-1]:
            raise ValueError(f"image of {image.shape[1]} x {image.shape[0]}, expected {self.image_size}")
        if self.resized_size == self.image_size:
            return self.apply_scaled(lambda _: image)
        return self.apply_scaled(lambda size: cv2.resize(image, size, interpolation=cv2.INTER_AREA))

    def apply_scaled(self, scale: Scale) -> ImageArray:
        """Return the canvas, uint8 [H, W, 3], with an image on it that scales itself."""
        width, height = self.resized_size
        left, top = self.corner
        canvas = np.full((self.canvas_size[1], self.canvas_size[0], 3), BORDER_VALUE, dtype=np.uint8)
        canvas[top : top + height, left : left + width] = scale((width, height))
        return canvas

    def boxes_to_canvas(self, boxes_xyxy: FloatArray) -> FloatArray:
        """Map boxes [..., 4] from image to canvas pixels, in the convention of labels."""
        canvas: FloatArray = np.asarray(boxes_xyxy) * self.ratio + np.array(self.padding * 2)
        return canvas

    def detections_to_image(self, boxes_xyxy: FloatArray) -> FloatArray:
        """Map decoded boxes [..., 4] from canvas to image pixels as the published code does.

        Like its ``transform_preds``, this inverts the scaling without the rounding of the resized image.
        """
        width, height = self.image_size
        dw = (self.canvas_size[0] - width * self.ratio) / 2
        dh = (self.canvas_size[1] - height * self.ratio) / 2
        image: FloatArray = (np.asarray(boxes_xyxy) - np.array([dw, dh, dw, dh])) / self.ratio
        return image


def anchor_points(
    canvas_size: tuple[int, int], strides: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the points [N, 2] (canvas pixels) and strides [N] of all cells of a detector on several levels.

    Level by level, row by row. Cell (x, y) has the point (x * stride, y * stride).

    Args:
        canvas_size: width and height, pixels.
        strides: pixels per cell of each level.
    """
    points, sizes = [], []
    for stride in strides:
        columns, rows = canvas_size[0] // stride, canvas_size[1] // stride
        y, x = np.divmod(np.arange(rows * columns), columns)
        points.append(stride * np.stack([x, y], axis=1))
        sizes.append(np.full(rows * columns, stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(sizes).astype(np.float32)
