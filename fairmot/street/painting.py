"""Clothes, skin and hair painted onto the tubes of a body."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray
from fairmot.street.colour import linear
from fairmot.street.wardrobe import Outfit

_LIPS = np.array([0.75, 0.62, 0.95])


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the faces of one tube lie: along the bone, and the angle around it from the wide side to the depth."""

    along: FloatArray
    """[R-1, 1]."""
    angle: FloatArray
    """[1, S]; a quarter turn is the direction of ``deep``, mostly the front."""

    @property
    def front(self) -> FloatArray:
        return np.asarray(np.sin(self.angle) + 0 * self.along)

    @property
    def aside(self) -> FloatArray:
        return np.asarray(np.cos(self.angle) + 0 * self.along)

    def fill(self, colour: FloatArray) -> FloatArray:
        return np.broadcast_to(colour, (len(self.along), self.angle.shape[1], 3)).astype(np.float64)


def colour_parts(
    rng: np.random.Generator, outfit: Outfit, names: list[str], along: FloatArray, segments: int
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the albedo [P, R-1, S, 3] of tubes and which faces exist [P, R-1, S].

    Args:
        rng: for the folds of the cloth.
        outfit: who wears it.
        names: the colouring of each tube: a key of ``_PAINTERS``.
        along: places of the rings [P, R].
        segments: faces around a tube.
    """
    angle = ((np.arange(segments) + 0.5) * (2 * math.pi / segments))[None]
    albedo, keep = [], []
    for name, rings in zip(names, along, strict=True):
        grid = _Grid(((rings[:-1] + rings[1:]) / 2)[:, None], angle)
        colours, kept = _PAINTERS[name](outfit, grid)
        folds = rng.standard_normal(colours.shape[:2])
        # Folds run a little along the limb and fade around it, whatever the number of faces.
        folds = cv2.GaussianBlur(folds, (0, 0), segments / 14, None, 0.7, cv2.BORDER_REFLECT)
        strength = 0.02 if name in ("head", "neck", "hand") else 0.06
        folds /= max(float(folds.std()), 1e-6)
        albedo.append(np.clip(colours * np.exp(strength * folds)[..., None], 0, 1))
        keep.append(kept)
    return np.stack(albedo), np.stack(keep)


_Painted = tuple[FloatArray, NDArray[np.bool_]]


def _whole(colours: FloatArray) -> _Painted:
    return colours, np.ones(colours.shape[:2], dtype=np.bool_)


def _top(outfit: Outfit, grid: _Grid) -> _Painted:
    colours = grid.fill(outfit.top)
    shown = np.zeros(colours.shape[:2], dtype=np.bool_)
    if outfit.pattern == "stripes":
        shown |= (np.floor(grid.along * 9) % 2 == 0) & (grid.angle > -1)
    elif outfit.pattern == "checks":
        shown |= (np.floor(grid.along * 7) + np.floor(grid.angle * 2.2)) % 2 == 0
    elif outfit.pattern == "block":
        shown |= (grid.along > 0.62) & (grid.angle > -1)
    elif outfit.pattern == "jacket":
        shown |= (np.abs(grid.aside) < 0.12 + 0.25 * np.clip(grid.along, 0, 1)) & (grid.front > 0)
    elif outfit.pattern == "print":
        shown |= (np.abs(grid.aside) < 0.45) & (grid.front > 0) & (grid.along > 0.42) & (grid.along < 0.7)
    colours[shown] = outfit.second
    bare = (grid.along > 0.96) & (grid.angle > -1)
    colours[bare] = outfit.skin if outfit.pattern != "jacket" else outfit.second
    if outfit.hem == 0:  # a belt or the lower edge of a shirt
        colours[np.broadcast_to(grid.along < -0.12, bare.shape)] = outfit.trousers * 0.7
    if outfit.carries in ("backpack", "handbag"):
        strap = np.abs(np.abs(grid.aside) - 0.55) < 0.12
        if outfit.carries == "handbag":
            strap = np.abs(grid.aside - (1.1 - 1.5 * grid.along)) < 0.14
        colours[strap & (grid.along > 0.2) & (grid.along < 0.95)] = outfit.bag
    return _whole(colours)


def _sleeve(covered: Callable[[Outfit, FloatArray], NDArray[np.bool_]]) -> Callable[[Outfit, _Grid], _Painted]:
    def painter(outfit: Outfit, grid: _Grid) -> _Painted:
        colours = grid.fill(outfit.skin)
        cloth = np.broadcast_to(covered(outfit, grid.along), colours.shape[:2])
        colours[cloth] = outfit.top
        if outfit.pattern == "stripes":
            colours[cloth & (np.floor(grid.along * 5) % 2 == 0)] = outfit.second
        return _whole(colours)

    return painter


def _leg(bare_below: dict[str, float]) -> Callable[[Outfit, _Grid], _Painted]:
    def painter(outfit: Outfit, grid: _Grid) -> _Painted:
        colours = grid.fill(outfit.trousers)
        bare = np.broadcast_to(grid.along > bare_below[outfit.legs], colours.shape[:2])
        colours[bare] = outfit.skin
        return _whole(colours)

    return painter


def _head(outfit: Outfit, grid: _Grid) -> _Painted:
    colours = grid.fill(outfit.skin)
    front = grid.front
    up = grid.along + 0 * front
    aside = np.abs(grid.aside)
    # The sockets of the eyes, the mouth and the cheeks: seen only on people near the camera.
    colours[(front > 0.3) & (np.abs(up - 0.52) < 0.055) & (aside > 0.22) & (aside < 0.62)] *= 0.42
    colours[(front > 0.3) & (np.abs(up - 0.6) < 0.04) & (aside > 0.15) & (aside < 0.65)] *= 0.72
    colours[(front > 0.85) & (np.abs(up - 0.36) < 0.05)] *= 1.1
    colours[(front > 0.82) & (np.abs(up - 0.21) < 0.045)] *= _LIPS * 0.85
    if outfit.beard:
        colours[(front > -0.35) & (up < 0.27) & ~((front > 0.8) & (np.abs(up - 0.21) < 0.04))] = outfit.hair_colour
    if outfit.hair != "none":
        colours[_hairy(grid)] = outfit.hair_colour
    return _whole(colours)


def _hairy(grid: _Grid) -> NDArray[np.bool_]:
    hairline = np.where(grid.front > 0.35, 0.80, np.where(grid.front > -0.15, 0.56, 0.24))
    return np.asarray(grid.along + 0 * grid.front > hairline)


def _hair(outfit: Outfit, grid: _Grid) -> _Painted:
    return grid.fill(outfit.hair_colour), _hairy(grid)


def _hat(outfit: Outfit, grid: _Grid) -> _Painted:
    edge = np.where(grid.front > 0, 0.7, 0.58)
    return grid.fill(outfit.hat_colour), np.asarray(grid.along + 0 * grid.front > edge)


def _plain(field: str, factor: float = 1.0) -> Callable[[Outfit, _Grid], _Painted]:
    def painter(outfit: Outfit, grid: _Grid) -> _Painted:
        return _whole(grid.fill(getattr(outfit, field) * factor))

    return painter


def _shoe(outfit: Outfit, grid: _Grid) -> _Painted:
    colours = grid.fill(outfit.shoes)
    colours[grid.front < -0.75] = linear("#cfcdc6") if outfit.shoes.mean() < 0.1 else outfit.shoes * 0.4
    return _whole(colours)


_COVERED = {"long": 9.0, "short": 0.62, "none": -0.04}
_PAINTERS: dict[str, Callable[[Outfit, _Grid], _Painted]] = {
    "top": _top,
    "sleeve_upper": _sleeve(lambda outfit, along: along < _COVERED[outfit.sleeves]),
    "sleeve_fore": _sleeve(lambda outfit, along: along < (0.9 if outfit.sleeves == "long" else -9)),
    "legs_top": _plain("trousers"),
    "thigh": _leg({"long": 9.0, "short": 0.85, "bare": -9.0}),
    "shin": _leg({"long": 0.96, "short": -9.0, "bare": -9.0}),
    "shoe": _shoe,
    "hand": _plain("skin"),
    "neck": _plain("skin", 0.86),
    "head": _head,
    "hair": _hair,
    "strands": _plain("hair_colour"),
    "hat": _hat,
    "brim": _plain("hat_colour", 0.85),
    "hang": _plain("hem_colour"),
    "bag": _plain("bag"),
}
