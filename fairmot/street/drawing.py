"""Faces shaded and drawn as layers, layers laid over images, shadows cast on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray, ImageArray
from fairmot.street.camera import Camera, Light
from fairmot.street.colour import encode
from fairmot.street.mesh import Faces

_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
_MAX_LAYER_PX = 6000


@dataclass(frozen=True, slots=True)
class Layer:
    """Something drawn, with its coverage, to be laid over an image."""

    left: int
    top: int
    pixels: ImageArray
    """BGR times coverage, and coverage: uint8 [h, w, 4]."""
    box_tlwh: NDArray[np.float64]
    """The exact extent of everything drawn, image pixels [4]; zero size where nothing was drawn."""


def draw(
    faces: Faces, camera: Camera, light: Light, sunlit: float, oversampling: int, softness_px: float = 0.0
) -> Layer:
    """Draw faces from far to near, oversampled, and return them at image resolution.

    Faces that come nearer to the camera than 30 cm are left out.

    Args:
        faces: what is drawn.
        camera: the camera.
        light: the light.
        sunlit: fraction of the sunlight that reaches it.
        oversampling: drawn pixels per image pixel, in each direction.
        softness_px: blur of the colours inside the outline, so that flat faces appear round.
    """
    vertices = np.asarray(faces.vertices, dtype=np.float32)
    normals = np.asarray(faces.normals, dtype=np.float32)
    eye = camera.position.astype(np.float32)
    # The middle of the diagonal is close enough to the centre.
    outward = 0.5 * (vertices[faces.index[:, 0]] + vertices[faces.index[:, 2]]) - eye
    facing = -np.einsum("fc,fc->f", outward, normals)
    projected, depths = camera.project(vertices)
    shown = facing > 0
    if depths.min() <= 0.3:
        shown &= depths[faces.index].min(axis=1) > 0.3
    if not shown.any():
        return Layer(0, 0, np.zeros((0, 0, 4), np.uint8), np.zeros(4))
    index = faces.index[shown]
    pixels, centre_depths = projected[index], depths[index].mean(axis=1)
    outward = outward[shown]
    facing = facing[shown] / np.sqrt(np.einsum("fc,fc->f", outward, outward))
    colours = light.shade(np.asarray(faces.albedo[shown], dtype=np.float32), normals[shown], sunlit)
    # Surfaces that turn away from the viewer are nearer to other surfaces of a crowd and get less of the sky.
    colours = colours * (0.72 + 0.28 * facing[:, None])
    encoded = encode(light.haze(colours, centre_depths))
    left, top = np.floor(pixels.min(axis=(0, 1))).astype(int) - 1
    right, bottom = np.ceil(pixels.max(axis=(0, 1))).astype(int) + 2
    if max(right - left, bottom - top) * oversampling > _MAX_LAYER_PX:
        oversampling = 1
    canvas = np.zeros(((bottom - top) * oversampling, (right - left) * oversampling, 4), dtype=np.uint8)
    # OpenCV's pixel centres lie on whole numbers, ours on halves.
    scaled = (pixels - np.array([left, top])) * oversampling - 0.5
    points = np.rint(scaled * 2**_SHIFT).astype(np.int32)
    order = np.argsort(faces.nearer[shown] - centre_depths, kind="stable")
    bgra = np.concatenate([encoded, np.full((len(encoded), 1), 255, np.uint8)], axis=1)[order].tolist()
    for corners, colour in zip(points[order], bgra, strict=True):
        cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_8, _SHIFT)
    box = _extent(canvas[..., 3]) / oversampling + np.array([left, top, 0, 0])
    if oversampling > 1:
        canvas = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    if softness_px > 0.4:
        canvas = _soften(canvas, softness_px)
    return Layer(int(left), int(top), np.asarray(canvas, dtype=np.uint8), box)


def _soften(pixels: ImageArray, sigma: float) -> ImageArray:
    """Blur the colours of a layer and keep its coverage."""
    blurred = cv2.GaussianBlur(pixels, (0, 0), sigma).astype(np.float32)
    ratio = pixels[..., 3:] / np.maximum(blurred[..., 3:], 1)
    out = np.empty_like(pixels)
    out[..., :3] = np.minimum(blurred[..., :3] * ratio, 255)
    out[..., 3] = pixels[..., 3]
    return out


def _extent(coverage: ImageArray) -> NDArray[np.float64]:
    x, y, width, height = cv2.boundingRect(coverage)
    return np.array([x, y, width, height], dtype=np.float64)


def shadow_hulls(bodies: FloatArray, camera: Camera, light: Light) -> list[NDArray[np.int32]]:
    """Return the outlines on the image of the ground shadows of convex bodies, in 1/16 pixel.

    Args:
        bodies: N points of each body [P, N, 3].
        camera: the camera.
        light: gives the direction of the sun.
    """
    height = np.maximum(bodies[..., 1:2], 0)
    ground = bodies - light.to_sun * (height / light.to_sun[1])
    ground[..., 1] = 0
    pixels, depths = camera.project(ground)
    points = np.rint(pixels * 2**_SHIFT).astype(np.int32)[depths.min(axis=1) > 0.5]
    return [cv2.convexHull(outline)[:, 0] for outline in points]


def fill_shadow(mask: ImageArray, hulls: list[NDArray[np.int32]], left: int, top: int) -> None:
    """Fill outlines of ``shadow_hulls`` with 255 on a mask whose first pixel is ``left``, ``top`` of the image."""
    corner = np.array([left, top], dtype=np.int32) * 2**_SHIFT + 2 ** (_SHIFT - 1)
    for hull in hulls:
        cv2.fillConvexPoly(mask, np.asarray(hull - corner, dtype=np.int32), 255, cv2.LINE_AA, _SHIFT)
