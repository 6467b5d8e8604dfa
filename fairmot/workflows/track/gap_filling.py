"""Fill the gaps of tracks in a result file, after the whole video is tracked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from fairmot.errors import InputError, closest_name
from fairmot.files import replacing
from fairmot.formats.rows import load_rows, read_numbers
from fairmot.tracking.interpolation import FRAME, interpolate

Method = Literal["linear", "gaussian"]

_LAST_FRAME = 2**31 - 1


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
    load_rows(text, _LAST_FRAME)  # checks every line
    rows = read_numbers(text)
    if not len(rows):
        return 0
    first = rows[:, FRAME].min()
    steps, rest = np.divmod(rows[:, FRAME] - first, every)
    if rest.any():
        raise InputError(f"{text}: frames are not {every} apart; pass the step with which they were tracked")
    rows[:, FRAME] = steps
    filled = interpolate(rows, max_gap_frames, method)
    filled[:, FRAME] = filled[:, FRAME] * every + first
    lines = (
        f"{frame:.0f},{identity:.0f},{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.3f}"
        f"{''.join(f',{value:g}' for value in others)}\n"
        for frame, identity, left, top, width, height, score, *others in np.asarray(filled).tolist()
    )
    try:
        with replacing(text) as temporary:
            temporary.write_text("".join(lines), encoding="ascii")
    except OSError as error:
        raise InputError(f"{text}: cannot be written ({error.strerror})") from error
    return len(filled)
