"""Tubes and boxes in space: people, cars, trees and lamp posts are all made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray


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
    """Metres by which faces are drawn as if nearer [F], so that clothes hide what they cover."""

    @property
    def corners(self) -> FloatArray:
        """[F, 4, 3] metres."""
        return self.vertices[self.index]

    @staticmethod
    def separate(corners: FloatArray, albedo: FloatArray, normals: FloatArray) -> Faces:
        """Return faces with vertices of their own, from corners [F, 4, 3]."""
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
