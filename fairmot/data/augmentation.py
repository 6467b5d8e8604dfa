"""Random augmentation of training images: that of the published code, number for number, and more.

The order is: stretch, HSV and grey on each source image, letterbox (or a mosaic of four), affine, flip, blur, JPEG.
HSV, letterbox, affine and flip are published; the others are off by default. Blur and JPEG come last, at the scale
that the network sees, since they imitate cameras and streams. Functions take uniform numbers in [0, 1) as arguments
and draw nothing; only ``choose_images`` and ``augment`` draw, always as many numbers, so that switching one change
on or off does not affect the others.

Labels are rows [n, 6]: class (-1: ignore region), identity, centre x, centre y, width, height, the last four divided by
the size of the image (before) or the canvas (after).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.config import AugmentationConfig
from fairmot.data.targets import IGNORE_CLASS
from fairmot.geometry import BORDER_VALUE, ImageArray, Letterbox

Floats = NDArray[np.float64]
LabelledArray = tuple[ImageArray, NDArray[np.floating[Any]]]
"""BGR [h, w, 3] and its label rows [n, 6]."""

MOSAIC_IMAGES = 4
PUBLISHED_DRAWS = 9
"""Saturation, value, the six of the affine, flip."""
_STRIP_ROWS = 128


def choose_images(index: int, count: int, config: AugmentationConfig, rng: np.random.Generator) -> tuple[int, ...]:
    """Return the images that share a canvas: ``index`` alone, or with three others of ``count`` in a mosaic."""
    chance, *others = rng.random(MOSAIC_IMAGES)
    if not (config.enabled and chance < config.mosaic):
        return (index,)
    return (index, *(int(other * count) for other in others))


def augment(
    images: Sequence[LabelledArray], canvas_size: tuple[int, int], config: AugmentationConfig, rng: np.random.Generator
) -> LabelledArray:
    """Return the canvas (BGR [H, W, 3]) and its labels, made of one image or of four.

    With ``config.enabled`` false, the image is only letterboxed and every row stays.
    """
    if not config.enabled:
        canvas, labels, boxes = _place(images[0], canvas_size)
        return canvas, _with_boxes(labels, boxes, canvas_size)
    uniforms = rng.random(PUBLISHED_DRAWS)
    tones = np.concatenate([uniforms[None, :2], rng.random((MOSAIC_IMAGES - 1, 2))])
    stretches, greys = rng.random((2, MOSAIC_IMAGES))
    centre, (blur, sigma, jpeg, quality) = rng.random(2), rng.random(4)

    changed: list[LabelledArray] = []
    for number, (image, labels) in enumerate(images):
        if config.stretch:
            image = stretch(image, stretches[number], config.stretch)
        if greys[number] < config.grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        changed.append((change_tone(image, tones[number], config.hsv), labels))
    if len(changed) == 1:
        canvas, labels, boxes = _place(changed[0], canvas_size)
    else:
        canvas, labels, boxes = _mosaic(changed, canvas_size, centre)
    canvas, labels = _move((canvas, labels), boxes, uniforms[2:], config)
    if blur < config.blur:
        canvas = cv2.GaussianBlur(canvas, (0, 0), sigmaX=0.3 + 1.7 * sigma)
    if jpeg < config.jpeg:
        encoded = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, int(15 + 50 * quality)])[1]
        canvas = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return canvas, labels


def change_tone(image: ImageArray, uniforms: Floats, spread: float) -> ImageArray:
    """Multiply saturation and value by U(1 - spread, 1 + spread); ``uniforms`` [2]."""
    if spread == 0:
        return image
    levels = np.arange(256, dtype=np.float32)
    factors = ((uniforms * 2 - 1) * spread + 1).astype(np.float32)
    saturations, values = np.minimum(levels * factors[:, None], 255).astype(np.uint8)
    changed = np.empty_like(image)
    strip = np.empty_like(image[:_STRIP_ROWS])
    # Strip by strip: a strip stays in the processor's cache, and one table on one channel is the fastest look-up.
    for top in range(0, len(image), _STRIP_ROWS):
        part = image[top : top + _STRIP_ROWS]
        hsv = strip[: len(part)]
        cv2.cvtColor(part, cv2.COLOR_BGR2HSV, dst=hsv)
        hue, saturation, value = cv2.split(hsv)
        cv2.merge([hue, cv2.LUT(saturation, saturations), cv2.LUT(value, values)], dst=hsv)
        cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=changed[top : top + _STRIP_ROWS])
    return changed


def stretch(image: ImageArray, uniform: float, strength: float) -> ImageArray:
    """Multiply width over height by a factor in (1 - strength, 1 / (1 - strength)), even in its logarithm.

    Only one side changes: it shrinks. Normalised labels stay as they are.
    """
    height, width = image.shape[:2]
    factor = (1 - strength) ** (1 - 2 * uniform)
    size = (max(1, round(width * min(1, factor))), max(1, round(height * min(1, 1 / factor))))
    stretched: ImageArray = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return stretched


@dataclass(frozen=True, slots=True)
class Affine:
    """Rotation, scale, shift and shear of a canvas."""

    matrix: Floats
    """Source to target pixels [3, 3]."""
    degrees: float
    """The rotation alone."""

    @classmethod
    def from_uniforms(cls, uniforms: Floats, canvas_size: tuple[int, int], config: AugmentationConfig) -> Affine:
        """Build from ``uniforms`` [6]: angle, scale, x shift, y shift, x shear, y shear."""
        width, height = canvas_size
        signed = uniforms * 2 - 1
        degrees = signed[0] * config.rotation_degrees
        scale = uniforms[1] * (config.scale_max - config.scale_min) + config.scale_min
        turn, shift, shear = np.eye(3), np.eye(3), np.eye(3)
        turn[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
        # As published: the horizontal shift is a fraction of the height, the vertical one of the width.
        shift[0, 2], shift[1, 2] = signed[2] * config.translation * height, signed[3] * config.translation * width
        shear[0, 1], shear[1, 0] = np.tan(np.radians(signed[4:6] * config.shear_degrees))
        return cls(shear @ shift @ turn, float(degrees))

    def warp_image(self, image: ImageArray) -> ImageArray:
        """Return the canvas after the warp, the same size, its border grey."""
        height, width = image.shape[:2]
        border = (BORDER_VALUE,) * 3
        warped: ImageArray = cv2.warpAffine(
            image, self.matrix[:2], (width, height), flags=cv2.INTER_LINEAR, borderValue=border
        )
        return warped

    def warp_boxes(self, boxes_xyxy: Floats) -> Floats:
        """Return the boxes [n, 4] around the warped corners, narrowed as far as the rotation alone widens them."""
        corners = boxes_xyxy[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        moved = corners @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        first, last = moved.min(axis=1), moved.max(axis=1)
        angle = np.radians(self.degrees)
        half = (last - first) / 2 * max(abs(np.sin(angle)), abs(np.cos(angle))) ** 0.5
        middle = (first + last) / 2
        return np.concatenate([middle - half, middle + half], axis=1)


def surviving(before_xyxy: Floats, after_xyxy: Floats, canvas_size: tuple[int, int]) -> NDArray[np.bool_]:
    """Mark the boxes [n, 4] that are still usable after a warp.

    They are larger than 4 px, keep more than a tenth of their area, are less than ten times as long as wide, and meet
    the canvas.
    """
    before, after = before_xyxy[:, 2:] - before_xyxy[:, :2], after_xyxy[:, 2:] - after_xyxy[:, :2]
    good = (after > 4).all(axis=1) & (after.prod(axis=1) / (before.prod(axis=1) + 1e-16) > 0.1)
    good &= after.max(axis=1) < 10 * after.min(axis=1)
    meeting: NDArray[np.bool_] = good & _meets_canvas(after_xyxy, canvas_size)
    return meeting


def _meets_canvas(boxes_xyxy: Floats, canvas_size: tuple[int, int]) -> NDArray[np.bool_]:
    meets: NDArray[np.bool_] = ((boxes_xyxy[:, 2:] > 0) & (boxes_xyxy[:, :2] < np.array(canvas_size))).all(axis=1)
    return meets


def _move(image: LabelledArray, boxes_xyxy: Floats, uniforms: Floats, config: AugmentationConfig) -> LabelledArray:
    """Apply affine and flip to a canvas; ``uniforms`` [7]."""
    canvas, labels = image
    canvas_size = (canvas.shape[1], canvas.shape[0])
    affine = Affine.from_uniforms(uniforms[:6], canvas_size, config)
    warped = affine.warp_boxes(boxes_xyxy)
    is_region = labels[:, 0] == IGNORE_CLASS
    kept = surviving(boxes_xyxy, warped, canvas_size) | (is_region & _meets_canvas(warped, canvas_size))
    canvas, labels, warped = affine.warp_image(canvas), labels[kept], warped[kept]
    if uniforms[6] > 1 - config.flip:
        canvas = cv2.flip(canvas, 1)
        warped = np.stack([canvas_size[0] - warped[:, 2], warped[:, 1], canvas_size[0] - warped[:, 0], warped[:, 3]], 1)
    return canvas, _with_boxes(labels, warped, canvas_size)


def _place(sample: LabelledArray, canvas_size: tuple[int, int]) -> tuple[ImageArray, NDArray[np.floating[Any]], Floats]:
    """Return the letterboxed canvas, the labels, and their boxes [n, 4] as corners in its pixels."""
    image, labels = sample
    size = (image.shape[1], image.shape[0])
    box = Letterbox(size, canvas_size)
    centres, sizes = np.split(labels[:, 2:6] * np.array(size * 2, dtype=np.float64), [2], axis=1)
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    return box.apply(image), labels, np.asarray(box.boxes_to_canvas(corners), dtype=np.float64)


def _mosaic(
    images: Sequence[LabelledArray], canvas_size: tuple[int, int], uniforms: Floats
) -> tuple[ImageArray, NDArray[np.floating[Any]], Floats]:
    """Letterbox four images into the quarters around a point in the middle third of the canvas; as ``_place``."""
    width, height = canvas_size
    x, y = (int((1 + uniform) / 3 * side) for uniform, side in zip(uniforms, canvas_size, strict=True))
    quarters = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    all_labels, all_boxes = [], []
    for image, (left, top, right, bottom) in zip(images, quarters, strict=True):
        canvas[top:bottom, left:right], labels, boxes = _place(image, (right - left, bottom - top))
        all_labels.append(labels)
        all_boxes.append(boxes + np.array([left, top, left, top]))
    return canvas, np.concatenate(all_labels), np.concatenate(all_boxes)


def _with_boxes(
    labels: NDArray[np.floating[Any]], boxes_xyxy: Floats, canvas_size: tuple[int, int]
) -> NDArray[np.floating[Any]]:
    """Return the rows with these boxes, normalised by the canvas."""
    changed = np.array(labels, dtype=np.float64)
    changed[:, 2:4] = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2 / canvas_size
    changed[:, 4:6] = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / canvas_size
    return changed
