"""Filling the gaps of tracks afterwards, when the whole video is known.

*Linear*: between two boxes of one identity that lie a few frames apart, the missing ones are put on the line.
*Gaussian*: then each track is smoothed over time, which also takes the jitter out of the boxes that were there. The
idea is from StrongSORT (Du et al., 2023), which fits Gaussian processes; here a Gaussian filter runs over the filled
track, whose ends are mirrored through their last point, so that somebody who walks evenly is not changed at all.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from fairmot.errors import InputError

FRAME, IDENTITY = 0, 1
BOX = slice(2, 6)
SCORE = 6

FloatRows = NDArray[np.float64]


def interpolate(
    rows: NDArray[np.floating[Any]],
    max_gap_frames: int = 20,
    method: Literal["linear", "gaussian"] = "linear",
    smoothing_frames: float = 3.0,
) -> FloatRows:
    """Fill the gaps of tracks in result rows.

    Args:
        rows: [R, 7 or more]: frame, identity, left, top, width, height, score, and columns that are copied from the row
            before the gap. In any order.
        max_gap_frames: longest gap that is filled, missing frames; across longer ones nothing is smoothed either.
        method: ``linear``, or ``gaussian``: also smooth every box.
        smoothing_frames: of ``gaussian``: standard deviation of the filter, frames.

    Returns:
        The rows with the new ones between them, by frame and identity. A new row's score lies between its neighbours'.

    Raises:
        InputError: too few columns, an identity twice in a frame, or an option out of range.
    """
    table = np.asarray(rows, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] <= SCORE:
        raise InputError(f"rows {list(table.shape)}: expected frame, identity, left, top, width, height, score")
    if method not in ("linear", "gaussian"):
        raise InputError(f"interpolation method {method!r}: expected linear or gaussian")
    if max_gap_frames < 0 or not smoothing_frames > 0:
        raise InputError("interpolation: max_gap_frames must be 0 or more, smoothing_frames above 0")
    table = table[np.lexsort((table[:, FRAME], table[:, IDENTITY]))]
    same = table[1:, IDENTITY] == table[:-1, IDENTITY]
    steps = np.where(same, table[1:, FRAME] - table[:-1, FRAME], 0).astype(np.int64)
    if (same & (steps == 0)).any():
        row = table[1:][same & (steps == 0)][0]
        raise InputError(f"identity {row[IDENTITY]:.0f} occurs twice in frame {row[FRAME]:.0f}; keep one of the rows")
    is_filled = (steps > 1) & (steps - 1 <= max_gap_frames)
    filled = _filled(table, steps, is_filled)
    if method == "gaussian" and len(filled):
        _smooth(filled, smoothing_frames)
    by_frame: FloatRows = filled[np.lexsort((filled[:, IDENTITY], filled[:, FRAME]))]
    return by_frame


def _filled(table: FloatRows, steps: NDArray[np.int64], is_filled: NDArray[np.bool_]) -> FloatRows:
    """Return the rows by identity and frame, the missing ones put in."""
    before = is_filled.nonzero()[0]
    missing = steps[before] - 1
    rows = np.repeat(before, missing)
    # 1, 2 ... within each gap, divided by its length.
    position = np.arange(len(rows)) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    share = (position / steps[rows])[:, None]
    new = table[rows]
    new[:, FRAME] += position
    change = table[rows + 1] - table[rows]
    new[:, 2 : SCORE + 1] += share * change[:, 2 : SCORE + 1]
    joined = np.concatenate([table, new])
    by_identity: FloatRows = joined[np.lexsort((joined[:, FRAME], joined[:, IDENTITY]))]
    return by_identity


def _smooth(rows: FloatRows, sigma: float) -> None:
    """Smooth the boxes of each unbroken stretch of an identity, in place."""
    is_break = (np.diff(rows[:, IDENTITY]) != 0) | (np.diff(rows[:, FRAME]) != 1)
    bounds = np.concatenate([[0], is_break.nonzero()[0] + 1, [len(rows)]])
    reach = int(np.ceil(4 * sigma))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if end - begin < 3:
            continue
        # NumPy's odd reflection repeats as often as it must, so short tracks are fine too.
        padded = np.pad(rows[begin:end, BOX], ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
        boxes = gaussian_filter1d(padded, sigma, axis=0)[reach:-reach]
        # A tail mirrored through a sudden change could turn a box over.
        boxes[:, 2:] = np.maximum(boxes[:, 2:], rows[begin:end, BOX][:, 2:].min(axis=0))
        rows[begin:end, BOX] = boxes
