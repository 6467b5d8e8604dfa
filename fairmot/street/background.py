"""The empty street as the camera sees it: every pixel's ray meets the ground, a facade or the sky."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray, ImageArray
from fairmot.street.camera import Camera, Light
from fairmot.street.colour import decode, encode, fractal
from fairmot.street.facades import PIXELS_PER_METRE, TALLEST_M, Facades, draw_facades
from fairmot.street.ground import draw_ground
from fairmot.street.layout import HALF_LENGTH, Layout

_BAND_ROWS = 256
_FAR = np.float32(1e6)


@dataclass(frozen=True, slots=True)
class Houses:
    """The facades on either side; there are none on the near side of an open square."""

    far: Facades
    near: Facades | None
    end: Facades
    layout: Layout

    def sunlit(self, points: FloatArray, light: Light) -> FloatArray:
        """Return how much of the sun reaches world points [..., 3]: 0 in the shadow of a house, 1 in the sun."""
        towards = float(light.to_sun[2])
        row = self.far if towards > 0 else self.near
        if row is None or abs(towards) < 0.05:
            return np.ones(points.shape[:-1], dtype=np.float32)
        wall = self.layout.wall if towards > 0 else 0.0
        steps = np.maximum((wall - points[..., 2]) / towards, 0)
        x = points[..., 0] + steps * float(light.to_sun[0])
        heights = row.heights if towards > 0 else row.heights[::-1]
        columns = np.clip((x + HALF_LENGTH) * PIXELS_PER_METRE, 0, len(heights) - 1).astype(np.int64)
        over = points[..., 1] + steps * float(light.to_sun[1]) - heights[columns]
        return np.asarray(np.clip(0.5 + over / (0.2 + 0.04 * steps), 0, 1))


@dataclass(frozen=True, slots=True)
class Background:
    """The street without people and without the things that stand on it."""

    image: ImageArray
    """uint8 [H, W, 3]."""
    ground: NDArray[np.float32]
    """Fraction of each pixel that shows the ground [H, W]."""
    sunlit: NDArray[np.float32]
    """Fraction of the sunlight that reaches the ground there [H, W]."""


def build_houses(rng: np.random.Generator, layout: Layout) -> Houses:
    """Draw all facades."""
    far = draw_facades(rng, 2 * HALF_LENGTH)
    near = None if layout.open_square else draw_facades(rng, 2 * HALF_LENGTH)
    return Houses(far, near, draw_facades(rng, 60.0), layout)


def draw_background(
    rng: np.random.Generator, layout: Layout, houses: Houses, camera: Camera, light: Light, oversampling: int = 2
) -> Background:
    """Draw the empty street with ``oversampling`` squared rays per pixel."""
    ground = _Texture(draw_ground(rng, layout))
    grit = fractal(rng, 512, 512, 6, 3)
    walls = [_Wall(houses.far, 2, layout.wall, 1, HALF_LENGTH), _Wall(houses.end, 0, HALF_LENGTH, -1, layout.wall + 20)]
    walls.append(_Wall(houses.end, 0, -HALF_LENGTH, 1, 20.0 - layout.front))
    if houses.near is not None:
        walls.append(_Wall(houses.near, 2, 0.0, -1, HALF_LENGTH))
    sky = _Sky(rng, light)
    height = camera.size[1]
    rows = max(1, _BAND_ROWS // oversampling)
    bands = [
        _band(camera, light, layout, houses, ground, grit, walls, sky, first, min(first + rows, height), oversampling)
        for first in range(0, height, rows)
    ]
    image, is_ground, lit = (np.concatenate([band[index] for band in bands]) for index in range(3))
    return Background(image, is_ground, lit)


class _Texture:
    """A flat image, sampled at the resolution that a ray needs."""

    def __init__(self, image: ImageArray) -> None:
        self.levels = [image]
        while min(self.levels[-1].shape[:2]) > 16 and len(self.levels) < 7:
            self.levels.append(np.asarray(cv2.pyrDown(self.levels[-1]), dtype=np.uint8))

    def sample(self, x: FloatArray, y: FloatArray, footprint: FloatArray) -> NDArray[np.float32]:
        """Return encoded values [h, w, 3]; ``footprint`` is how many texture pixels a ray covers."""
        level = np.clip(np.log2(np.maximum(footprint, 1e-3)), 0, len(self.levels) - 1.001).astype(np.float32)
        out = np.zeros((*x.shape, 3), dtype=np.float32)
        for index, image in enumerate(self.levels):
            weight = np.clip(1 - np.abs(level - index), 0, 1)
            if not weight.any():
                continue
            scale = np.float32(1 / 2**index)
            map_x = ((x + 0.5) * scale - 0.5).astype(np.float32)
            map_y = ((y + 0.5) * scale - 0.5).astype(np.float32)
            out += weight[..., None] * cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return out


class _Wall:
    """A facade row that stands on the plane ``axis = place`` and faces against ``-sign``."""

    def __init__(self, facades: Facades, axis: int, place: float, reading: int, origin: float) -> None:
        self.texture = _Texture(facades.image)
        self.coverage = facades.coverage
        self.axis, self.place, self.reading, self.origin = axis, place, reading, origin

    def meet(self, camera: Camera, rays: NDArray[np.float32]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return depths (``_FAR`` where missed) and texture columns and rows of rays [h, w, 3]."""
        other = 2 - self.axis
        ahead = np.float32(self.place - camera.position[self.axis])
        direction = rays[..., self.axis]
        depth = np.where(direction * ahead > 1e-6, ahead / np.where(direction == 0, 1, direction), _FAR)
        along = float(camera.position[other]) + depth * rays[..., other]
        x = ((self.reading * along + self.origin) * PIXELS_PER_METRE).astype(np.float32)
        y = ((TALLEST_M - (float(camera.position[1]) + depth * rays[..., 1])) * PIXELS_PER_METRE).astype(np.float32)
        covered = cv2.remap(self.coverage, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        return np.where(covered > 0, depth, _FAR), x, y


class _Sky:
    """A gradient, clouds, and a hazy skyline behind everything."""

    def __init__(self, rng: np.random.Generator, light: Light) -> None:
        self.light = light
        self.clouds = fractal(rng, 1024, 1024, 300, 6, 0.55)
        self.skyline = np.clip(0.03 + 0.018 * fractal(rng, 1, 4096, 90, 5, 0.7)[0], 0.005, 0.09)

    def colours(self, rays: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = np.hypot(rays[..., 0], rays[..., 2])
        rise = rays[..., 1] / flat
        height = np.clip(rise * 1.7, 0, 1)[..., None] ** 0.6
        sky = self.light.horizon * (1 - height) + self.light.zenith * height
        above = np.maximum(rise, 0.03)
        x = (rays[..., 0] / flat / above * 90 + 512).astype(np.float32)
        y = (rays[..., 2] / flat / above * 90 + 512).astype(np.float32)
        density = cv2.remap(self.clouds, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        cover = np.clip((density + 2.2 * self.light.cloudiness - 1.5) * 0.55, 0, 0.85) * np.clip(rise * 9, 0, 1)
        white = self.light.horizon * 0.35 + np.float32(0.62) + 0.05 * density[..., None]
        sky = sky * (1 - cover[..., None]) + white * cover[..., None]
        azimuth = ((np.arctan2(rays[..., 0], rays[..., 2]) / (2 * np.pi) + 0.5) * 4095).astype(np.int64)
        behind = np.clip((self.skyline[azimuth] - rise) * 400, 0, 1)[..., None] * 0.35
        return np.asarray(sky * (1 - behind) + self.light.horizon * 0.45 * behind, dtype=np.float32)


def _band(
    camera: Camera,
    light: Light,
    layout: Layout,
    houses: Houses,
    ground: _Texture,
    grit: NDArray[np.float32],
    walls: list[_Wall],
    sky: _Sky,
    first: int,
    last: int,
    oversampling: int,
) -> tuple[ImageArray, NDArray[np.float32], NDArray[np.float32]]:
    rays = camera.rays(first * oversampling, last * oversampling, oversampling)
    spread = np.float32(1 / (camera.focal_px * oversampling))  # metres by which a ray widens per metre of depth
    down = rays[..., 1]
    nearest = np.where(down < -1e-5, -float(camera.position[1]) / np.minimum(down, -1e-5), _FAR).astype(np.float32)
    is_ground = nearest < _FAR
    eye = camera.position.astype(np.float32)
    lengths = np.sqrt(np.einsum("hwc,hwc->hw", rays, rays))
    colours = sky.colours(rays)
    surface = np.zeros_like(colours)
    for wall in walls:
        depth, x, y = wall.meet(camera, rays)
        hit = depth < nearest
        if not hit.any():
            continue
        slant = np.maximum(np.abs(rays[..., wall.axis]) / lengths, 0.25)
        texels = wall.texture.sample(x, y, depth * spread * PIXELS_PER_METRE / slant)
        normal = np.zeros(3, dtype=np.float32)
        normal[wall.axis] = -np.sign(wall.place - camera.position[wall.axis])
        lit = houses.sunlit(_points(eye + normal * np.float32(0.05), rays[hit], depth[hit]), light)
        surface[hit] = light.shade(decode(np.rint(texels[hit]).astype(np.uint8)), normal[None], lit)
        nearest = np.where(hit, depth, nearest)
        is_ground &= ~hit
    points = _points(eye, rays, np.minimum(nearest, 500))
    sunlit = houses.sunlit(points, light) * is_ground
    if is_ground.any():
        x = ((points[..., 0] + HALF_LENGTH) * PIXELS_PER_METRE).astype(np.float32)
        y = ((points[..., 2] - layout.front) * PIXELS_PER_METRE).astype(np.float32)
        slant = np.maximum(-down / lengths, 0.12)
        footprint = nearest * spread * PIXELS_PER_METRE / np.sqrt(slant)
        texels = ground.sample(x, y, footprint)
        detail = cv2.remap(grit, x * 4, y * 4, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        texels *= (1 + 0.05 * detail * np.clip(1 - footprint * 2, 0, 1))[..., None]
        closeness = np.minimum(layout.wall - points[..., 2], points[..., 2] if not layout.open_square else _FAR)
        occlusion = 0.7 + 0.3 * np.clip(closeness / 1.2, 0, 1)
        up = np.array([[[0, 1, 0]]], dtype=np.float32)
        albedo = decode(np.clip(np.rint(texels), 0, 255).astype(np.uint8)) * occlusion[..., None]
        shaded = light.shade(albedo, up, sunlit)
        surface[is_ground] = shaded[is_ground]
    solid = nearest < _FAR
    colours[solid] = light.haze(surface[solid], nearest[solid])
    return _shrink(encode(colours), is_ground, sunlit, oversampling)


def _points(eye: FloatArray, rays: FloatArray, depths: FloatArray) -> FloatArray:
    return np.asarray(eye + depths[..., None] * rays, dtype=np.float32)


def _shrink(
    image: ImageArray, is_ground: NDArray[np.bool_], sunlit: FloatArray, oversampling: int
) -> tuple[ImageArray, NDArray[np.float32], NDArray[np.float32]]:
    size = (image.shape[1] // oversampling, image.shape[0] // oversampling)
    small = [
        cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
        for layer in (image, is_ground.astype(np.float32), sunlit.astype(np.float32))
    ]
    return np.asarray(small[0], np.uint8), np.asarray(small[1], np.float32), np.asarray(small[2], np.float32)
