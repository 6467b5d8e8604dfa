"""The ground of a street as seen from above: asphalt, paving, kerbs, markings, wear."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray
from fairmot.street.colour import bgr, fractal, paint, pick
from fairmot.street.layout import HALF_LENGTH, Layout

PIXELS_PER_METRE = 40


def draw_ground(rng: np.random.Generator, layout: Layout) -> ImageArray:
    """Return the ground, uint8 [z, x, 3], from ``layout.front`` to the wall and over the street's length."""
    scale = PIXELS_PER_METRE
    width = int(2 * HALF_LENGTH * scale)
    bounds = [round((z - layout.front) * scale) for z in (layout.near_kerb, layout.far_kerb, layout.wall)]
    style = pick(rng, "slabs large bricks cobbles")
    tone = bgr(pick(rng, "#a8a49c #9c9a97 #b0a898 #aa9a8c #8f9296"))
    if layout.pedestrian:
        image = _paving(rng, bounds[2], width, style, tone)
        _inlay(rng, image, bounds, tone)
    else:
        image = np.concatenate(
            [
                _paving(rng, bounds[0], width, style, tone),
                _asphalt(rng, bounds[1] - bounds[0], width),
                _paving(rng, bounds[2] - bounds[1], width, style, tone),
            ]
        )
        _markings(rng, image, layout, bounds)
        _kerb(rng, image, bounds[0], outwards=-1)
        _kerb(rng, image, bounds[1], outwards=1)
    _wear(rng, image)
    return image


def _asphalt(rng: np.random.Generator, height: int, width: int) -> ImageArray:
    base = bgr(pick(rng, "#5d5e60 #6a6a69 #555759 #707070"))
    tone = 1 + 0.05 * fractal(rng, height, width, 160) + 0.05 * rng.standard_normal((height, width), dtype=np.float32)
    # Wheels polish two tracks a lane.
    across = np.linspace(0, 4 * math.pi, height, dtype=np.float32)
    tone = tone * (1 + 0.035 * np.cos(across))[:, None]
    image: ImageArray = np.clip(base * tone[..., None], 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(3, 9))):  # repaired strips
        x, z = int(rng.integers(width)), int(rng.integers(height))
        size = rng.integers(20, (260, 70))
        region = image[max(0, z - size[1] // 2) : z + size[1] // 2, max(0, x - size[0] // 2) : x + size[0] // 2]
        region[...] = np.clip(region * rng.uniform(0.72, 1.12), 0, 255).astype(np.uint8)
        if region.size:
            cv2.rectangle(region, (0, 0), (region.shape[1] - 1, region.shape[0] - 1), (48, 48, 48), 1)
    return np.asarray(image, dtype=np.uint8)


def _paving(rng: np.random.Generator, height: int, width: int, style: str, tone: NDArray[np.float32]) -> ImageArray:
    """Stones in rows, every second row shifted by half a stone, each with a tone of its own."""
    size_x, size_z, spread = {
        "slabs": (24, 16, 0.05),
        "large": (32, 32, 0.035),
        "bricks": (9, 5, 0.075),
        "cobbles": (6, 5, 0.09),
    }[style]
    rows = np.arange(height) // size_z
    columns = (np.arange(width)[None] + (rows % 2)[:, None] * (size_x // 2)) // size_x
    stones = rng.standard_normal((rows.max() + 1, columns.max() + 1), dtype=np.float32)
    tint = 1 + spread * stones[rows[:, None], columns]
    tint += 0.03 * fractal(rng, height, width, 120) + 0.03 * rng.standard_normal((height, width), dtype=np.float32)
    joint_x = (np.arange(width)[None] + (rows % 2)[:, None] * (size_x // 2)) % size_x == 0
    joints = joint_x | (np.arange(height) % size_z == 0)[:, None]
    tint = np.where(joints, tint * (0.8 if size_x > 10 else 0.86), tint)
    return np.asarray(np.clip(tone * tint[..., None], 0, 255), dtype=np.uint8)


def _inlay(rng: np.random.Generator, image: ImageArray, bounds: list[int], tone: NDArray[np.float32]) -> None:
    """Bands of darker stones and a gutter, as pedestrian zones have them."""
    factor = rng.uniform(0.68, 0.85)
    for z in bounds[:2]:
        image[z : z + 14] = np.clip(image[z : z + 14] * factor, 0, 255).astype(np.uint8)
        cv2.line(image, (0, z), (image.shape[1], z), paint(tone, 0.55), 1)
        cv2.line(image, (0, z + 14), (image.shape[1], z + 14), paint(tone, 0.55), 1)
    step = int(rng.uniform(5, 9) * PIXELS_PER_METRE)
    for x in range(0, image.shape[1], step):
        image[:, x : x + 12] = np.clip(image[:, x : x + 12] * factor, 0, 255).astype(np.uint8)


def _markings(rng: np.random.Generator, image: ImageArray, layout: Layout, bounds: list[int]) -> None:
    scale = PIXELS_PER_METRE
    near, far = bounds[0], bounds[1]
    worn = 0.72 + 0.16 * fractal(rng, far - near, image.shape[1], 24, 5)
    lines = np.zeros((far - near, image.shape[1]), dtype=np.uint8)
    clear = [int((x + HALF_LENGTH) * scale) for x in layout.crossings]
    middle = (far - near) // 2
    for x in range(0, image.shape[1], 6 * scale):
        if all(abs(x + scale * 1.5 - place) > 5 * scale for place in clear):
            cv2.rectangle(lines, (x, middle - 3), (x + 3 * scale, middle + 3), 255, -1)
    for place in clear:
        for z in range(scale // 3, far - near - scale // 3, scale):
            cv2.rectangle(lines, (place - 2 * scale, z), (place + 2 * scale, z + scale // 2), 255, -1)
    if any(layout.parking):
        for x in range(0, image.shape[1], int(5.4 * scale)):
            for parked, top in zip(layout.parking, (0, far - near - int(2.1 * scale)), strict=True):
                if parked and all(abs(x - place) > 3.2 * scale for place in clear):
                    cv2.rectangle(lines, (x, top), (x + 4, top + int(2.1 * scale)), 255, -1)
    opacity = (lines / 255 * np.clip(worn, 0, 0.95))[..., None]
    road = image[near:far]
    road[...] = (road * (1 - opacity) + np.array([212, 216, 218]) * opacity).astype(np.uint8)
    for _ in range(6):  # manhole covers
        centre = (int(rng.integers(image.shape[1])), int(rng.integers(near + 40, far - 40)))
        cv2.circle(image, centre, 14, (52, 54, 56), -1, cv2.LINE_AA)
        cv2.circle(image, centre, 14, (92, 94, 96), 1, cv2.LINE_AA)
        for offset in range(-9, 10, 4):
            cv2.line(image, (centre[0] - 8, centre[1] + offset), (centre[0] + 8, centre[1] + offset), (78, 80, 82), 1)


def _kerb(rng: np.random.Generator, image: ImageArray, z: int, outwards: int) -> None:
    """Kerb stones: their top, their shaded side, and the gutter in front of it."""
    stone = bgr(pick(rng, "#b9b6b0 #a9a8a6 #c2bdb2"))
    length = int(PIXELS_PER_METRE * 1.0)
    for x in range(0, image.shape[1], length):
        tone = float(rng.normal(1, 0.05))
        top = (x, z), (x + length - 2, z + 6 * outwards)
        cv2.rectangle(image, *top, paint(stone, tone), -1)
        side = (x, z - outwards), (x + length - 2, z - 4 * outwards)
        cv2.rectangle(image, *side, paint(stone, 0.66 * tone), -1)
    gutter = image[min(z - 16 * outwards, z - 5 * outwards) : max(z - 16 * outwards, z - 5 * outwards)]
    gutter[...] = np.clip(gutter * 0.84, 0, 255).astype(np.uint8)


def _wear(rng: np.random.Generator, image: ImageArray) -> None:
    """Cracks, stains and specks of old gum, then large differences in how clean the ground is."""
    height, width = image.shape[:2]
    for _ in range(22):
        steps = rng.normal(0, 2.2, (int(rng.integers(10, 40)), 2)) + rng.normal(0, 3.5, 2)
        points = steps.cumsum(axis=0) + rng.uniform((0, 0), (width, height))
        shade = int(rng.integers(62, 96))
        cv2.polylines(image, [points.astype(np.int32)], False, (shade, shade, shade), 1, cv2.LINE_AA)
    for _ in range(500):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        local = image[centre[1], centre[0]].astype(np.float32)
        cv2.circle(image, centre, int(rng.integers(1, 3)), paint(local, rng.uniform(0.7, 1.1)), -1, cv2.LINE_AA)
    dirt = 1 + 0.045 * fractal(rng, height, width, 420, 5)
    image[...] = np.clip(image * dirt[..., None], 0, 255).astype(np.uint8)
