"""Costs of pairs of tracks and detections, and the assignment with a maximum cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fairmot.config import TrackerConfig
from fairmot.tracking import kalman
from fairmot.tracking.table import Candidates, TrackTable

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]


def assign(cost: FloatRows, limit: float) -> tuple[IndexArray, IndexArray]:
    """Match rows and columns one to one, where leaving a pair unmatched costs ``limit``.

    This differs from solving the full assignment and then dropping pairs above the limit. The published code solves
    the (n + m) x (n + m) extension [[C, t/2], [t/2, 0]]. Subtracting t from C, capping at 0 and keeping the negative
    entries has the same optimum, and the matrix is n x m.

    Args:
        cost: [n, m]; infinite where a pair is impossible.
        limit: t; pairs at or above it are never matched.

    Returns:
        Rows [k], ascending, and their columns [k].
    """
    gain = cost - limit
    np.minimum(gain, 0.0, out=gain)
    rows, columns = linear_sum_assignment(gain)
    matched = gain[rows, columns] < 0
    return rows[matched], columns[matched]


def iou_distance(first_xyxy: FloatRows, second_xyxy: FloatRows) -> FloatRows:
    """Return 1 - IoU of every pair of boxes, [n, m], in the inclusive one-pixel convention of the published code.

    The values equal those of ``geometry.pairwise_iou``. This takes a third of a frame's time, so x and y are computed
    together and in place.
    """
    first, second = np.ascontiguousarray(first_xyxy.T), np.ascontiguousarray(second_xyxy.T)
    overlap = np.minimum(first[2:, :, None], second[2:, None])
    overlap -= np.maximum(first[:2, :, None], second[:2, None])
    overlap += 1.0
    np.maximum(overlap, 0.0, out=overlap)
    shared = overlap[0]
    shared *= overlap[1]
    first_sides, second_sides = first[2:] - first[:2] + 1.0, second[2:] - second[:2] + 1.0
    union = np.add.outer(first_sides[0] * first_sides[1], second_sides[0] * second_sides[1])
    union -= shared
    np.divide(shared, union, out=shared, where=shared > 0)
    distance: FloatRows = np.subtract(1.0, shared, out=shared)
    return distance


def cosine_distance(first: FloatRows, second: FloatRows) -> FloatRows:
    """Return 1 - cosine of every pair of unit vectors [n, D] and [m, D], at least 0."""
    distance = first @ second.T
    np.subtract(1.0, distance, out=distance)
    return np.maximum(distance, 0.0, out=distance)


def appearance_distance(table: TrackTable, found: TrackTable) -> FloatRows:
    """Return the cosine distance [m, N] of tracks and detections, with galleries the smallest over all embeddings."""
    distance = cosine_distance(table["embedding"], found["embedding"])
    if table.dtype.names is not None and "gallery" in table.dtype.names:
        np.minimum(distance, nearest_distance(table["gallery"], found["embedding"]), out=distance)
    return distance


def nearest_distance(gallery: NDArray[np.float32], embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smallest cosine distance [m, N] of galleries [m, K, D] to embeddings [N, D].

    An empty place of a gallery has distance 1 from everything.
    """
    count, size, width = gallery.shape
    cosine = gallery.reshape(-1, width) @ embeddings.T.astype(np.float32)
    nearest = cosine.reshape(count, size, len(embeddings)).max(axis=1).astype(np.float64)
    distance: FloatRows = np.maximum(1.0 - nearest, 0.0)
    return distance


def has_embeddings(table: TrackTable) -> bool:
    """Return whether the tracks have embeddings."""
    return table.dtype["embedding"].shape != (0,)


def fused_cost(
    appearance: FloatRows, overlap: FloatRows, squared_distance: FloatRows, config: TrackerConfig
) -> FloatRows:
    """Combine cosine, IoU and squared Mahalanobis distances [P] of gated pairs into one cost.

    If ``iou_weight`` is 0, as published, ``overlap`` is not read and may be empty.
    """
    weight = config.iou_weight
    cost = (1.0 - weight) * appearance + weight * overlap if weight else appearance
    return (1.0 - config.motion_weight) * cost + config.motion_weight * squared_distance


def first_step(
    pool: TrackTable, pool_xyxy: FloatRows, candidates: Candidates, config: TrackerConfig, noise: kalman.Noise
) -> tuple[FloatRows, float]:
    """Compute the costs of step 1 from appearance, motion and, with ``iou_weight``, overlap.

    Args:
        pool: the confirmed and lost tracks [m], predicted.
        pool_xyxy: their corners [m, 4].
        candidates: detections, of which the first ``confident_count`` take part [N].
        config: gate, weights and limits.
        noise: noise of the Kalman filter.

    Returns:
        The cost [m, N], infinite outside the motion gate, and the maximum cost of a match.
    """
    found = candidates.records[: candidates.confident_count]
    rows, columns, squared_distance = kalman.gated_pairs(
        pool["mean"], pool["covariance"], found["mean"][:, :4], config.gate, noise
    )
    cost = np.full((len(pool), len(found)), np.inf)
    use_appearance, overlap = has_embeddings(pool), np.empty(0)
    if config.iou_weight or not use_appearance:
        overlap = iou_distance(pool_xyxy, candidates.boxes_xyxy[: candidates.confident_count])[rows, columns]
    if use_appearance:
        appearance = appearance_distance(pool, found)[rows, columns]
        cost[rows, columns] = fused_cost(appearance, overlap, squared_distance, config)
        return cost, config.max_appearance_cost
    # The published tracker always has embeddings. On nine MOT15 training sequences (first 500 frames, the detections
    # that SORT published) limit 0.7 without a motion term had the best identities: IDF1 .47, others .41 to .46.
    cost[rows, columns] = overlap
    return cost, config.motion_max_iou_distance


def unique_tracks(
    table: TrackTable, boxes: FloatRows, tracked_count: int, config: TrackerConfig
) -> tuple[NDArray[np.bool_], IndexArray, IndexArray]:
    """Find tracked and lost tracks that overlap so much that they are duplicates, and keep one of each pair.

    The track with the longer life stays; if both are equal, the lost one. Each pair is decided on its own: a track that
    is dropped in one pair can still cause another to be dropped, as in the published code.

    Args:
        table: all tracks [M]; the first ``tracked_count`` are tracked, the others lost.
        boxes: their corners [M, 4], pixels.
        tracked_count: number of tracked tracks.
        config: ``duplicate_iou_distance`` and ``per_class``.

    Returns:
        Whether each track stays [M]; and for each pair the row of the dropped and of the kept track.
    """
    first, second = (
        iou_distance(boxes[:tracked_count], boxes[tracked_count:]) < config.duplicate_iou_distance
    ).nonzero()
    second = second + tracked_count
    if config.per_class:
        is_same = table["class_id"][first] == table["class_id"][second]
        first, second = first[is_same], second[is_same]
    stays = np.ones(len(table), dtype=np.bool_)
    if not len(first):
        return stays, first, second
    age = table["last_frame"] - table["first_frame"]
    is_older = age[first] > age[second]
    dropped = np.where(is_older, second, first)
    stays[dropped] = False
    return stays, dropped, np.where(is_older, first, second)
