"""One frame of a source, and images of other sizes fitted into a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from fairmot.geometry import ImageArray, Scale


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a source."""

    image: ImageArray
    """BGR pixels [H, W, 3], uint8."""
    index: int
    """Index in the source, from 0; frames left out by a selection are counted."""
    seconds: float
    """Time after the source's first frame."""
    prepared: Any = None
    """What the reading thread made of the image; see ``FrameReader.prepare_with``."""
    scale: Scale | None = None
    """Scales the frame as it was decoded, which is faster than scaling ``image``; None: not to be had."""


def fitted(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """Return an image scaled to fit into ``size`` (width, height) with black borders; the aspect ratio stays."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (min(size[0], max(1, round(width * scale))), min(size[1], max(1, round(height * scale))))
    canvas: ImageArray = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    return canvas
