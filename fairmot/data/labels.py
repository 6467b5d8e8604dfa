"""Label files: one object a line, ``class identity x_centre y_centre width height``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError

COLUMNS = "class identity x y w h"
# A larger number must be a position in pixels that was never normalised.
LARGEST_NORMALISED = 10.0


def label_file(image: PurePosixPath) -> PurePosixPath:
    """Return the label file of an image, in the folder parallel to its first ``images``.

    Raises:
        InputError: the path has no folder ``images``.
    """
    parts = list(image.parts)
    if "images" not in parts[:-1]:
        raise InputError(f"{image}: labels must lie in labels_with_ids/, parallel to images/; this path has no images/")
    parts[parts.index("images")] = "labels_with_ids"
    return PurePosixPath(*parts).with_suffix(".txt")


def read_labels(path: Path) -> NDArray[np.float64]:
    """Read one label file: rows [n, 6], identity -1 in ignore regions. An empty file: no people in the image.

    Raises:
        InputError: no such file, or a line that is not six good numbers.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such label file; for an image without people it is empty") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    fields = [line.split() for line in lines]
    for number, columns in enumerate(fields, 1):
        if columns and len(columns) != 6:
            raise InputError(f"{path} line {number}: {len(columns)} columns, expected 6 ({COLUMNS})")
    numbers = [number for number, columns in enumerate(fields, 1) if columns]
    try:
        rows = np.array([columns for columns in fields if columns], dtype=np.float64).reshape(-1, 6)
    except ValueError:
        rows = np.array([[_number(text, path, number) for text in fields[number - 1]] for number in numbers])
    _check_rows(rows, path, numbers)
    rows[rows[:, 0] == IGNORE_CLASS, 1] = -1
    return rows


def row_problems(rows: NDArray[np.float64]) -> tuple[tuple[str, NDArray[np.bool_], str], ...]:
    """Return the faults that make rows [n, 6] unusable: a short name, the rows that have it [n], and a sentence."""
    with np.errstate(invalid="ignore"):
        whole = rows[:, :2] == np.floor(rows[:, :2])
        problems: tuple[tuple[str, NDArray[np.bool_], str], ...] = (
            ("not finite", ~np.isfinite(rows).all(axis=1), "a number is not finite"),
            ("not whole", ~whole.all(axis=1), "class and identity must be whole numbers"),
            ("negative", (rows[:, :2] < -1).any(axis=1), "class and identity must be -1 or more"),
            (
                "not normalised",
                (np.abs(rows[:, 2:]) > LARGEST_NORMALISED).any(axis=1),
                "x, y, w, h must be divided by the image's width and height",
            ),
        )
    return problems


def _check_rows(rows: NDArray[np.float64], path: Path, numbers: Sequence[int]) -> None:
    for _, bad, reason in row_problems(rows):
        if bad.any():
            raise InputError(f"{path} line {numbers[int(bad.argmax())]}: {reason} ({COLUMNS})")


def _number(text: str, path: Path, number: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{path} line {number}: {text!r} is not a number ({COLUMNS})") from None
