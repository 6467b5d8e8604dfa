"""A contact sheet of images with their boxes and identities."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.data.annotations import LabelledImages
from fairmot.data.image_files import read_image
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.geometry import ImageArray

SUFFIXES = (".png", ".jpg", ".jpeg")
_GAP_PX = 6
_CAPTION_PX = 18
_BACKGROUND = 32
_TEXT = (235, 235, 235)
_IGNORED = (160, 160, 160)
_UNKNOWN = (255, 255, 255)


def chosen_images(images: LabelledImages, count: int, seed: int = 0) -> list[int]:
    """Return indices of ``count`` images (or all), as many of each set as can be, drawn by ``seed`` alone; sorted."""
    rng = np.random.default_rng(seed)
    drawn, first = [], 0
    for each in images.sets:
        drawn.append((first + rng.permutation(each.images)).tolist())
        first += each.images
    # In turns: the first of each set, the second of each, and so on.
    in_turns = [some[turn] for turn in range(max(map(len, drawn), default=0)) for some in drawn if turn < len(some)]
    return sorted(in_turns[:count])


def contact_sheet(images: LabelledImages, indices: list[int], tile_width_px: int = 480) -> ImageArray:
    """Draw images with their boxes in a grid, BGR [H, W, 3].

    A box has the colour and the number of its identity (as in its own set), or is white without one; ignore regions
    are grey and crossed out.

    Raises:
        InputError: an image cannot be read.
    """
    tiles = [_tile(images, index, tile_width_px) for index in indices]
    columns = max(1, math.ceil(math.sqrt(len(tiles))))
    lines = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.shape[0] for tile in line) for line in lines]
    sheet = np.full(
        (sum(heights) + _GAP_PX * (len(lines) + 1), columns * (tile_width_px + _GAP_PX) + _GAP_PX, 3),
        _BACKGROUND,
        dtype=np.uint8,
    )
    top = _GAP_PX
    for line, height in zip(lines, heights, strict=True):
        for column, tile in enumerate(line):
            left = _GAP_PX + column * (tile_width_px + _GAP_PX)
            sheet[top : top + tile.shape[0], left : left + tile_width_px] = tile
        top += height + _GAP_PX
    return sheet


def write_preview(images: LabelledImages, path: Path, count: int = 16, seed: int = 0, tile_width_px: int = 480) -> int:
    """Write a contact sheet as PNG or JPEG; return how many images are on it.

    Raises:
        InputError: another type of file, or an image that cannot be read.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: a contact sheet is an image: name it {' or '.join(SUFFIXES)}")
    indices = chosen_images(images, count, seed)
    encoded = cv2.imencode(path.suffix.lower(), contact_sheet(images, indices, tile_width_px))[1]
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
    return len(indices)


def identity_colour(identity: int) -> tuple[int, int, int]:
    """Return the colour of an identity, BGR: hues a golden angle apart, so that neighbours differ."""
    hue = round(identity * 137.508) % 360
    pixel: NDArray[np.uint8] = np.array([[[hue // 2, 200, 255]]], dtype=np.uint8)
    blue, green, red = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red


def _tile(images: LabelledImages, index: int, width: int) -> ImageArray:
    image = read_image(images.paths[index])
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    tile = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    owner = int(np.searchsorted(np.cumsum([each.images for each in images.sets]), index, side="right"))
    rows = images.labels(index)
    corners = np.concatenate([rows[:, 2:4] - rows[:, 4:6] / 2, rows[:, 2:4] + rows[:, 4:6] / 2], axis=1)
    for (class_id, joined), box in zip(rows[:, :2].tolist(), np.round(corners * ([width, height] * 2)), strict=True):
        left, top, right, bottom = box.astype(int).tolist()
        if class_id == IGNORE_CLASS:
            cv2.rectangle(tile, (left, top), (right, bottom), _IGNORED, 1)
            cv2.line(tile, (left, top), (right, bottom), _IGNORED, 1)
            cv2.line(tile, (left, bottom), (right, top), _IGNORED, 1)
            continue
        identity = int(joined) - images.sets[owner].identity_start if joined >= 0 else -1
        colour = identity_colour(identity) if identity >= 0 else _UNKNOWN
        cv2.rectangle(tile, (left, top), (right, bottom), colour, 1)
        if identity >= 0:
            _write(tile, str(identity), (left + 2, top + 10), colour)
    captioned = np.full((height + _CAPTION_PX, width, 3), _BACKGROUND, dtype=np.uint8)
    captioned[:height] = tile
    caption = f"{images.sets[owner].name}: {images.paths[index].parent.name}/{images.paths[index].name}"
    _write(captioned, caption, (2, height + 13), _TEXT)
    return captioned


def _write(image: ImageArray, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    # A dark rim keeps the text readable on any image.
    for shade, thickness in (((0, 0, 0), 3), (colour, 1)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.38, shade, thickness, cv2.LINE_AA)
