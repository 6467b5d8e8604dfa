"""Contact sheets of errors: the frames around each, with the boxes of results and ground truth drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fairmot.errors import InputError
from fairmot.evaluation.errors import Box, TrackingError
from fairmot.files import replacing
from fairmot.formats.rows import Rows
from fairmot.geometry import ImageArray
from fairmot.media.outputs.drawing import identity_color
from fairmot.media.sources.frames import read_frames

STEPS = (-6, -3, -1, 0, 1, 3)
"""Frames shown, relative to that of the error; the frame of the person's last match is shown too."""
TILE_PX = 300
# The tile shows the boxes with a margin of this fraction of their size on each side.
_MARGIN = 1.0
_CAPTION_PX = 18
_WHITE = (255, 255, 255)


@dataclass(slots=True)
class _Sheet:
    error: TrackingError
    frames: list[int]
    area: tuple[int, int, int, int]
    tiles: dict[int, ImageArray]


def write_sheets(
    errors: Sequence[TrackingError],
    truth: Rows,
    results: Rows,
    source: str | Path,
    folder: str | Path,
    first_frame: int = 0,
) -> list[Path]:
    """Write one sheet for each error, ``<frame>-<kind>-<identity or person>.jpg``; the source is read once.

    Args:
        errors: of one sequence.
        truth: its true rows, drawn white.
        results: its result rows, drawn in the colours of ``fairmot track``.
        source: the images or the video of the sequence.
        folder: where the sheets go.
        first_frame: index in the source of the rows' first frame.

    Raises:
        InputError: the source cannot be read, or lacks the frame of an error.
    """
    if not errors:
        return []
    reader = read_frames(source)
    width, height = reader.size
    sheets = [_Sheet(error, _frames(error), _area(error, width, height), {}) for error in errors]
    needed = {number for sheet in sheets for number in sheet.frames}
    with reader:
        for frame in reader:
            number = frame.index - first_frame + 1
            if number not in needed:
                continue
            drawn = _drawn(frame.image, number, truth, results)
            for sheet in sheets:
                if number in sheet.frames:
                    sheet.tiles[number] = _tile(drawn, sheet.area, number, number == sheet.error.frame)
            if number == max(needed):
                break
    written = []
    for sheet in sheets:
        error = sheet.error
        if error.frame not in sheet.tiles:
            raise InputError(f"{source}: has no frame {error.frame}, the frame of a {error.kind}")
        whom = error.person if error.identity is None else error.identity
        path = Path(folder) / f"{error.frame:06}-{error.kind.replace(' ', '-')}-{whom}.jpg"
        image = np.concatenate([sheet.tiles[number] for number in sorted(sheet.tiles)], axis=1)
        with replacing(path) as temporary:
            temporary.write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
        written.append(path)
    return written


def _frames(error: TrackingError) -> list[int]:
    chosen = {error.frame + step for step in STEPS}
    if error.last_frame is not None:
        chosen.add(error.last_frame)
    return sorted(number for number in chosen if number >= 1)


def _area(error: TrackingError, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of the image that is shown."""
    boxes: list[Box] = [box for box in (error.true_box, error.box) if box is not None]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    side = (1 + 2 * _MARGIN) * max(right - left, bottom - top, 20.0)
    side = min(side, width, height)
    x = int(np.clip((left + right - side) / 2, 0, width - side))
    y = int(np.clip((top + bottom - side) / 2, 0, height - side))
    return x, y, x + int(side), y + int(side)


def _drawn(image: ImageArray, number: int, truth: Rows, results: Rows) -> ImageArray:
    scene = image.copy()
    for rows, is_truth in ((truth, True), (results, False)):
        here = np.flatnonzero((rows.frames == number - 1) & ((rows.confidences != 0) | (not is_truth)))
        for row in here.tolist():
            left, top, width, height = (round(value) for value in rows.boxes_tlwh[row].tolist())
            identity = int(rows.ids[row])
            red, green, blue = identity_color(identity)
            colour = _WHITE if is_truth else (blue, green, red)
            cv2.rectangle(scene, (left, top), (left + width, top + height), colour, 1 if is_truth else 2)
            place = (left + 2, top + height - 4) if is_truth else (left + 2, top + 14)
            _write(scene, str(identity), place, colour)
    return scene


def _tile(scene: ImageArray, area: tuple[int, int, int, int], number: int, is_own: bool) -> ImageArray:
    left, top, right, bottom = area
    tile = np.full((TILE_PX + _CAPTION_PX, TILE_PX, 3), 32, dtype=np.uint8)
    tile[:TILE_PX] = cv2.resize(scene[top:bottom, left:right], (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
    _write(tile, f"frame {number}{'  <- error' if is_own else ''}", (4, TILE_PX + 13), _WHITE)
    return tile


def _write(image: ImageArray, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    # A dark rim keeps the text readable on any image.
    for shade, thickness in (((0, 0, 0), 3), (colour, 1)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, shade, thickness, cv2.LINE_AA)
