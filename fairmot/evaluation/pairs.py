"""Which true boxes overlap which result boxes: computed once a sequence, shared by all scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

EPSILON = float(np.finfo(np.float64).eps)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BoxPairs:
    """Pairs of a true and a result box of the same frame, sorted by frame, true row, result row."""

    frames: Ints
    """Frame index [P]."""
    truths: Ints
    """Row of the true box [P]."""
    results: Ints
    """Row of the result box [P]."""
    similarity: Floats
    """Intersection over union [P], above 0. A pair that is not listed has 0."""

    def __len__(self) -> int:
        return len(self.frames)

    def select(self, mask: Mask | Ints) -> BoxPairs:
        """Return the pairs that a mask [P] or indices pick."""
        return BoxPairs(self.frames[mask], self.truths[mask], self.results[mask], self.similarity[mask])


def frame_starts(frames: Ints, frame_count: int) -> Ints:
    """Return the first row of each frame in sorted ``frames`` [N], and N at the end: [frame_count + 1]."""
    return np.searchsorted(frames, np.arange(frame_count + 1)).astype(np.int64)


def overlapping_pairs(
    truth_boxes_tlwh: Floats, truth_starts: Ints, result_boxes_tlwh: Floats, result_starts: Ints
) -> BoxPairs:
    """Return all pairs with a positive intersection over union.

    Args:
        truth_boxes_tlwh: [N, 4], rows by frame.
        truth_starts: first row of each frame, and N [F + 1].
        result_boxes_tlwh: [M, 4], rows by frame.
        result_starts: first row of each frame, and M [F + 1].
    """
    truth, result = _edges(truth_boxes_tlwh), _edges(result_boxes_tlwh)
    truth_parts, result_parts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    frame_parts, pair_counts = [], []
    occupied = (np.diff(truth_starts) > 0) & (np.diff(result_starts) > 0)
    for frame in np.flatnonzero(occupied):
        first_truth, first_result = truth_starts[frame], result_starts[frame]
        a = truth[:, first_truth : truth_starts[frame + 1], None]
        b = result[:, None, first_result : result_starts[frame + 1]]
        overlap = np.minimum(a[2], b[2]) > np.maximum(a[0], b[0])
        overlap &= np.minimum(a[3], b[3]) > np.maximum(a[1], b[1])
        rows, columns = np.nonzero(overlap)
        truth_parts.append(rows + first_truth)
        result_parts.append(columns + first_result)
        frame_parts.append(frame)
        pair_counts.append(len(rows))
    truths, results = np.concatenate(truth_parts), np.concatenate(result_parts)
    frames = np.repeat(np.array(frame_parts, dtype=np.int64), np.array(pair_counts, dtype=np.int64))
    similarity = _iou(truth[:, truths], result[:, results])
    overlapping = similarity > 0
    return BoxPairs(frames, truths, results, similarity).select(overlapping)


def in_conflict(pairs: BoxPairs) -> Mask:
    """Mark the pairs [P] of frames in which some box has two partners.

    In all other frames every pair belongs to the best assignment, whatever the (positive) weights.
    """
    if not len(pairs):
        return np.zeros(0, dtype=bool)
    shared = (np.bincount(pairs.truths)[pairs.truths] > 1) | (np.bincount(pairs.results)[pairs.results] > 1)
    return np.bincount(pairs.frames, weights=shared)[pairs.frames] > 0


def assign(truths: Ints, results: Ints, weights: Floats, shape: tuple[int, int]) -> Mask:
    """Mark the pairs [P] of one frame that the assignment of largest total weight takes.

    The matrix has the frame's full size, as TrackEval's: equal totals are then resolved in the same way.

    Args:
        truths: true box of each pair, counted within the frame [P].
        results: result box of each pair, counted within the frame [P].
        weights: of each pair [P], positive; all other pairs have 0.
        shape: true and result boxes in the frame.
    """
    costs = np.zeros(shape)
    costs[truths, results] = -weights
    taken = np.zeros(shape, dtype=bool)
    taken[linear_sum_assignment(costs)] = True
    return taken[truths, results]


def best_assignment(pairs: BoxPairs, weights: Floats, truth_starts: Ints, result_starts: Ints) -> Mask:
    """Mark the pairs [P] that the best assignment of each frame takes; ``weights`` [P] are positive."""
    taken = np.ones(len(pairs), dtype=bool)
    conflict = np.flatnonzero(in_conflict(pairs))
    for block in blocks(pairs.frames, conflict):
        frame = pairs.frames[block.start]
        first_truth, first_result = truth_starts[frame], result_starts[frame]
        shape = (int(truth_starts[frame + 1] - first_truth), int(result_starts[frame + 1] - first_result))
        taken[block] = assign(
            pairs.truths[block] - first_truth, pairs.results[block] - first_result, weights[block], shape
        )
    return taken


def blocks(frames: Ints, chosen: Ints) -> list[slice]:
    """Return the slice of each frame that occurs in ``frames[chosen]``; ``chosen`` holds whole frames."""
    picked = np.unique(frames[chosen])
    starts, ends = np.searchsorted(frames, picked), np.searchsorted(frames, picked, side="right")
    return [slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def _edges(boxes_tlwh: Floats) -> Floats:
    """Left, top, right, bottom in rows [4, N]."""
    corners = boxes_tlwh.T.copy()
    corners[2:] += corners[:2]
    return corners


def _iou(first: Floats, second: Floats) -> Floats:
    """Intersection over union of boxes [4, P] that overlap; boxes without area have none (as in TrackEval)."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    intersection = np.prod(np.maximum(high - low, 0), axis=0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    intersection[(areas[0] <= EPSILON) | (areas[1] <= EPSILON)] = 0
    union = areas[0] + areas[1] - intersection
    overlap: Floats = np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)
    return overlap
