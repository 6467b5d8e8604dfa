"""The camera and the light of a street.

World axes, metres: x along the street, y up, z across the street away from the near facades.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray
from fairmot.street.colour import linear


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera without lens distortion."""

    position: NDArray[np.float64]
    """x, y, z in metres."""
    yaw: float
    """Viewing direction, radians; 0 is along +z, a quarter turn along +x."""
    tilt: float
    """Radians below the horizon."""
    focal_px: float
    size: tuple[int, int]
    """Width and height of the image, pixels."""

    @property
    def axes(self) -> NDArray[np.float64]:
        """Right, down and forward as rows [3, 3]."""
        sy, cy, st, ct = math.sin(self.yaw), math.cos(self.yaw), math.sin(self.tilt), math.cos(self.tilt)
        return np.array([[cy, 0, -sy], [-sy * st, -ct, -cy * st], [sy * ct, -st, cy * ct]])

    def project(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return image positions [..., 2] in pixels and depths [...] in metres of world points [..., 3].

        Points behind the camera get the position they would have at a depth of 5 cm.
        """
        flat = (points - self.position.astype(points.dtype)).reshape(-1, 3)
        seen: FloatArray = (flat @ self.axes.T.astype(points.dtype)).reshape(points.shape)
        depth = seen[..., 2]
        scale = self.focal_px / np.maximum(depth, 0.05)
        centre = np.array(self.size) / 2
        pixels: FloatArray = np.asarray(seen[..., :2] * scale[..., None] + centre.astype(points.dtype), points.dtype)
        return pixels, depth

    def rays(self, first_row: int, last_row: int, oversampling: int) -> NDArray[np.float32]:
        """Return the viewing directions of rows of an oversampled image, [rows, W * oversampling, 3], forward 1."""
        width, height = self.size
        x = ((np.arange(width * oversampling) + 0.5) / oversampling - width / 2) / self.focal_px
        y = ((np.arange(first_row, last_row) + 0.5) / oversampling - height / 2) / self.focal_px
        axes = self.axes
        rays = x[None, :, None] * axes[0] + y[:, None, None] * axes[1] + axes[2]
        return np.asarray(rays, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """Sun, sky and haze; colours are linear BGR [3]."""

    kind: str
    to_sun: NDArray[np.float64]
    """Unit vector towards the sun."""
    sun: NDArray[np.float32]
    ambient: NDArray[np.float32]
    bounce: NDArray[np.float32]
    zenith: NDArray[np.float32]
    horizon: NDArray[np.float32]
    cloudiness: float
    haze_distance: float
    """Distance in metres at which haze makes up 63 % of a colour."""

    def shade(self, albedo: FloatArray, normals: FloatArray, sunlit: FloatArray | float = 1.0) -> FloatArray:
        """Return the linear colours [..., 3] of surfaces with unit ``normals`` [..., 3]."""
        up = normals[..., 1:2]
        direct = np.maximum(normals @ self.to_sun.astype(np.float32), 0) * np.asarray(sunlit, dtype=np.float32)
        light = self.ambient * (0.5 + 0.5 * up) + self.bounce * (0.5 - 0.5 * up) + self.sun * direct[..., None]
        shaded: FloatArray = albedo * light
        return shaded

    def exposed(self, gain: float) -> Light:
        """Return the same light as a camera with ``gain`` times the exposure records it."""
        names = ("sun", "ambient", "bounce", "zenith", "horizon")
        return replace(self, **{name: getattr(self, name) * np.float32(gain) for name in names})

    def haze(self, colours: FloatArray, depths: FloatArray) -> FloatArray:
        """Mix linear colours [..., 3] with the horizon's, the more the farther away: aerial perspective."""
        clear = np.exp(-np.maximum(depths, 0) / self.haze_distance)[..., None]
        mixed: FloatArray = colours * clear + self.horizon * np.float32(0.92) * (1 - clear)
        return mixed


# kind: sun, ambient, bounce, zenith, horizon as #rrggbb with a strength, elevation range (degrees), haze range (m).
_WEATHER = {
    "sunny": ("#fff4e2", 1.45, "#c4d4ea", 0.80, "#d8d0c4", 0.42, "#4f86cc", "#cfdde8", (34, 62), (420, 900), 0.35),
    "hazy": ("#fff1df", 0.85, "#d6dbe2", 0.95, "#d8d4cc", 0.46, "#8fb0d4", "#dfe4e6", (30, 55), (260, 420), 0.6),
    "overcast": ("#ffffff", 0.12, "#dfe3e8", 1.55, "#d4d4d2", 0.62, "#b4bcc6", "#dde0e2", (50, 70), (260, 520), 1.0),
    "golden": ("#ffd09a", 1.50, "#bcc4d6", 0.66, "#d8c2a6", 0.42, "#6f93c4", "#f0d9b8", (20, 32), (300, 520), 0.45),
}
_FREQUENCIES = (0.42, 0.18, 0.25, 0.15)


def choose_light(rng: np.random.Generator, camera_yaw: float) -> Light:
    """Choose weather and the direction of the sun, which seldom shines straight into the camera."""
    kind = list(_WEATHER)[int(rng.choice(len(_WEATHER), p=_FREQUENCIES))]
    sun, strength, sky, sky_strength, ground, ground_strength, zenith, horizon, rise, far, clouds = _WEATHER[kind]
    azimuth = camera_yaw + math.radians(rng.uniform(50, 150)) * rng.choice([-1, 1])
    elevation = math.radians(rng.uniform(*rise))
    direction = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
    )
    return Light(
        kind=kind,
        to_sun=direction,
        sun=linear(sun) * np.float32(strength),
        ambient=linear(sky) * np.float32(sky_strength),
        bounce=linear(ground) * np.float32(ground_strength),
        zenith=linear(zenith),
        horizon=linear(horizon),
        cloudiness=clouds * rng.uniform(0.6, 1.2),
        haze_distance=float(rng.uniform(*far)),
    )
