"""Training targets of one image: heatmap, extents, offsets and identities (FairMOT, section 3.2 and 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Overlap with the true box that a box shifted by the radius still has (CornerNet, section 3.2).
MIN_OVERLAP = 0.7
# The focal loss weights background by (1 - target)^4: 1e-8 here, so predictions inside ignore regions cost nothing.
IGNORED_TARGET = np.float32(0.99)
IGNORE_CLASS = -1
NO_IDENTITY = -1


@dataclass(frozen=True, slots=True)
class Targets:
    """What the heads should predict for one image; K slots, a map of h x w cells, C classes."""

    heatmap: NDArray[np.float32]
    """Gaussian peaks [C, h, w], exactly 1 at the centres."""
    is_object: NDArray[np.bool_]
    """Whether a slot holds an object [K]."""
    cells: NDArray[np.int64]
    """Flat cell y * w + x of each centre [K]; 0 in empty slots."""
    extents: NDArray[np.float32]
    """Left, top, right, bottom distances from the centre to the whole box [K, 4], cells."""
    offsets: NDArray[np.float32]
    """Centre minus its cell [K, 2], cells."""
    identities: NDArray[np.int64]
    """Identity [K]; -1: object without one; 0 in empty slots, as published: only ``is_object`` marks those."""


def make_targets(
    labels: NDArray[np.floating[Any]],
    map_size: tuple[int, int],
    classes: int = 1,
    max_objects: int = 500,
    box_radius: int = 0,
) -> Targets:
    """Make the targets of one image from its label rows.

    Row k is slot k; a row without area leaves its slot empty and rows from ``max_objects`` on are dropped. A centre
    off the canvas is clipped to the border cell, while its extents reach to the whole box (and may be negative).

    Rows of class -1 are ignore regions (not published). They take no slot; in every class, the cells that they touch
    have a target of at least 0.99 but below 1, to which the focal loss gives almost no weight. They never lower a peak.

    With a ``box_radius`` (not published) the cells around a centre take the free slots after the objects: without
    identity, with the same extents and an offset to the same centre, so that a peak one cell aside still gives the
    whole box. A cell learns one box: that of its own centre, or else of the nearest.

    Args:
        labels: rows [n, 6] class, identity, centre x, centre y, width, height, the last four divided by the canvas.
        map_size: width and height of the output maps, cells.
        classes: heatmap channels C.
        max_objects: slots K.
        box_radius: number of rows and columns of cells on each side of a centre that also learn its box.

    Raises:
        ValueError: a class outside [-1, C).
    """
    width, height = map_size
    rows = np.asarray(labels, dtype=np.float64).reshape(-1, 6)
    ignored = rows[rows[:, 0] == IGNORE_CLASS]
    rows = rows[rows[:, 0] != IGNORE_CLASS][:max_objects]
    check_classes(rows[:, 0], classes)
    class_ids = rows[:, 0].astype(np.int64)

    map_scale = np.array([width, height], dtype=np.float64)
    centres, sizes = rows[:, 2:4] * map_scale, rows[:, 4:6] * map_scale
    clipped = np.clip(centres, 0, map_scale - 1)
    corner_cells = np.floor(clipped).astype(np.int64)
    slots = np.flatnonzero((sizes > 0).all(axis=1))

    is_object = np.zeros(max_objects, dtype=np.bool_)
    cells = np.zeros(max_objects, dtype=np.int64)
    extents = np.zeros((max_objects, 4), dtype=np.float32)
    offsets = np.zeros((max_objects, 2), dtype=np.float32)
    identities = np.zeros(max_objects, dtype=np.int64)
    is_object[slots] = True
    cells[slots] = corner_cells[slots, 1] * width + corner_cells[slots, 0]
    extents[slots, :2] = (clipped - (centres - sizes / 2))[slots]
    extents[slots, 2:] = (centres + sizes / 2 - clipped)[slots]
    offsets[slots] = (clipped - corner_cells)[slots]
    identities[slots] = rows[slots, 1].astype(np.int64)

    if box_radius and len(slots):
        owners, shifts, places = _cells_around(
            corner_cells[slots], (width, height), box_radius, max_objects - len(rows)
        )
        extra = slice(len(rows), len(rows) + len(owners))
        is_object[extra] = True
        cells[extra] = places
        extents[extra] = extents[slots[owners]]
        offsets[extra] = offsets[slots[owners]] - shifts
        identities[extra] = NO_IDENTITY

    heatmap = np.zeros((classes, height, width), dtype=np.float32)
    radii = gaussian_radii(np.ceil(sizes[slots]))
    _draw_peaks(heatmap, class_ids[slots], corner_cells[slots], radii)
    _raise_ignored(heatmap, ignored[:, 2:6] * np.tile(map_scale, 2))
    return Targets(heatmap, is_object, cells, extents, offsets, identities)


def check_classes(class_ids: NDArray[np.floating[Any]], classes: int) -> None:
    """Raise ``ValueError`` where a class [n] lies outside [0, C)."""
    if len(class_ids) and (class_ids.min() < 0 or class_ids.max() >= classes):
        raise ValueError(
            f"classes {class_ids.min():.0f} to {class_ids.max():.0f} in labels for a network of {classes} classes"
        )


def _cells_around(
    centres: NDArray[np.int64], map_size: tuple[int, int], radius: int, room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return, for at most ``room`` cells near ``centres`` [n, 2]: owner, shift from its centre [m, 2], flat cell."""
    width, height = map_size
    shifts = np.stack(np.meshgrid(*[np.arange(-radius, radius + 1)] * 2), axis=-1).reshape(-1, 2)
    shifts = shifts[np.argsort((shifts**2).sum(axis=1), kind="stable")]
    # Shift by shift, nearest first: the first to claim a cell is the nearest, and cells without room are far away.
    places = centres[None] + shifts[:, None]
    inside = ((places >= 0) & (places < [width, height])).all(axis=2)
    flat = (places[..., 1] * width + places[..., 0]).reshape(-1)
    _, first = np.unique(np.where(inside.reshape(-1), flat, -1), return_index=True)
    kept = np.sort(first[inside.reshape(-1)[first] & (first >= len(centres))])[:room]
    return kept % len(centres), shifts[kept // len(centres)], flat[kept]


def gaussian_radii(sizes: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return the radius, in whole cells, of the peak of each box of ``sizes`` [n, 2] (width, height, cells).

    CornerNet's three cases with their known slip, on which published weights were trained: roots are divided by 2
    instead of by 2a.
    """
    total = sizes.sum(axis=-1)
    area = sizes.prod(axis=-1)
    coefficients = (
        (1.0, total, area * (1 - MIN_OVERLAP) / (1 + MIN_OVERLAP)),
        (4.0, 2 * total, area * (1 - MIN_OVERLAP)),
        (4 * MIN_OVERLAP, -2 * MIN_OVERLAP * total, -area * (1 - MIN_OVERLAP)),
    )
    roots = [(b + np.sqrt(b**2 - 4 * a * c)) / 2 for a, b, c in coefficients]
    radii: NDArray[np.int64] = np.maximum(0, np.min(roots, axis=0)).astype(np.int64)
    return radii


def _draw_peaks(
    heatmap: NDArray[np.float32],
    class_ids: NDArray[np.int64],
    centres: NDArray[np.int64],
    radii: NDArray[np.int64],
) -> None:
    """Merge Gaussians of sigma (2r + 1) / 6 into ``heatmap`` by maximum, each within its radius."""
    kernels: dict[int, NDArray[np.float32]] = {}
    for class_id, (x, y), radius in zip(class_ids.tolist(), centres.tolist(), radii.tolist(), strict=True):
        kernel = kernels.get(radius)
        if kernel is None:
            # Of float64 squares, so that the float32 value is the nearest one.
            squares = np.arange(-radius, radius + 1, dtype=np.float64) ** 2
            exponent = (squares[:, None] + squares[None, :]) / (2 * ((2 * radius + 1) / 6) ** 2)
            kernel = kernels[radius] = np.exp(-exponent).astype(np.float32)
        top, left = max(0, y - radius), max(0, x - radius)
        patch = heatmap[class_id, top : y + radius + 1, left : x + radius + 1]
        first_row, first_column = top - y + radius, left - x + radius
        np.maximum(
            patch,
            kernel[first_row : first_row + patch.shape[0], first_column : first_column + patch.shape[1]],
            out=patch,
        )


def _raise_ignored(heatmap: NDArray[np.float32], boxes_cxcywh: NDArray[np.float64]) -> None:
    """Raise the cells touched by boxes [n, 4] (cells) to ``IGNORED_TARGET`` in every class."""
    _, height, width = heatmap.shape
    boxes = boxes_cxcywh[(boxes_cxcywh[:, 2:] > 0).all(axis=1)]
    first = np.maximum(0, np.floor(boxes[:, :2] - boxes[:, 2:] / 2)).astype(np.int64)
    last = np.ceil(np.clip(boxes[:, :2] + boxes[:, 2:] / 2, 0, [width, height])).astype(np.int64)
    for (left, top), (right, bottom) in zip(first.tolist(), last.tolist(), strict=True):
        patch = heatmap[:, top:bottom, left:right]
        np.maximum(patch, IGNORED_TARGET, out=patch)
