"""Detections in MOTChallenge text (``det.txt``): one box in one frame a line, without identities."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError
from fairmot.formats.rows import (
    MAX_COORDINATE_PX,
    MAX_FRAMES,
    MINIMUM_COLUMNS,
    check_rows,
    problem_of_row,
    read_numbers,
)
from fairmot.geometry import tlwh_to_xyxy

NO_SCORE = -1
"""What files hold in the column of scores that state none."""


class DetectionRows(NamedTuple):
    """Detections by rising frame; within a frame in the order of the file."""

    frames: NDArray[np.int64]
    """Frame index [N], from 0 (the file counts from 1)."""
    boxes_xyxy: NDArray[np.float32]
    """Corners [N, 4], pixels as written."""
    scores: NDArray[np.float32]
    """Score [N] as written; some detectors give scores outside of 0 to 1."""


def load_detection_rows(path: Path | str, frame_count: int | None = None) -> DetectionRows:
    """Read detections: ``frame,-1,left,top,width,height,score[,...]``; the second column is not used.

    Args:
        path: the file; an empty one has no rows.
        frame_count: frames of the sequence, where the number is known.

    Raises:
        InputError: no such file; scores that are all -1; a line with a wrong number of columns or something that is not
            a finite number, a negative size, or a frame outside the sequence. File and line are named.
    """
    path = Path(path)
    values = read_numbers(path)
    if len(values) and values.shape[1] < MINIMUM_COLUMNS:
        raise problem_of_row(
            path, 0, f"{values.shape[1]} columns, expected at least 7 (frame, -1, left, top, width, height, score)"
        )
    used = values[:, :MINIMUM_COLUMNS]
    check_rows(path, ~np.isfinite(used).all(axis=1), "a value is not a finite number")
    numbers = values[:, 0]
    check_rows(path, numbers % 1 != 0, "the frame must be a whole number")
    check_rows(path, numbers < 1, "the frame is outside the sequence (frames count from 1)")
    check_rows(path, numbers > MAX_FRAMES, f"the frame number is too large (at most {MAX_FRAMES})")
    if frame_count is not None:
        outside = numbers > frame_count
        check_rows(path, outside, f"the frame is outside the sequence (1 to {frame_count}, seqLength in seqinfo.ini)")
    check_rows(path, (values[:, 4:6] < 0).any(axis=1), "width and height must not be negative")
    check_rows(path, (np.abs(values[:, 2:6]) > MAX_COORDINATE_PX).any(axis=1), "the box is beyond any image")
    if len(values) and (values[:, 6] == NO_SCORE).all():
        raise InputError(
            f"{path}: every score (column 7) is -1, so that no threshold can choose among the detections; write the "
            "detector's scores there, or 1 in every line to track them all"
        )
    values = values[np.argsort(numbers, kind="stable")]
    return DetectionRows(
        values[:, 0].astype(np.int64) - 1,
        tlwh_to_xyxy(values[:, 2:6]).astype(np.float32),
        values[:, 6].astype(np.float32),
    )
