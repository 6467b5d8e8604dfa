"""A frame, and what every source of frames offers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from fairmot.geometry import ImageArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a source."""

    image: ImageArray
    """BGR pixels [H, W, 3], uint8."""
    index: int
    """Place in the source, from 0; frames left out by a selection are counted."""
    seconds: float
    """Time after the source's first frame."""
    prepared: Any = None
    """What was made of the image in the reading thread; see ``FrameReader.prepare_with``."""


def fitted(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """Return an image of another size scaled to fit into ``size``, black round it: nothing is stretched."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (min(size[0], max(1, round(width * scale))), min(size[1], max(1, round(height * scale))))
    canvas: ImageArray = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    return canvas


class StoredSource:
    """What all sources that are no live ones have in common."""

    is_live = False
    dropped_count = 0
    reconnect_count = 0
    busy_seconds = 0.0

    def close(self) -> None:
        """Do nothing: files are opened by each pass."""


class Source(Protocol):
    """Where frames come from. Creating a source opens and checks it; ``frames`` may be called again."""

    name: str
    """What results of this source are called: a file's stem or a folder's name."""
    size: tuple[int, int]
    """Width and height of every frame, pixels."""
    frame_rate: float
    """Frames a second (mean rate where it varies)."""
    frame_count: int | None
    """Frames that the source announces; None where it does not know."""
    problem: str | None
    """What could not be read in the last pass, in one line."""
    is_live: bool
    """It is a camera, stream or pipe: frames come when they come, and it has a thread of its own for them."""
    reconnect_count: int
    """How often a live source was lost and came back in the last pass."""
    busy_seconds: float
    """Time that a live source spent on decoding in the last pass."""

    @property
    def dropped_count(self) -> int:
        """Frames that a live source dropped in the last pass."""
        ...

    def close(self) -> None:
        """Give back what was opened and is not in use."""
        ...

    def frames(self, selected: range) -> Generator[Frame]:
        """Yield the frames whose index is in ``selected``; what cannot be read ends up in ``problem``."""
        ...
