"""Rows of MOTChallenge's ``gt.txt``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.lines import numbered_lines
from fairmot.errors import InputError

_COLUMNS = "frame,id,left,top,width,height,conf[,class,visibility]"


def read_rows(path: Path) -> NDArray[np.float64]:
    """Return the numbers [n, 7 to 10] of a file; an empty one has no rows.

    Raises:
        InputError: no such file, a line that is not as long as the others, or one with something else than numbers.
    """
    values: list[list[float]] = []
    for number, line in numbered_lines(path):
        columns = line.strip().rstrip(",").split(",")
        if not 7 <= len(columns) <= 10:
            raise InputError(f"{path} line {number}: {len(columns)} columns, expected 7 to 10 ({_COLUMNS})")
        if values and len(columns) != len(values[0]):
            raise InputError(f"{path} line {number}: {len(columns)} columns, the lines before have {len(values[0])}")
        try:
            values.append([float(column) for column in columns])
        except ValueError:
            raise InputError(f"{path} line {number}: not all numbers ({_COLUMNS}): {line.strip()}") from None
    return np.array(values, dtype=np.float64) if values else np.zeros((0, 9))
