"""Fill the gaps of tracks in a result file, after the whole video is tracked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from fairmot.errors import InputError, closest_name
from fairmot.files import replacing
from fairmot.formats.rows import format_rows, load_rows
from fairmot.tracking.interpolation import BOX, FRAME, IDENTITY, SCORE, interpolate

Method = Literal["linear", "gaussian"]


def read_method(text: str) -> Method:
    """Return the method of this name.

    Raises:
        InputError: there is none.
    """
    methods = get_args(Method)
    if text not in methods:
        raise InputError(f"interpolation {text}: unknown{closest_name(text, methods)}; there are {', '.join(methods)}")
    return cast(Method, text)


def fill_gaps(text: Path, method: Method = "linear", max_gap_frames: int = 20, every: int = 1) -> int:
    """Add the missing rows of each identity to a result file, in place, and sort it by frame and identity.

    Args:
        text: file of result rows.
        method: ``linear``, or ``gaussian``: also smooth every box.
        max_gap_frames: longest gap that is filled, in tracked frames.
        every: step from one tracked frame to the next: only tracked frames get rows.

    Returns:
        The number of rows in the file now.

    Raises:
        InputError: the file is missing, a line is wrong (it is named), or the file cannot be written.
    """
    rows = load_rows(text)
    if not len(rows):
        return 0
    first = rows.frames.min()
    steps, rest = np.divmod(rows.frames - first, every)
    if rest.any():
        raise InputError(f"{text}: frames are not {every} apart; pass the step with which they were tracked")
    table = np.column_stack([steps, rows.ids, rows.boxes_tlwh, rows.confidences, rows.others])
    filled = interpolate(table, max_gap_frames, method)
    numbers = filled[:, FRAME] * every + first + 1
    written = format_rows(numbers, filled[:, IDENTITY], filled[:, BOX], filled[:, SCORE], filled[:, SCORE + 1 :])
    try:
        with replacing(text) as temporary:
            temporary.write_text(written, encoding="ascii")
    except OSError as error:
        raise InputError(f"{text}: cannot be written ({error.strerror})") from error
    return len(filled)
