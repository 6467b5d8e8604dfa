"""The plan of a street: how wide everything is, where people cross, and where the camera stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fairmot.street.camera import Camera

HALF_LENGTH = 70.0
"""Metres of street on either side of x = 0."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Distances in metres across the street; the near facades stand at z = 0."""

    pedestrian: bool
    """A zone for people alone: no road, no kerbs, no cars."""
    front: float
    """Where the paved ground begins: 0, or behind the camera when it stands on an open square."""
    near_kerb: float
    far_kerb: float
    wall: float
    """Where the far facades stand."""
    crossings: tuple[float, ...]
    """x of the zebra crossings; each is 4 m wide."""
    parking: tuple[bool, bool]
    """Whether cars are parked along the near and the far kerb."""

    @property
    def open_square(self) -> bool:
        """Whether there are no facades on the near side."""
        return self.front < 0

    def lanes(self) -> tuple[tuple[float, float], ...]:
        """Ranges of z in which people walk along the street."""
        if self.pedestrian:
            return ((max(self.front + 1, -2.0) + 0.8, self.wall - 0.9),)
        near = max(self.front + 0.7, -1.5) if self.open_square else 0.7
        return ((near, self.near_kerb - 1.0), (self.far_kerb + 1.0, self.wall - 0.7))


def choose_layout(rng: np.random.Generator, view: str) -> Layout:
    """Choose a plan that suits the view ``across``, ``oblique`` or ``along``."""
    pedestrian = bool(rng.random() < 0.3)
    near = rng.uniform(3.2, 5.0)
    road = rng.uniform(6.0, 8.5) if not pedestrian else rng.uniform(4.0, 7.0)
    far = rng.uniform(3.2, 5.2)
    front = -rng.uniform(8, 14) if view == "across" or (view == "oblique" and rng.random() < 0.5) else 0.0
    first = rng.uniform(4, 13) * rng.choice([-1, 1])
    crossings = (
        () if pedestrian else (float(first), float(first + rng.uniform(16, 24)), float(first - rng.uniform(16, 24)))
    )
    parking = (
        (False, False) if pedestrian else (bool(rng.random() < 0.35 and view != "across"), bool(rng.random() < 0.75))
    )
    return Layout(
        pedestrian=pedestrian,
        front=float(front),
        near_kerb=float(near),
        far_kerb=float(near + road),
        wall=float(near + road + far),
        crossings=crossings,
        parking=parking,
    )


def choose_view(rng: np.random.Generator) -> str:
    """Choose the camera's direction: across the street, at an angle, or along it."""
    return ("across", "oblique", "along")[int(rng.choice(3, p=(0.32, 0.38, 0.3)))]


def place_camera(
    rng: np.random.Generator, layout: Layout, view: str, size: tuple[int, int], height_range: tuple[float, float]
) -> Camera:
    """Place the camera above eye height and tilt it so that the walkers fill the image.

    Args:
        rng: the source of chance.
        layout: the street.
        view: ``across``, ``oblique`` or ``along``.
        size: width and height of the image, pixels.
        height_range: lowest and highest place of the camera, metres.
    """
    width, height = size
    side = float(rng.choice([-1, 1]))
    yaw_low, yaw_high = {"across": (4, 28), "oblique": (34, 52), "along": (58, 74)}[view]
    yaw = math.radians(rng.uniform(yaw_low, yaw_high)) * side
    altitude = rng.uniform(*height_range)
    fov = math.radians(rng.uniform(46, 64))
    # The field of view is that of a 16:9 image of the same diagonal, so that upright images work too.
    focal = math.hypot(width, height) / math.hypot(16, 9) * 16 / 2 / math.tan(fov / 2)
    if layout.open_square:
        z = rng.uniform(layout.front + 1.5, -1.2) - 0.5 * max(0.0, altitude - 3)
    else:
        z = rng.uniform(0.8, layout.near_kerb + 0.5)
    half_height = math.atan(height / 2 / focal)
    # Look at the ground this far ahead with the lower third of the image; the higher, the steeper.
    reach = 4.0 + 1.6 * altitude
    tilt = math.atan2(altitude, reach) - 0.72 * half_height
    tilt = min(max(tilt, -0.35 * half_height), math.radians(42))
    return Camera(np.array([0.0, altitude, z]), yaw, tilt, focal, size)
