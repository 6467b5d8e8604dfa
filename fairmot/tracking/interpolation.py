"""Fill the gaps of tracks afterwards, when the whole video is known.

*Linear*: boxes missing between two boxes of an identity are interpolated linearly.
*Gaussian*: each filled track is then smoothed over time, which also removes the jitter of the detected boxes. The idea
is from StrongSORT (Du et al., 2023), which fits Gaussian processes. Here a Gaussian filter runs over the filled track.
Its ends are mirrored through their last point, so that the track of a person who walks evenly does not change.
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
        rows: [R, 7 or more], in any order: frame, identity, left, top, width, height, score. New rows copy further
            columns from the row before the gap.
        max_gap_frames: longest gap to fill, in missing frames; smoothing does not cross longer gaps either.
        method: ``linear``; or ``gaussian``, which also smooths every box.
        smoothing_frames: standard deviation of the Gaussian filter, frames.

    Returns:
        The given and the new rows, ordered by frame and identity. Scores of new rows are interpolated linearly.

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
    """Return the given and the new rows, ordered by identity and frame."""
    before = is_filled.nonzero()[0]
    missing = steps[before] - 1
    rows = np.repeat(before, missing)
    # 1, 2 ... within each gap.
    position = np.arange(len(rows)) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    fraction = (position / steps[rows])[:, None]
    new = table[rows]
    new[:, FRAME] += position
    change = table[rows + 1] - table[rows]
    new[:, 2 : SCORE + 1] += fraction * change[:, 2 : SCORE + 1]
    joined = np.concatenate([table, new])
    by_identity: FloatRows = joined[np.lexsort((joined[:, FRAME], joined[:, IDENTITY]))]
    return by_identity


def _smooth(rows: FloatRows, sigma: float) -> None:
    """Smooth the boxes of each sequence of consecutive frames of an identity, in place."""
    is_break = (np.diff(rows[:, IDENTITY]) != 0) | (np.diff(rows[:, FRAME]) != 1)
    bounds = np.concatenate([[0], is_break.nonzero()[0] + 1, [len(rows)]])
    reach = int(np.ceil(4 * sigma))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if end - begin < 3:
            continue
        # NumPy repeats the odd reflection as often as needed, so tracks may be shorter than the filter.
        padded = np.pad(rows[begin:end, BOX], ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
        boxes = gaussian_filter1d(padded, sigma, axis=0)[reach:-reach]
        # A sudden change, mirrored at the end of a track, could give a box a negative size.
        boxes[:, 2:] = np.maximum(boxes[:, 2:], rows[begin:end, BOX][:, 2:].min(axis=0))
        rows[begin:end, BOX] = boxes
