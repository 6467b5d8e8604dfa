"""Labels of identities that do not cover each other: where each stands, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray

Color = tuple[int, int, int]
"""Blue, green, red."""

# Rows of labels above a box that are tried before a label may cover another one.
_ROWS = 4


def place_labels(
    boxes_xyxy: NDArray[np.float64], sizes: NDArray[np.float64], frame_size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return left and top of each label [M, 2], pixels: at its box, in the frame, and on no other label if possible.

    The nearest people, whose boxes end lowest, get the places above their boxes. Others move to the other end of the
    upper edge, into the box, below it, beside it, or up by rows. Where all places are taken, a label covers others.

    Args:
        boxes_xyxy: corners of the boxes [M, 4], pixels.
        sizes: width and height of each label [M, 2], pixels.
        frame_size: width and height of the frame, pixels.
    """
    places = np.empty((len(boxes_xyxy), 2))
    taken = np.empty((0, 4))
    room = np.maximum(np.array(frame_size) - sizes, 0)
    for number in np.lexsort((np.arange(len(boxes_xyxy)), -boxes_xyxy[:, 3])):
        left, top, right, bottom = boxes_xyxy[number]
        width, height = sizes[number]
        rows = top - height * np.arange(2, 2 + _ROWS)
        tried = np.array(
            [
                (left, top - height),
                (right - width, top - height),
                (left, top),
                (right - width, top),
                (left, bottom),
                (right, top),
                (left - width, top),
                *((left, row) for row in rows),
            ]
        ).clip(0, room[number])
        overlaps = _overlaps(np.concatenate([tried, tried + sizes[number]], axis=1), taken)
        place = tried[int(np.argmin(overlaps))]  # the first of those that cover least
        places[number] = place
        taken = np.concatenate([taken, [[*place, *(place + sizes[number])]]])
    return places


def _overlaps(tried: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area that each of the boxes [P, 4] shares with the taken ones [N, 4] together [P]."""
    low = np.maximum(tried[:, None, :2], taken[None, :, :2])
    high = np.minimum(tried[:, None, 2:], taken[None, :, 2:])
    area: NDArray[np.float64] = np.prod(np.maximum(high - low, 0), axis=2).sum(axis=1)
    return area


class Labels:
    """Draws labels in one font.

    Args:
        scale: of OpenCV's font.
        thickness: of its strokes, pixels.
        padding: round the text, pixels.
    """

    def __init__(self, scale: float, thickness: int, padding: int) -> None:
        self._scale, self._thickness, self._padding = scale, thickness, padding

    def draw(
        self, scene: ImageArray, boxes_xyxy: NDArray[np.float64], texts: Sequence[str], colors: Sequence[Color]
    ) -> ImageArray:
        """Draw a label for each box on ``scene``, BGR uint8 [H, W, 3], in place, and return it.

        A label that stands away from its box is tied to it by a thin line.
        """
        font = cv2.FONT_HERSHEY_SIMPLEX
        extents = [cv2.getTextSize(text, font, self._scale, self._thickness)[0] for text in texts]
        sizes = np.array(extents, dtype=np.float64).reshape(-1, 2) + 2 * self._padding
        height, width = scene.shape[:2]
        places = place_labels(boxes_xyxy, sizes, (width, height))
        ends = places + sizes
        for box, place, end, color in zip(boxes_xyxy, places, ends, colors, strict=True):
            if end[1] < box[1] - 1:
                start = (round(place[0] + self._padding), round(end[1]))
                cv2.line(scene, start, (start[0], round(box[1])), color, max(1, self._thickness), cv2.LINE_AA)
        for text, place, end, color in zip(texts, places, ends, colors, strict=True):
            low, high = np.rint(place).astype(int).tolist(), np.rint(end).astype(int).tolist()
            cv2.rectangle(scene, low, [high[0] - 1, high[1] - 1], color, cv2.FILLED)
            at = (low[0] + self._padding, high[1] - self._padding)
            cv2.putText(scene, text, at, font, self._scale, ink_on(color), self._thickness, cv2.LINE_AA)
        return scene


# Weights of blue, green and red in perceived brightness (ITU-R BT.601), and the grey above which black reads better.
_LUMA = (0.114, 0.587, 0.299)
_BRIGHT = 140


def ink_on(color: Color) -> Color:
    """Return black or white, whichever reads better on a colour."""
    return (0, 0, 0) if sum(w * c for w, c in zip(_LUMA, color, strict=True)) > _BRIGHT else (255, 255, 255)
