"""One street: plan, camera, light, houses and the things that stand on it, drawn once for all frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray, ImageArray
from fairmot.street import props as things
from fairmot.street.background import Houses, build_houses, draw_background
from fairmot.street.camera import Camera, Light, choose_light
from fairmot.street.colour import GAMMA, decode, encode
from fairmot.street.drawing import Layer, draw, fill_shadow, shadow_hulls
from fairmot.street.layout import HALF_LENGTH, Layout, choose_layout, choose_view, place_camera
from fairmot.street.props import Prop

_BRIGHTNESS = 112
"""Mean image value below which the camera exposes longer."""

_MAX_COVER = 0.13
"""A thing that hides more of the image than this is left out."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A street without people, ready for frames."""

    layout: Layout
    camera: Camera
    light: Light
    houses: Houses
    image: ImageArray
    """uint8 [H, W, 3], everything drawn."""
    ground: NDArray[np.float32]
    """Fraction of each pixel that shows the ground [H, W]."""
    sunlit: NDArray[np.float32]
    """Fraction of the sunlight that reaches that ground, without the shadows of things [H, W]."""
    props: tuple[tuple[Prop, Layer], ...]
    """The things that can hide people."""

    def shadow_factor(self) -> NDArray[np.float64]:
        """Return the factor by which a full shadow multiplies the ground's image values BGR [3]."""
        direct = self.light.sun * max(float(self.light.to_sun[1]), 0)
        factor: NDArray[np.float64] = (self.light.ambient / (self.light.ambient + direct)) ** (1 / GAMMA)
        return factor


def build_scene(seed: int, size: tuple[int, int], camera_height: tuple[float, float]) -> Scene:
    """Choose and draw a street; the same arguments give the same street."""
    # Any constant would do; with this one the street of seed 0, which the demonstration shows, is lively.
    rng = np.random.default_rng([seed, 17])
    view = choose_view(rng)
    layout = choose_layout(rng, view)
    camera = place_camera(rng, layout, view, size, camera_height)
    light = choose_light(rng, camera.yaw)
    houses = build_houses(rng, layout)
    background = draw_background(rng, layout, houses, camera, light)
    # Automatic exposure: a camera exposes longer in streets that lie in the shadow of their houses.
    brightness = float(background.image[size[1] // 3 :].mean())
    gain = float(np.clip((_BRIGHTNESS / brightness) ** GAMMA, 1.0, 1.9))
    light = light.exposed(gain)
    image = encode(decode(background.image) * np.float32(gain))
    ground = background.ground.copy()
    sunlit = background.sunlit
    shown = _shown(rng, layout, camera, light, houses)
    scene = Scene(layout, camera, light, houses, image, ground, sunlit, tuple(shown))
    _lay_shadows(scene)
    farthest_first = sorted(shown, key=lambda pair: -_distance(camera, pair[0].centre))
    for _, layer in farthest_first:
        _lay_over(image, ground, layer)
    return scene


def window(layer: Layer, size: tuple[int, int]) -> tuple[slice, slice, slice, slice] | None:
    """Return rows and columns of the image and of the layer where the two meet; None where they do not."""
    height, width = layer.pixels.shape[:2]
    left, top = max(layer.left, 0), max(layer.top, 0)
    right, bottom = min(layer.left + width, size[0]), min(layer.top + height, size[1])
    if left >= right or top >= bottom:
        return None
    return (
        slice(top, bottom),
        slice(left, right),
        slice(top - layer.top, bottom - layer.top),
        slice(left - layer.left, right - layer.left),
    )


def _distance(camera: Camera, place: tuple[float, float]) -> float:
    return math.hypot(place[0] - camera.position[0], place[1] - camera.position[2])


def _shown(
    rng: np.random.Generator, layout: Layout, camera: Camera, light: Light, houses: Houses
) -> list[tuple[Prop, Layer]]:
    """Draw the things that are in the image and do not fill it."""
    shown = []
    width, height = camera.size
    for prop in _furnish(rng, layout):
        x, z = prop.centre
        # The leaves of a tree too near to the camera would appear as flat faces.
        tall = prop.faces.vertices[:, 1].max() > 2.5
        if _distance(camera, prop.centre) < (6.5 if tall else 3.2):
            continue
        _, depth = camera.project(np.array([x, 1.0, z]))
        if depth < 2.5 or depth > 75:
            continue
        lit = float(houses.sunlit(np.array([x, 1.5, z]), light))
        layer = draw(prop.faces, camera, light, lit, 2 if depth < 12 else 3)
        where = window(layer, camera.size)
        if where is None:
            continue
        cover = layer.pixels[where[2], where[3], 3].sum() / (255.0 * width * height)
        if cover < _MAX_COVER:
            shown.append((prop, layer))
    return shown


def _furnish(rng: np.random.Generator, layout: Layout) -> list[Prop]:
    found: list[Prop] = []
    lines = ((layout.near_kerb - 0.45, 1.0), (layout.far_kerb + 0.45, -1.0))
    free = list(layout.crossings)

    def clear(x: float, distance: float) -> bool:
        return all(abs(x - place) > distance for place in free)

    for (z, towards), parked in zip(lines, layout.parking, strict=True):
        trees = rng.random() < (0.55 if not layout.pedestrian else 0.4)
        tree_step = rng.uniform(8, 13)
        for x in np.arange(-55 + rng.uniform(0, 10), 60, tree_step):
            if trees and clear(x, 3.0):
                found.append(things.tree(rng, float(x), z))
        for x in np.arange(-50 + rng.uniform(0, 18), 60, rng.uniform(17, 25)):
            if clear(x, 2.4):
                found.append(things.lamp(rng, float(x) + tree_step / 2, z, towards))
        for place in free:
            for offset in (-3.2, -2.5, 2.5, 3.2):
                found.append(things.bollard(rng, place + offset, z))
        if rng.random() < 0.35:
            start = rng.uniform(-30, 20)
            found.extend(
                things.bollard(rng, float(x), z)
                for x in np.arange(start, start + rng.uniform(5, 14), 1.6)
                if clear(x, 3.6)
            )
        for _ in range(int(rng.integers(1, 5))):
            x = float(rng.uniform(-35, 35))
            kind = int(rng.integers(3))
            if not clear(x, 3.5):
                continue
            if kind == 0:
                found.append(things.bin_(rng, x, z))
            elif kind == 1:
                found.append(things.bench(rng, x, z - 0.1 * towards, towards))
            else:
                found.append(things.planter(rng, x, z))
        if parked:
            kerbside = z + towards * 1.55
            for x in np.arange(-HALF_LENGTH + 3, HALF_LENGTH - 3, 5.6):
                if rng.random() < 0.68 and clear(x, 5.0):
                    found.append(things.car(rng, float(x + rng.uniform(-0.4, 0.4)), kerbside, int(towards)))
    return found


def _lay_shadows(scene: Scene) -> None:
    """Darken the ground under and beside the things, before they are drawn themselves."""
    width, height = scene.camera.size
    mask = np.zeros((height, width), dtype=np.uint8)
    contact = np.zeros((height, width), dtype=np.float32)
    for prop, _ in scene.props:
        for body in prop.shadow_bodies:
            fill_shadow(mask, shadow_hulls(body[None], scene.camera, scene.light), 0, 0)
        low, high = np.array(prop.low) - 0.04, np.array(prop.high) + 0.04
        outline = np.array([[low[0], 0, low[1]], [high[0], 0, low[1]], [high[0], 0, high[1]], [low[0], 0, high[1]]])
        pixels, depths = scene.camera.project(outline)
        if depths.min() < 0.5:
            continue
        spot = np.zeros((height, width), dtype=np.uint8)
        cv2.fillConvexPoly(spot, np.rint(pixels * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
        reach = float(np.clip(0.1 * scene.camera.focal_px / depths.mean(), 0.8, 14))
        blurred = cv2.GaussianBlur(spot, (0, 0), reach)
        np.maximum(contact, blurred.astype(np.float32) / 255, out=contact)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.2).astype(np.float32) / 255 * scene.sunlit
    scene.image[...] = darken(scene.image, soft * scene.ground, contact * scene.ground, scene.shadow_factor())
    # Where a thing already blocks the sun, a passer-by casts no second shadow.
    scene.sunlit[...] *= 1 - cv2.GaussianBlur(mask, (0, 0), 1.2).astype(np.float32) / 255


def darken(
    image: ImageArray, shadow: NDArray[np.float32], contact: NDArray[np.float32], factor: FloatArray
) -> ImageArray:
    """Return the image with shadows of the sun (0..1 [H, W]) and dark places where things touch the ground."""
    dimmed = 1 - 0.5 * contact
    planes = [(1 - np.float32(1 - channel) * shadow) * dimmed for channel in factor]
    return np.asarray(cv2.multiply(image, cv2.merge(planes), dtype=cv2.CV_8U), dtype=np.uint8)


def _lay_over(image: ImageArray, ground: NDArray[np.float32], layer: Layer) -> None:
    where = window(layer, (image.shape[1], image.shape[0]))
    if where is None:
        return
    rows, columns, layer_rows, layer_columns = where
    pixels = layer.pixels[layer_rows, layer_columns].astype(np.float32)
    clear = 1 - pixels[..., 3:] / 255
    image[rows, columns] = np.rint(image[rows, columns] * clear + pixels[..., :3]).astype(np.uint8)
    ground[rows, columns] *= clear[..., 0]
