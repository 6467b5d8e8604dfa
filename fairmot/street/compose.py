"""One frame: people drawn, lit, hidden from one another, and described exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray, ImageArray
from fairmot.street.body import Walker, detail_for
from fairmot.street.drawing import Layer, draw, fill_shadow, shadow_hulls
from fairmot.street.layout import HALF_LENGTH
from fairmot.street.routes import Route
from fairmot.street.scene import Scene, darken, window

_FARTHEST_M = 75.0
_NOISE_MARGIN = 97


@dataclass(frozen=True, slots=True)
class StreetFrame:
    """One frame and its ground truth: the people whose box meets the image, by identity."""

    image: ImageArray
    """uint8 BGR [H, W, 3]."""
    ids: NDArray[np.int64]
    """Identities [N], counted from 1."""
    boxes_tlwh: NDArray[np.float64]
    """Left, top, width, height [N, 4] of the whole drawn body, hidden parts and parts outside the image included;
    image pixels, the corner of the first pixel is 0, 0."""
    visibility: NDArray[np.float64]
    """Fraction [N], 0 to 1, of the body's pixels that are inside the image and not hidden."""


class Finish:
    """What lens and sensor add: darker corners and noise."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        width, height = size
        rng = np.random.default_rng([seed, 3])
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        radius = np.hypot(x / width - 0.5, y / height - 0.5) * math.sqrt(2)
        self.vignette = cv2.merge([1 - rng.uniform(0.08, 0.2) * radius**2.4] * 3)
        shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN)
        grain = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 0.6) * 2.0
        tint = rng.standard_normal((*shape, 3), dtype=np.float32) * 0.8
        self.noise = np.asarray((grain[..., None] + tint) * np.float32(rng.uniform(0.7, 1.5)), dtype=np.float32)
        self.seed = seed

    def __call__(self, image: NDArray[np.float32], index: int) -> ImageArray:
        """Return the finished image of frame ``index``; the noise of a frame depends on seed and index alone."""
        height, width = image.shape[:2]
        top, left = np.random.default_rng([self.seed, 4, index]).integers(_NOISE_MARGIN, size=2)
        noise = self.noise[top : top + height, left : left + width]
        return np.asarray(cv2.add(cv2.multiply(image, self.vignette), noise, dtype=cv2.CV_8U), dtype=np.uint8)


def draw_walker(scene: Scene, walker: Walker, route: Route, index: int) -> tuple[Layer, FloatArray] | None:
    """Draw one person of a frame alone.

    Returns:
        The layer, and points of the body's convex parts [P, N, 3]; None when the person is out of sight.
    """
    x, z = (float(value) for value in route.places[index])
    feet, depth = scene.camera.project(np.array([[x, 0.0, z], [x, walker.stature, z]]))
    height_px = float(np.abs(feet[0, 1] - feet[1, 1]))
    width, height = scene.camera.size
    reach = 0.7 * height_px + 4
    outside = feet[:, 0].min() > width + reach or feet[:, 0].max() < -reach or feet[:, 1].min() > height + reach
    if depth.min() < 0.9 or depth.max() > _FARTHEST_M or outside or abs(x) > HALF_LENGTH - 3:
        return None
    pose = (float(route.walked[index]), route.amount, float(route.headings[index]), (x, z))
    faces, bodies = walker.faces(*pose, detail_for(height_px))
    sunlit = float(scene.houses.sunlit(np.array([x, 1.1, z]), scene.light))
    oversampling = 4 if height_px < 90 else 3 if height_px < 230 else 2
    return draw(faces, scene.camera, scene.light, sunlit, oversampling, 0.0035 * height_px), bodies


def compose_frame(scene: Scene, crowd: list[tuple[Walker, Route]], index: int, finish: Finish) -> StreetFrame:
    """Draw a frame and describe it.

    Args:
        scene: the street.
        crowd: all people, in the order of their identities.
        index: of the frame.
        finish: lens and sensor.
    """
    width, height = scene.camera.size
    shadow = np.zeros((height, width), dtype=np.uint8)
    contact = np.zeros((height, width), dtype=np.uint8)
    drawn: list[tuple[float, int, Layer, tuple[float, float]]] = []
    for number, (walker, route) in enumerate(crowd, start=1):
        result = draw_walker(scene, walker, route, index)
        if result is None:
            continue
        layer, bodies = result
        x, z = (float(value) for value in route.places[index])
        distance = float(np.hypot(x - scene.camera.position[0], z - scene.camera.position[2]))
        _cast_shadow(scene, shadow, contact, bodies, distance)
        drawn.append((distance, number, layer, (x, z)))
    scale = np.float32(1 / 255)
    ground = darken(
        scene.image, shadow * (scene.sunlit * scene.ground * scale), contact * (scene.ground * scale),
        scene.shadow_factor(),
    )  # fmt: skip
    free = np.ones((height, width), dtype=np.float32)
    light = np.zeros((height, width, 3), dtype=np.float32)
    rows = []
    for _, number, layer, place in sorted(drawn, key=lambda item: item[0]):
        where = window(layer, scene.camera.size)
        if where is None:
            continue
        seen = _lay_behind(scene, free, light, layer, place, where)
        whole = layer.pixels[..., 3].sum(dtype=np.float64) / 255
        rows.append((number, layer.box_tlwh, min(seen / whole, 1.0) if whole > 0 else 0.0))
    rows.sort(key=lambda row: row[0])
    image = finish(cv2.multiply(ground.astype(np.float32), cv2.merge([free] * 3)) + light, index)
    return StreetFrame(
        image,
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.float64).reshape(-1, 4),
        np.array([row[2] for row in rows], dtype=np.float64),
    )


def _lay_behind(
    scene: Scene,
    free: NDArray[np.float32],
    light: NDArray[np.float32],
    layer: Layer,
    place: tuple[float, float],
    where: tuple[slice, slice, slice, slice],
) -> float:
    """Add a layer behind everything added before; return how many of its pixels are seen."""
    rows, columns, layer_rows, layer_columns = where
    pixels = layer.pixels[layer_rows, layer_columns].astype(np.float32)
    seen = free[rows, columns].copy()
    unhidden = np.ones_like(seen)
    eye_x, eye_z = float(scene.camera.position[0]), float(scene.camera.position[2])
    for prop, cover in scene.props:
        overlap = _overlap(rows, columns, cover)
        if overlap is None or not prop.hides(*place, eye_x, eye_z):
            continue
        inner_rows, inner_columns, cover_rows, cover_columns = overlap
        unhidden[inner_rows, inner_columns] *= 1 - cover.pixels[cover_rows, cover_columns, 3].astype(np.float32) / 255
    seen *= unhidden
    light[rows, columns] += pixels[..., :3] * seen[..., None]
    coverage = pixels[..., 3] / 255
    free[rows, columns] *= 1 - coverage * unhidden
    return float((coverage * seen).sum(dtype=np.float64))


def _overlap(rows: slice, columns: slice, cover: Layer) -> tuple[slice, slice, slice, slice] | None:
    """Return where a layer overlaps a window of the image: slices inside the window, then inside the layer."""
    height, width = cover.pixels.shape[:2]
    top, bottom = max(rows.start, cover.top), min(rows.stop, cover.top + height)
    left, right = max(columns.start, cover.left), min(columns.stop, cover.left + width)
    if top >= bottom or left >= right:
        return None
    return (
        slice(top - rows.start, bottom - rows.start),
        slice(left - columns.start, right - columns.start),
        slice(top - cover.top, bottom - cover.top),
        slice(left - cover.left, right - cover.left),
    )


def _cast_shadow(scene: Scene, shadow: ImageArray, contact: ImageArray, bodies: FloatArray, distance: float) -> None:
    """Add the shadow of one person, and the dark spot under each foot, to the masks of the frame."""
    height, width = shadow.shape
    scale = scene.camera.focal_px / max(distance, 1.0)
    hulls = shadow_hulls(bodies, scene.camera, scene.light)
    # Parts 3 and 6 are the feet; see ``body.py``. Their spots show under a grey sky too.
    spots = [_spot(bodies[part], scene) for part in (3, 6)]
    for mask, outlines, softness in ((shadow, hulls, 0.02 * scale), (contact, spots, 0.05 * scale)):
        if not outlines:
            continue
        points = np.concatenate(outlines) / 16
        margin = math.ceil(3 * softness) + 2
        left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
        right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + margin, (width, height))
        if left >= right or top >= bottom:
            continue
        patch = np.zeros((bottom - top, right - left), dtype=np.uint8)
        fill_shadow(patch, outlines, int(left), int(top))
        patch = np.asarray(cv2.GaussianBlur(patch, (0, 0), max(softness, 0.5)), dtype=np.uint8)
        region = mask[top:bottom, left:right]
        np.maximum(region, patch, out=region)


def _spot(foot: FloatArray, scene: Scene) -> NDArray[np.int32]:
    """Return the outline on the ground below a foot, a little wider than the foot, in 1/16 pixel."""
    low = foot * [1, 0, 1]
    centre = low.mean(axis=0)
    pixels, _ = scene.camera.project(centre + (low - centre) * 1.5)
    return np.asarray(cv2.convexHull(np.rint(pixels * 16).astype(np.int32))[:, 0], dtype=np.int32)
