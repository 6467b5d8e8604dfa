"""Extend tracks at both ends by detections that no track has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairmot.tracking.interpolation import FRAME, IDENTITY
from fairmot.tracking.linking import fitted_ends
from fairmot.tracking.sparse import assign_pairs

FloatRows = NDArray[np.float64]

MAX_DISTANCE = 0.5
"""Maximum cost of an extension: 1 - IoU times the ratio of the heights, with the box moved by the track's velocity."""
FILTER_PX = 1e-9


def extended(rows: FloatRows, free: FloatRows, steps: int, frame_rate: float) -> FloatRows:
    """Return the rows and the free detections that extend them, frame by frame.

    Args:
        rows: [R, columns], frame, identity, left, top, width, height ...
        free: detections without a track [N, columns].
        steps: largest number of frames by which a track is extended at each end.
        frame_rate: frames/s.
    """
    for direction in (-1, 1):
        for _ in range(steps):
            if not len(free) or not len(rows):
                return rows
            new, taken = _step(rows, free, direction, frame_rate)
            if not len(new):
                break
            rows, free = np.concatenate([rows, new]), free[~taken]
    return rows


def _step(rows: FloatRows, free: FloatRows, direction: int, frame_rate: float) -> tuple[FloatRows, NDArray[np.bool_]]:
    """Return the rows that extend tracks by one frame, and which of the free detections they are."""
    rows = rows[np.lexsort((rows[:, FRAME], rows[:, IDENTITY]))]
    ends = fitted_ends(rows[:, IDENTITY], rows[:, FRAME], rows[:, 2:6], frame_rate)
    last = np.cumsum(ends.counts) - 1
    at, speed = (last, ends.end_speeds) if direction > 0 else (last - ends.counts + 1, ends.start_speeds)
    boxes = rows[at, 2:6].copy()
    boxes[:, :2] += direction * speed[:, :2]
    order = np.argsort(free[:, FRAME], kind="stable")
    times = free[order, FRAME]
    begin, end = (np.searchsorted(times, rows[at, FRAME] + direction, side) for side in ("left", "right"))
    counts = end - begin
    tracks = np.repeat(np.arange(len(at)), counts)
    found = order[np.arange(len(tracks)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)]
    _, _, made = assign_pairs(tracks, found, _distance(boxes[tracks], free[found, 2:6]), MAX_DISTANCE)
    new = free[found[made]].copy()
    new[:, IDENTITY] = ends.ids[tracks[made]]
    taken = np.zeros(len(free), dtype=bool)
    taken[found[made]] = True
    return new, taken


def _distance(first_tlwh: FloatRows, second_tlwh: FloatRows) -> FloatRows:
    """Return 1 - IoU * (smaller / larger height) of boxes in pairs [P, 4]."""
    low = np.maximum(first_tlwh[:, :2], second_tlwh[:, :2])
    high = np.minimum(first_tlwh[:, :2] + first_tlwh[:, 2:], second_tlwh[:, :2] + second_tlwh[:, 2:])
    shared = np.maximum(high - low, 0.0).prod(axis=1)
    union = first_tlwh[:, 2:].prod(axis=1) + second_tlwh[:, 2:].prod(axis=1) - shared
    heights = np.maximum(np.stack([first_tlwh[:, 3], second_tlwh[:, 3]]), FILTER_PX)
    distance: FloatRows = 1.0 - shared / np.maximum(union, FILTER_PX) * heights.min(axis=0) / heights.max(axis=0)
    return distance
