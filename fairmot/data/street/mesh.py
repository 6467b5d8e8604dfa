"""Tubes and boxes in space, shaded and drawn: people, cars, trees and lamp posts are all made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.data.street.camera import Camera, Light
from fairmot.data.street.colour import encode
from fairmot.geometry import FloatArray, ImageArray

_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
_MAX_LAYER_PX = 6000


@dataclass(frozen=True, slots=True)
class Faces:
    """Four-cornered faces."""

    vertices: FloatArray
    """[V, 3] metres."""
    index: NDArray[np.int64]
    """Which vertices are the corners of each face, in order around it [F, 4]."""
    albedo: FloatArray
    """Linear BGR [F, 3]."""
    normals: FloatArray
    """Unit vectors [F, 3], pointing outwards."""
    nearer: FloatArray
    """Metres by which faces are drawn as if nearer [F]: what is worn lies on what it covers."""

    @property
    def corners(self) -> FloatArray:
        """[F, 4, 3] metres."""
        return self.vertices[self.index]

    @staticmethod
    def separate(corners: FloatArray, albedo: FloatArray, normals: FloatArray) -> Faces:
        """Return faces that share no vertices, from corners [F, 4, 3]."""
        return Faces(
            corners.reshape(-1, 3), np.arange(4 * len(corners)).reshape(-1, 4), albedo, normals, np.zeros(len(corners))
        )

    @staticmethod
    def join(parts: list[Faces]) -> Faces:
        """Return all faces in one object."""
        offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
        return Faces(
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.index + offset for part, offset in zip(parts, offsets[:-1], strict=True)]),
            np.concatenate([part.albedo for part in parts]),
            np.concatenate([part.normals for part in parts]),
            np.concatenate([part.nearer for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """Something drawn, with its coverage, to be laid over a picture."""

    left: int
    top: int
    pixels: ImageArray
    """BGR times coverage, and coverage: uint8 [h, w, 4]."""
    box_tlwh: NDArray[np.float64]
    """The exact extent of everything drawn, picture pixels [4]; zero size where nothing was drawn."""


def tube_vertices(
    starts: FloatArray,
    ends: FloatArray,
    sides: FloatArray,
    along: FloatArray,
    wide: FloatArray,
    deep: FloatArray,
    shift: FloatArray,
    power: FloatArray,
    segments: int,
) -> FloatArray:
    """Return the rings [P, R, S, 3] of P tubes.

    Args:
        starts: [P, 3], where ``along`` is 0.
        ends: [P, 3], where ``along`` is 1.
        sides: [P, 3], the directions in which ``wide`` is measured; ``deep`` is measured across.
        along: [P, R], places of the rings.
        wide: [P, R], half widths.
        deep: [P, R], half depths.
        shift: [P, R], displacement in the direction of ``deep``.
        power: [P], 2 for an ellipse, more for a rounded rectangle.
        segments: points S of a ring.
    """
    axes = ends - starts
    lengths = np.linalg.norm(axes, axis=-1, keepdims=True)
    units = axes / lengths
    sides = sides - units * np.sum(sides * units, axis=-1, keepdims=True)
    sides = sides / np.linalg.norm(sides, axis=-1, keepdims=True)
    across = _cross(units, sides)
    angles = np.arange(segments) * (2 * math.pi / segments)
    exponent = (2 / power)[:, None]
    cosine = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** exponent
    sine = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** exponent
    centres = starts[:, None] + along[..., None] * axes[:, None] + shift[..., None] * across[:, None]
    return np.asarray(
        centres[:, :, None]
        + (wide[..., None] * cosine[:, None])[..., None] * sides[:, None, None]
        + (deep[..., None] * sine[:, None])[..., None] * across[:, None, None]
    )


def tube_index(tubes: int, rings: int, segments: int) -> NDArray[np.int64]:
    """Return the corners of the faces of tubes, [P, R-1, S, 4], as indices into their vertices [P * R * S]."""
    grid = np.arange(tubes * rings * segments).reshape(tubes, rings, segments)
    following = np.roll(grid, -1, axis=2)
    return np.stack([grid[:, :-1], following[:, :-1], following[:, 1:], grid[:, 1:]], axis=-1)


def tube_faces(
    vertices: FloatArray,
    albedo: FloatArray,
    keep: NDArray[np.bool_] | None = None,
    nearer: FloatArray | None = None,
) -> Faces:
    """Turn rings [P, R, S, 3] into faces.

    Args:
        vertices: the rings.
        albedo: linear BGR [P, R-1, S, 3].
        keep: which faces exist [P, R-1, S]; left out, all.
        nearer: see ``Faces``, for each tube [P].
    """
    around = np.roll(vertices, -1, axis=2) - vertices
    along = vertices[:, 1:] - vertices[:, :-1]
    normals = _cross(around[:, :-1] + around[:, 1:], along + np.roll(along, -1, axis=2))
    index = tube_index(*vertices.shape[:3])
    if keep is None:
        keep = np.ones(index.shape[:3], dtype=np.bool_)
    normals = normals[keep]
    normals = normals / np.maximum(np.sqrt(np.einsum("fc,fc->f", normals, normals)), 1e-12)[:, None]
    bias = np.zeros(len(vertices)) if nearer is None else nearer
    biases = np.broadcast_to(bias[:, None, None], keep.shape)[keep]
    return Faces(vertices.reshape(-1, 3), index[keep], albedo[keep], normals, biases)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """The cross product of vectors [..., 3]; several times faster than NumPy's on short axes."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), dtype=np.result_type(a, b))
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        out[..., axis] = a[..., first] * b[..., second] - a[..., second] * b[..., first]
    return out


def box_faces(low: FloatArray, high: FloatArray, albedo: FloatArray) -> Faces:
    """Return the six faces of a box along the axes between two corners [3]."""
    unit = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
    index = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [0, 3, 7, 4], [1, 2, 6, 5], [0, 1, 5, 4], [3, 2, 6, 7]])
    normals = np.array([[0, 0, -1], [0, 0, 1], [-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0]], dtype=np.float64)
    corners = np.asarray(low) + unit * (np.asarray(high) - np.asarray(low))
    return Faces(corners, index, np.broadcast_to(albedo, (6, 3)), normals, np.zeros(6))


def draw(
    faces: Faces, camera: Camera, light: Light, sunlit: float, oversampling: int, softness_px: float = 0.0
) -> Layer:
    """Draw faces from far to near, oversampled, and return them at picture resolution.

    Faces that come nearer to the camera than 30 cm are left out.

    Args:
        faces: what is drawn.
        camera: the camera.
        light: the light.
        sunlit: share of the sun that reaches it.
        oversampling: drawn pixels a picture pixel, in each direction.
        softness_px: how far colours run into one another inside the outline, so that flat faces look round.
    """
    vertices = np.asarray(faces.vertices, dtype=np.float32)
    normals = np.asarray(faces.normals, dtype=np.float32)
    eye = camera.position.astype(np.float32)
    # The diagonal's middle is near enough to the centre.
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
    share = pixels[..., 3:] / np.maximum(blurred[..., 3:], 1)
    out = np.empty_like(pixels)
    out[..., :3] = np.minimum(blurred[..., :3] * share, 255)
    out[..., 3] = pixels[..., 3]
    return out


def _extent(coverage: ImageArray) -> NDArray[np.float64]:
    x, y, width, height = cv2.boundingRect(coverage)
    return np.array([x, y, width, height], dtype=np.float64)


def shadow_hulls(bodies: FloatArray, camera: Camera, light: Light) -> list[NDArray[np.int32]]:
    """Return the outlines on the picture of the ground shadows of convex bodies, in 1/16 pixel.

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
    """Fill outlines of ``shadow_hulls`` with 255 on a mask whose first pixel is ``left``, ``top`` of the picture."""
    corner = np.array([left, top], dtype=np.int32) * 2**_SHIFT + 2 ** (_SHIFT - 1)
    for hull in hulls:
        cv2.fillConvexPoly(mask, np.asarray(hull - corner, dtype=np.int32), 255, cv2.LINE_AA, _SHIFT)
