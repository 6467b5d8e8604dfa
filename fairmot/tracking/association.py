"""Which detection belongs to which track: costs and the assignment with a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fairmot.geometry import pairwise_iou

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]


def assign(cost: FloatRows, limit: float) -> tuple[IndexArray, IndexArray]:
    """Match rows and columns one to one, where leaving a pair unmatched costs ``limit``.

    This is not "the cheapest full assignment, then drop what is over the limit". The published code solves the
    (n + m) x (n + m) extension [[C, t/2], [t/2, 0]]; subtracting t from C, capping at 0 and keeping what is negative
    has the same optimum and is n x m.

    Args:
        cost: [n, m]; infinite where a pair is impossible.
        limit: t; pairs at or above it are never matched.

    Returns:
        Rows [k], ascending, and their columns [k].
    """
    gain = np.minimum(cost - limit, 0.0)
    rows, columns = linear_sum_assignment(gain)
    matched = gain[rows, columns] < 0
    return rows[matched], columns[matched]


def iou_distance(first_xyxy: FloatRows, second_xyxy: FloatRows) -> FloatRows:
    """Return 1 - IoU of every pair of boxes, [n, m], in the inclusive one-pixel convention of the published code."""
    return 1.0 - pairwise_iou(first_xyxy, second_xyxy, pixel=1.0)


def cosine_distance(first: NDArray[np.float32], second: NDArray[np.float32]) -> FloatRows:
    """Return 1 - cosine of every pair of embeddings [n, D] and [m, D], not below 0, in double precision."""
    a, b = unit_rows(first), unit_rows(second)
    return np.maximum(1.0 - a @ b.T, 0.0)


def unit_rows(embeddings: NDArray[np.floating[Any]]) -> FloatRows:
    """Return the rows [n, D] scaled to length 1, in double precision."""
    rows = embeddings.astype(np.float64)
    rows /= np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    return rows


def fuse_motion(pair_cost: FloatRows, squared_distance: FloatRows, motion_weight: float) -> FloatRows:
    """Mix the costs [P] of gated pairs with their squared Mahalanobis distances [P]."""
    return (1.0 - motion_weight) * pair_cost + motion_weight * squared_distance
