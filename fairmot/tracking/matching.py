"""Association in steps: appearance and motion, low scores (BYTE), overlap, tracks seen once."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.tracking import kalman
from fairmot.tracking.association import FloatRows, IndexArray, assign, first_step, iou_distance
from fairmot.tracking.table import Candidates, TrackTable, boxes_tlwh, corners


class Stage(IntEnum):
    """Step that matched a pair."""

    NONE = 0
    APPEARANCE = 1
    """Step 1: confirmed and lost tracks, by appearance and motion; without embeddings, by overlap inside the gate."""
    LOW_SCORE = 2
    """Second pass: the remaining tracked tracks and low-score detections, by overlap (BYTE)."""
    OVERLAP = 3
    """Step 2: the remaining tracked tracks, by overlap."""
    UNCONFIRMED = 4
    """Step 3: tracks seen once, by overlap."""


class Matches(NamedTuple):
    """Result of the association."""

    candidates: IndexArray
    """The candidate of each track [M]; -1: none."""
    stages: NDArray[np.int8]
    """The ``Stage`` that matched each track [M]."""


def associate(
    table: TrackTable, tracked_count: int, candidates: Candidates, config: TrackerConfig, noise: kalman.Noise
) -> Matches:
    """Match tracks and candidates.

    Args:
        table: all tracks [M], predicted; the first ``tracked_count`` are tracked, the others lost.
        tracked_count: number of tracked tracks.
        candidates: the detections that take part.
        config: limits and options.
        noise: noise of the Kalman filter.
    """
    match = np.full(len(table), -1)
    stages = np.zeros(len(table), dtype=np.int8)
    is_confirmed = table["is_confirmed"]  # true for all lost tracks
    is_free = np.ones(len(candidates.records), dtype=bool)
    boxes = corners(boxes_tlwh(table))

    def settle(rows: IndexArray, columns: IndexArray, cost: FloatRows, limit: float, stage: Stage) -> None:
        if config.per_class:
            other = table["class_id"][rows, None] != candidates.records["class_id"][columns]
            cost = np.where(other, np.inf, cost)
        chosen_rows, chosen_columns = assign(cost, limit)
        rows, columns = rows[chosen_rows], columns[chosen_columns]
        match[rows], stages[rows] = columns, stage
        is_free[columns] = False

    def by_overlap(rows: IndexArray, columns: IndexArray, limit: float, stage: Stage) -> None:
        if len(rows) and len(columns):
            settle(rows, columns, iou_distance(boxes[rows], candidates.boxes_xyxy[columns]), limit, stage)

    def unmatched(confirmed: bool) -> IndexArray:
        rows: IndexArray = ((match[:tracked_count] < 0) & (is_confirmed[:tracked_count] == confirmed)).nonzero()[0]
        return rows

    confident_count = candidates.confident_count
    pool = is_confirmed.nonzero()[0]
    if len(pool) and confident_count:
        cost, limit = first_step(table[pool], boxes[pool], candidates, config, noise)
        settle(pool, np.arange(confident_count), cost, limit, Stage.APPEARANCE)
    if len(is_free) > confident_count:
        low = np.arange(confident_count, len(is_free))
        by_overlap(unmatched(True), low, config.second_pass_max_iou_distance, Stage.LOW_SCORE)
    free = is_free[:confident_count].nonzero()[0]
    by_overlap(unmatched(True), free, config.max_iou_distance, Stage.OVERLAP)
    free = is_free[:confident_count].nonzero()[0]
    by_overlap(unmatched(False), free, config.unconfirmed_max_iou_distance, Stage.UNCONFIRMED)
    return Matches(match, stages)
