"""Rows of house fronts, drawn flat: walls, windows, cornices, roofs. Ground floors are in ``shopfronts.py``."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray
from fairmot.street.colour import bgr, fractal, paint, pick
from fairmot.street.shopfronts import draw_ground_floor

PIXELS_PER_METRE = 40
TALLEST_M = 20.0

_PLASTER = "#d9cdb8 #cfb997 #c9a27c #d8d3c8 #b9c0bd #c7b0a0 #d6c48f #b98c72 #a9b4a0 #dcd7cf #bcae9a #9fa8b0"
_BRICK = "#8d4e3c #9a5c46 #7a4a3c #a8735a #b08f78"
_GLASS = "#39444d #2f3a42 #46535d #3a4650"


@dataclass(frozen=True, slots=True)
class Facades:
    """A row of houses seen from the street."""

    image: ImageArray
    """uint8 [h, w, 3], the first row ``TALLEST_M`` above the ground."""
    coverage: ImageArray
    """255 where there is a house, uint8 [h, w]."""
    heights: NDArray[np.float32]
    """Height in metres above each column [w]."""


def draw_facades(rng: np.random.Generator, length_m: float) -> Facades:
    """Draw a row of houses of different width, height, age and colour."""
    scale = PIXELS_PER_METRE
    rows, columns = int(TALLEST_M * scale), int(length_m * scale)
    image = np.zeros((rows, columns, 3), dtype=np.uint8)
    coverage = np.zeros((rows, columns), dtype=np.uint8)
    x = 0
    while x < columns:
        width = min(int(rng.uniform(5.5, 13.0) * scale), columns - x)
        if columns - x - width < 4 * scale:
            width = columns - x
        _house(rng, image[:, x : x + width], coverage[:, x : x + width])
        x += width
    speckle = np.tile(0.015 * rng.standard_normal((rows, 400), np.float32), (1, columns // 400 + 1))
    grain = 1 + 0.035 * fractal(rng, rows, columns, 200, 3) + speckle[:, :columns]
    image = np.asarray(cv2.multiply(image, cv2.merge([grain] * 3), dtype=cv2.CV_8U), dtype=np.uint8)
    heights = (coverage > 0).sum(axis=0) / scale
    return Facades(image, coverage, np.asarray(heights, dtype=np.float32))


def _house(rng: np.random.Generator, image: ImageArray, coverage: ImageArray) -> None:
    scale = PIXELS_PER_METRE
    rows, width = coverage.shape
    floors = int(rng.integers(1, 4))
    ground_px = int(rng.uniform(3.4, 4.2) * scale)
    floor_px = int(rng.uniform(2.8, 3.3) * scale)
    wall_px = ground_px + floors * floor_px + int(0.4 * scale)
    kind = ("plaster", "brick", "modern")[int(rng.choice(3, p=(0.55, 0.27, 0.18)))]
    colour = bgr(pick(rng, {"plaster": _PLASTER, "brick": _BRICK, "modern": "#9aa0a4 #c9cac8 #7c8084 #b5aa9c"}[kind]))
    roof_px = 0 if kind == "modern" else int(rng.uniform(1.6, 2.6) * scale)
    top = rows - wall_px
    wall = image[top:]
    wall[...] = np.clip(colour, 0, 255).astype(np.uint8)
    coverage[top:] = 255
    if kind == "brick":
        _bricks(rng, wall, colour)
    else:
        stains = np.linspace(1.0, 0.93, wall_px, dtype=np.float32)[:, None, None]
        wall[...] = np.clip(wall * stains, 0, 255).astype(np.uint8)
    trim = bgr(pick(rng, "#e6e0d4 #d8d2c6 #c8c2b6 #efebe2")) if kind != "modern" else colour * 0.75
    _windows(rng, wall[: wall_px - ground_px], floors, floor_px, kind, trim)
    for floor in range(floors if kind == "plaster" else 1):
        y = wall_px - ground_px - floor * floor_px
        _cornice(wall, y, 5 if floor == 0 else 3, trim)
    _cornice(wall, 4, 9, trim)
    if roof_px:
        _roof(rng, image[top - roof_px : top], coverage[top - roof_px : top])
    draw_ground_floor(rng, wall[wall_px - ground_px :], colour, trim)
    wall[:, :2] = (wall[:, :2] * 0.6).astype(np.uint8)  # the joint between two houses
    if rng.random() < 0.7:  # a rain pipe
        x = 4 if rng.random() < 0.5 else width - 9
        cv2.rectangle(image, (x, top), (x + 3, rows), paint(colour, 0.55), -1)
        cv2.line(image, (x + 1, top), (x + 1, rows), paint(colour, 0.85), 1)


def _bricks(rng: np.random.Generator, wall: ImageArray, colour: NDArray[np.float32]) -> None:
    rows = np.arange(wall.shape[0]) // 3
    columns = (np.arange(wall.shape[1])[None] + (rows % 2)[:, None] * 5) // 10
    tint = 1 + 0.09 * rng.standard_normal((rows.max() + 1, columns.max() + 1), dtype=np.float32)[rows[:, None], columns]
    wall[...] = np.clip(colour * tint[..., None], 0, 255).astype(np.uint8)
    wall[::3] = np.clip(wall[::3] * 0.9 + 14, 0, 255).astype(np.uint8)


def _cornice(wall: ImageArray, y: int, thickness: int, colour: NDArray[np.float32]) -> None:
    """A light ledge and the shadow it throws on the wall below."""
    cv2.rectangle(wall, (0, y - thickness), (wall.shape[1], y), paint(colour), -1)
    cv2.line(wall, (0, y - thickness), (wall.shape[1], y - thickness), paint(colour, 1.12), 1)
    for step in range(1, thickness + 3):
        if y + step < wall.shape[0]:
            wall[y + step] = (wall[y + step] * (0.55 + 0.4 * step / (thickness + 3))).astype(np.uint8)


def _windows(
    rng: np.random.Generator, wall: ImageArray, floors: int, floor_px: int, kind: str, trim: NDArray[np.float32]
) -> None:
    scale = PIXELS_PER_METRE
    width = wall.shape[1]
    wide = int((rng.uniform(1.0, 1.3) if kind != "modern" else rng.uniform(1.6, 2.4)) * scale)
    tall = int(rng.uniform(1.55, 1.95) * scale)
    count = max(1, int(width / (wide * (1.9 if kind != "modern" else 1.25))))
    frame = trim if rng.random() < 0.7 else bgr(pick(rng, "#4a3b30 #3c4a44 #50555a"))
    shutters = bgr(pick(rng, "#4d5f53 #6b4636 #5b6b78 #7a7466")) if kind == "plaster" and rng.random() < 0.4 else None
    balconies = rng.random() < 0.3
    for floor in range(floors):
        top = wall.shape[0] - (floor + 1) * floor_px + int(0.55 * scale)
        for column in range(count):
            x = int((column + 0.5) * width / count - wide / 2)
            _window(rng, wall, (x, top, wide, tall), frame, trim)
            if shutters is not None and wide * 2.1 < width / count:
                for left in (x - wide // 2 - 4, x + wide + 4):
                    cv2.rectangle(wall, (left, top - 1), (left + wide // 2, top + tall + 1), paint(shutters), -1)
                    for y in range(top + 2, top + tall, 4):
                        cv2.line(wall, (left + 2, y), (left + wide // 2 - 2, y), paint(shutters, 0.72), 1)
            if balconies and column % 2 == 0:
                _balcony(wall, x - 10, top + tall // 2, wide + 20, tall // 2 + 6)


def _window(
    rng: np.random.Generator,
    wall: ImageArray,
    place: tuple[int, int, int, int],
    frame: NDArray[np.float32],
    trim: NDArray[np.float32],
) -> None:
    x, y, wide, tall = place
    cv2.rectangle(wall, (x - 5, y - 5), (x + wide + 4, y + tall + 4), paint(trim, 0.97), -1)
    glass = wall[max(y, 0) : y + tall, max(x, 0) : x + wide]
    if glass.size == 0:
        return
    dark = bgr(pick(rng, _GLASS))
    # The pane mirrors the sky more towards its top.
    mirrored = np.linspace(1.55, 0.75, glass.shape[0], dtype=np.float32)[:, None, None] * rng.uniform(0.8, 1.25)
    glass[...] = np.clip(dark * mirrored, 0, 255).astype(np.uint8)
    if rng.random() < 0.45:  # curtains
        cloth = bgr(pick(rng, "#cfc8ba #b7b2a8 #c2b49a #a7a9a6"))
        curtain = int(wide * rng.uniform(0.18, 0.42))
        for left, right in ((0, curtain), (wide - curtain, wide)):
            folds = 0.62 + 0.08 * np.sin(np.arange(right - left) * 1.3)
            part = glass[:, left:right]
            part[...] = np.clip(cloth * folds[None, : part.shape[1], None], 0, 255).astype(np.uint8)
    glass[:5] = (glass[:5] * 0.5).astype(np.uint8)  # the reveal's shadow
    glass[:, :3] = (glass[:, :3] * 0.65).astype(np.uint8)
    cv2.rectangle(wall, (x, y), (x + wide - 1, y + tall - 1), paint(frame), 2)
    cv2.line(wall, (x + wide // 2, y), (x + wide // 2, y + tall - 1), paint(frame), 2)
    cv2.line(wall, (x, y + tall // 3), (x + wide - 1, y + tall // 3), paint(frame, 0.95), 2)
    cv2.rectangle(wall, (x - 7, y + tall + 3), (x + wide + 6, y + tall + 7), paint(trim, 1.05), -1)
    below = wall[y + tall + 8 : y + tall + 14, max(x - 6, 0) : x + wide + 6]
    below[...] = (below * 0.72).astype(np.uint8)


def _balcony(wall: ImageArray, x: int, y: int, wide: int, tall: int) -> None:
    iron = (46, 46, 50)
    cv2.rectangle(wall, (x, y + tall), (x + wide, y + tall + 5), (150, 152, 156), -1)
    cv2.line(wall, (x, y), (x + wide, y), iron, 2)
    for bar in range(x, x + wide + 1, 5):
        cv2.line(wall, (bar, y), (bar, y + tall), iron, 1)


def _roof(rng: np.random.Generator, image: ImageArray, coverage: ImageArray) -> None:
    """A tiled roof that leans back, with chimneys or dormers."""
    height, width = coverage.shape
    tiles = bgr(pick(rng, "#8a4b38 #7a4436 #5a5552 #6b5a50 #4e5358 #94604a"))
    lean = int(rng.uniform(0.0, 0.3) * height)
    outline = np.array([[0, height], [lean, 0], [width - 1 - lean, 0], [width - 1, height]], dtype=np.int32)
    cv2.fillPoly(coverage, [outline], 255)
    rows = np.arange(height)
    tint = (0.78 + 0.22 * rows / height) * (1 - 0.16 * (rows % 6 == 0))
    tone = 1 + 0.05 * rng.standard_normal((height, width), dtype=np.float32)
    image[...] = np.clip(tiles * (tint[:, None] * tone)[..., None], 0, 255).astype(np.uint8)
    for place in np.arange(width * 0.25, width * 0.9, width * 0.3) if rng.random() < 0.6 else ():
        x, y = int(place), int(height * 0.3)
        cv2.rectangle(image, (x - 18, y - 8), (x + 18, height - 8), paint(bgr("#cfc9bd"), 0.9), -1)
        cv2.rectangle(image, (x - 12, y), (x + 12, height - 12), paint(bgr("#3c4750")), -1)
        cv2.line(image, (x, y), (x, height - 12), paint(bgr("#d8d2c6")), 2)
