"""Costs of every pair of track and detection, and the reason why a track has no match, for the tracker's record."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.tracking import kalman
from fairmot.tracking.association import (
    FloatRows,
    IndexArray,
    appearance_distance,
    fused_cost,
    has_embeddings,
    iou_distance,
)
from fairmot.tracking.matching import Matches
from fairmot.tracking.table import Candidates, TrackTable, boxes_tlwh, corners


class TrackState(IntEnum):
    """State of a track before a frame."""

    UNCONFIRMED = 0
    """Seen once."""
    TRACKED = 1
    LOST = 2


class Reason(IntEnum):
    """Reason why a track has no match."""

    MATCHED = 0
    NOTHING_NEAR = 1
    """No detection overlapped it or lay inside its gate."""
    OUTSIDE_GATE = 2
    """Detections overlapped it, but none lay inside its gate."""
    TOO_DIFFERENT = 3
    """The cost of every near detection exceeded the limits of the steps in which the track took part."""
    OUTBID = 4
    """A near detection was within the limits, but the assignment gave it to another track."""


class PairCosts(NamedTuple):
    """Pairs [P] that overlap or lie inside the gate."""

    tracks: IndexArray
    candidates: IndexArray
    appearance: FloatRows
    motion: FloatRows
    iou: FloatRows
    in_gate: NDArray[np.bool_]
    cost: FloatRows
    """Of step 1; infinite for tracks and detections that do not take part in it."""


def pair_costs(
    table: TrackTable, tracked_count: int, candidates: Candidates, config: TrackerConfig, noise: kalman.Noise
) -> PairCosts:
    """Compute the costs of every near pair.

    Args:
        table: all tracks [M], predicted; the first ``tracked_count`` are tracked, the others lost.
        tracked_count: number of tracked tracks.
        candidates: the detections that take part.
        config: gate, weights, classes.
        noise: noise of the Kalman filter.
    """
    found = candidates.records
    all_motion = kalman.squared_distance(table["mean"], table["covariance"], found["mean"][:, :4], noise)
    all_iou = 1.0 - iou_distance(corners(boxes_tlwh(table)), candidates.boxes_xyxy)
    is_near = (all_motion <= config.gate) | (all_iou > 0)
    if config.per_class:
        is_near &= table["class_id"][:, None] == found["class_id"]
    rows, columns = is_near.nonzero()
    motion, iou = all_motion[rows, columns], all_iou[rows, columns]
    if has_embeddings(table):
        appearance = appearance_distance(table, found)[rows, columns]
        cost = fused_cost(appearance, 1.0 - iou, motion, config)
    else:
        appearance = np.full(len(rows), np.nan)
        cost = 1.0 - iou
    in_gate = motion <= config.gate
    takes_part = in_gate & table["is_confirmed"][rows] & (columns < candidates.confident_count)
    return PairCosts(rows, columns, appearance, motion, iou, in_gate, np.where(takes_part, cost, np.inf))


def explain_pairs(
    pairs: PairCosts,
    matches: Matches,
    table: TrackTable,
    tracked_count: int,
    candidates: Candidates,
    config: TrackerConfig,
) -> NDArray[np.int8]:
    """Return the ``Reason`` of each track [M]."""
    rows, is_confident = pairs.tracks, pairs.candidates < candidates.confident_count
    is_confirmed, is_tracked = table["is_confirmed"][rows], rows < tracked_count
    distance = 1.0 - pairs.iou
    first_limit = config.max_appearance_cost if has_embeddings(table) else config.motion_max_iou_distance
    is_open = pairs.cost < first_limit
    is_open |= is_tracked & is_confirmed & is_confident & (distance < config.max_iou_distance)
    is_open |= is_tracked & is_confirmed & ~is_confident & (distance < config.second_pass_max_iou_distance)
    is_open |= ~is_confirmed & is_confident & (distance < config.unconfirmed_max_iou_distance)

    def has(which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        flags = np.zeros(len(table), dtype=bool)
        flags[rows[which]] = True
        return flags

    reasons = np.select(
        [
            matches.candidates >= 0,
            has(is_open),
            has(pairs.in_gate | ~is_confirmed),
            has(np.ones(len(rows), dtype=bool)),
        ],
        [Reason.MATCHED, Reason.OUTBID, Reason.TOO_DIFFERENT, Reason.OUTSIDE_GATE],
        Reason.NOTHING_NEAR,
    )
    return reasons.astype(np.int8)
