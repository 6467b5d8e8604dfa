"""Which detection belongs to which track: costs and the assignment with a limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fairmot.config import TrackerConfig
from fairmot.geometry import pairwise_iou
from fairmot.tracking import kalman
from fairmot.tracking.table import Candidates, TrackTable, boxes_xyxy

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


def cosine_distance(first: FloatRows, second: FloatRows) -> FloatRows:
    """Return 1 - cosine of every pair of unit vectors, [n, D] and [m, D], not below 0."""
    distance = first @ second.T
    np.subtract(1.0, distance, out=distance)
    return np.maximum(distance, 0.0, out=distance)


def fuse_motion(pair_cost: FloatRows, squared_distance: FloatRows, motion_weight: float) -> FloatRows:
    """Mix the costs [P] of gated pairs with their squared Mahalanobis distances [P]."""
    return (1.0 - motion_weight) * pair_cost + motion_weight * squared_distance


def first_step(
    table: TrackTable, pool: IndexArray, candidates: Candidates, config: TrackerConfig
) -> tuple[FloatRows, float]:
    """Weigh confirmed and lost tracks against candidates by appearance and motion.

    Args:
        table: all tracks, predicted.
        pool: rows of the tracks that take part [m].
        candidates: [N].
        config: gate, weights and limits.

    Returns:
        The cost [m, N], infinite where the motion says no, and the limit of the assignment.
    """
    found = candidates.records
    rows, columns, squared_distance = kalman.gated_pairs(
        table["mean"][pool], table["covariance"][pool], found["mean"][:, :4], config.gate
    )
    cost = np.full((len(pool), len(found)), np.inf)
    if table.dtype["embedding"].shape != (0,):
        distance = cosine_distance(table["embedding"][pool], found["embedding"])[rows, columns]
        cost[rows, columns] = fuse_motion(distance, squared_distance, config.motion_weight)
        return cost, config.appearance_limit
    # The published tracker always has embeddings. On nine MOT15 training sequences (first 500 frames, the detections
    # that SORT published) limit 0.7 without the motion's share had the best identities: IDF1 .47, others .41 to .46.
    cost[rows, columns] = iou_distance(boxes_xyxy(table[pool]), candidates.boxes_xyxy)[rows, columns]
    return cost, config.iou_only_limit


def unique_tracks(table: TrackTable, boxes: FloatRows, tracked: int, limit: float) -> NDArray[np.bool_]:
    """Say which tracks stay where a tracked and a lost one lie on one spot.

    The one that was seen over the longer time stays, at equal times the lost one. Each pair is judged by itself, so a
    track that goes in one pair may still take another with it, as in the published code.

    Args:
        table: all tracks [M], the first ``tracked`` of them tracked, the others lost.
        boxes: their corners [M, 4], pixels.
        tracked: how many are tracked.
        limit: IoU distance below which two are one.

    Returns:
        Whether a track stays [M].
    """
    first, second = (iou_distance(boxes[:tracked], boxes[tracked:]) < limit).nonzero()
    second = second + tracked
    age = table["last_frame"] - table["first_frame"]
    stays = np.ones(len(table), dtype=np.bool_)
    stays[np.where(age[first] > age[second], second, first)] = False
    return stays
