"""One frame of a source, and images of other sizes fitted into a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from fairmot.geometry import ImageArray, Scale

NO_IMAGE: ImageArray = np.empty((0, 0, 3), dtype=np.uint8)
"""Of frames whose pixels nobody needs."""


class Decoded(Protocol):
    """A frame as it was decoded; while it is kept, so is the decoder's buffer."""

    @property
    def scale(self) -> Scale | None:
        """Scales the frame and converts it to BGR in one step, faster than by way of ``image``; None: it cannot."""

    def image(self) -> ImageArray:
        """Return its pixels as it is shown, BGR [H, W, 3], uint8."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a source."""

    image: ImageArray
    """BGR pixels [H, W, 3], uint8; ``NO_IMAGE`` where the loop said that it needs none."""
    index: int
    """Index in the source, from 0; frames left out by a selection are counted."""
    seconds: float
    """Time after the source's first frame."""
    prepared: Any = None
    """What the reading thread made of the image; see ``FrameReader.prepare_with``."""
    decoded: Decoded | None = None
    """What the reading thread makes ``image`` and ``prepared`` of; None: ``image`` is all there is."""


def fitted(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """Return an image scaled to fit into ``size`` (width, height) with black borders; the aspect ratio stays."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (min(size[0], max(1, round(width * scale))), min(size[1], max(1, round(height * scale))))
    canvas: ImageArray = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    return canvas
