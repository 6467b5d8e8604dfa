"""Colours of identities: many, each as far as possible from those before it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

COUNT = 48
"""Colours before they repeat."""
_LEVELS = 16
# Neither black nor white nor grey, which streets are full of.
_LIGHTNESS = (35.0, 88.0)
_LEAST_CHROMA = 38.0
_FIRST = (255, 64, 64)
# People side by side often have consecutive identities.
_LEAST_STEP = 170.0

Floats = NDArray[np.float64]


@cache
def palette() -> tuple[tuple[int, int, int], ...]:
    """Return ``COUNT`` colours as red, green, blue.

    Each is the one of a grid that lies farthest in CIELAB from all before it, so that the first ones, of the people who
    are in a video together, differ most; consecutive ones differ by a part of the RGB cube's width besides.
    """
    levels = np.linspace(0, 255, _LEVELS)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3).round()
    lab = _lab(grid)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    kept = (lab[:, 0] > _LIGHTNESS[0]) & (lab[:, 0] < _LIGHTNESS[1]) & (chroma > _LEAST_CHROMA)
    grid, lab = grid[kept], lab[kept]
    colors = [_FIRST]
    distances = np.linalg.norm(lab - _lab(np.array([_FIRST])), axis=1)
    while len(colors) < COUNT:
        follows = np.linalg.norm(grid - colors[-1], axis=1) > _LEAST_STEP
        best = int(np.argmax(np.where(follows, distances, -1)))
        red, green, blue = grid[best].astype(int).tolist()
        colors.append((red, green, blue))
        distances = np.minimum(distances, np.linalg.norm(lab - lab[best], axis=1))
    return tuple(colors)


def _lab(colors: Floats) -> Floats:
    """Return colours [N, 3], red, green, blue from 0 to 255, in CIELAB."""
    pixels = (colors.reshape(-1, 1, 3) / 255).astype(np.float32)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), dtype=np.float64).reshape(-1, 3)
