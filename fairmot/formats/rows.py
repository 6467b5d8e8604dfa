"""The rows of a MOTChallenge text file: one box in one frame a line, read fast and checked, and written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError

# frame, identity, left, top, width, height, confidence; then class, visibility or fillers.
MINIMUM_COLUMNS = 7
CLASS_COLUMN = 7
NO_CLASS = -1
MAX_IDENTITY = 2**53
"""Beyond it double precision has no number for every identity."""

MAX_FRAMES = 10_000_000
"""More than four days at 25 frames/s: a larger frame number is a mistake, and arrays over all frames would fill the
memory."""
MAX_COORDINATE_PX = 1e9
"""No image is that large, and areas would overflow."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Boxes by rising frame; within a frame in the order of the file."""

    path: Path
    """The file, for messages."""
    lines: NDArray[np.int64]
    """Row of the file that each box came from [N], blank lines not counted, from 0."""
    frames: NDArray[np.int64]
    """Frame index [N], from 0 (the file counts from 1)."""
    ids: NDArray[np.int64]
    """Identity [N]."""
    boxes_tlwh: NDArray[np.float64]
    """Left, top, width, height [N, 4], pixels as written."""
    confidences: NDArray[np.float64]
    """Confidence [N]; in ground truth 0 marks a row that is left out."""
    class_ids: NDArray[np.int64]
    """Class [N] of the MOTChallenge numbering; -1 where the file has none."""
    others: NDArray[np.float64]
    """All columns behind the confidence as written [N, 0 or more]: class, visibility, or fillers."""

    def __len__(self) -> int:
        return len(self.frames)

    def select(self, mask: NDArray[np.bool_]) -> Rows:
        """Return the rows that a mask [N] picks."""
        return replace(
            self,
            lines=self.lines[mask],
            frames=self.frames[mask],
            ids=self.ids[mask],
            boxes_tlwh=self.boxes_tlwh[mask],
            confidences=self.confidences[mask],
            class_ids=self.class_ids[mask],
            others=self.others[mask],
        )

    def problem(self, row: int, what: str) -> InputError:
        """The error that says ``what`` is wrong with a row, with file and line."""
        return problem_of_row(self.path, int(self.lines[row]), what)


def load_rows(
    path: Path | str,
    frame_count: int | None = None,
    limit: str = "seqLength in seqinfo.ini",
    *,
    distinct: bool = True,
) -> Rows:
    """Read a ground-truth or result file; an empty file has no rows.

    Columns: frame (from 1), identity, left, top, width, height, confidence[, class, ...], separated by commas
    or by white space, the same number in each line. Lines may be in any order: rows are sorted by frame, and keep the
    order of the file within one.

    Args:
        path: the file.
        frame_count: frames of the sequence, where the number is known.
        limit: where that number comes from, for messages.
        distinct: whether every identity must be known and occur once in a frame, as scores need it. Without it a
            negative identity stands for an unknown one.

    Raises:
        InputError: no such file, or a line with a wrong number of columns, another delimiter, something that is not a
            finite number, a negative size, a frame outside the sequence, or an identity that is negative or occurs
            twice in a frame. File and line are named.
    """
    path = Path(path)
    values = read_numbers(path)
    if len(values) and values.shape[1] < MINIMUM_COLUMNS:
        raise problem_of_row(
            path,
            0,
            f"{values.shape[1]} columns, expected at least {MINIMUM_COLUMNS} "
            "(frame, identity, left, top, width, height, confidence)",
        )
    used = values[:, : CLASS_COLUMN + 1]
    check_rows(path, ~np.isfinite(used).all(axis=1), "a value is not a finite number")
    frame_numbers, ids = values[:, 0], values[:, 1]
    check_rows(path, (used[:, :2] % 1 != 0).any(axis=1), "frame and identity must be whole numbers")
    if distinct:
        check_rows(path, ids < 0, "the identity is negative; identities count from 0 or 1")
    check_rows(path, ids > MAX_IDENTITY, "the identity is too large (at most 2**53)")
    check_rows(path, (values[:, 4:6] < 0).any(axis=1), "width and height must not be negative")
    check_rows(path, (np.abs(values[:, 2:6]) > MAX_COORDINATE_PX).any(axis=1), "the box is beyond any image")
    last, source = (MAX_FRAMES, "frames count from 1") if frame_count is None else (frame_count, limit)
    outside = (frame_numbers < 1) | (frame_numbers > last)
    check_rows(path, outside, f"the frame is outside the sequence (1 to {last}, {source})")
    if distinct:
        check_rows(path, _repeated(values), "the identity occurs twice in this frame; keep one of the rows")
    order = np.argsort(frame_numbers, kind="stable")
    values = values[order]
    # TrackEval truncates confidences and classes of ground truth; so must we, to leave out the same rows.
    class_ids = (
        values[:, CLASS_COLUMN].astype(np.int64)
        if values.shape[1] > CLASS_COLUMN
        else np.full(len(values), NO_CLASS, dtype=np.int64)
    )
    return Rows(
        path=path,
        lines=order.astype(np.int64),
        frames=values[:, 0].astype(np.int64) - 1,
        ids=values[:, 1].astype(np.int64),
        boxes_tlwh=values[:, 2:6].copy(),
        confidences=values[:, 6].copy(),
        class_ids=class_ids,
        others=values[:, MINIMUM_COLUMNS:].copy(),
    )


def format_rows(
    frame_numbers: NDArray[Any],
    ids: NDArray[Any],
    boxes_tlwh: NDArray[np.floating[Any]],
    confidences: NDArray[np.floating[Any]],
    others: NDArray[Any],
) -> str:
    """Return result rows, each with its line end: pixels and confidence with three decimals.

    Args:
        frame_numbers: number of the frame [N], from 1.
        ids: identity [N].
        boxes_tlwh: left, top, width, height [N, 4], pixels.
        confidences: confidence [N].
        others: further columns [N, 0 or more]: class, visibility, or fillers.
    """
    return "".join(
        f"{frame:.0f},{identity:.0f},{left:.3f},{top:.3f},{width:.3f},{height:.3f},{confidence:.3f}"
        f"{''.join(f',{value:g}' for value in more)}\n"
        for frame, identity, (left, top, width, height), confidence, more in zip(
            frame_numbers.tolist(),
            ids.tolist(),
            boxes_tlwh.tolist(),
            confidences.tolist(),
            others.tolist(),
            strict=True,
        )
    )


def _repeated(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the rows [N] whose identity occurs in an earlier row of the same frame."""
    by_identity = np.lexsort((values[:, 1], values[:, 0]))
    repeated = np.zeros(len(values), dtype=bool)
    keys = values[by_identity, :2]
    repeated[by_identity[1:]] = (keys[1:] == keys[:-1]).all(axis=1)
    return repeated


def read_numbers(path: Path) -> NDArray[np.float64]:
    """Read a table of numbers [N, columns] separated by commas or white space; blank lines are skipped.

    Raises:
        InputError: no such file, not text, not numbers, or lines of different lengths.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a MOTChallenge text file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file; give a MOTChallenge text file") from error
    if not text.strip():
        return np.empty((0, MINIMUM_COLUMNS), dtype=np.float64)
    delimiter = "," if "," in text else None
    try:
        return np.loadtxt(text.splitlines(), delimiter=delimiter, comments=None, ndmin=2, dtype=np.float64)
    except ValueError:
        return _read_slowly(path, text, delimiter)


def _read_slowly(path: Path, text: str, delimiter: str | None) -> NDArray[np.float64]:
    """Find the line that is wrong; accept what only the fast reader stumbles over (a trailing delimiter)."""
    table: list[list[float]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        fields = line.split(delimiter)
        if not fields[-1].strip():
            fields.pop()
        if ";" in line:
            raise problem_of_row(path, len(table), "semicolons; expected commas or white space")
        try:
            if "_" in line:  # Python reads 1_0 as 10
                raise ValueError("an underscore in a number")
            numbers = [float(field) for field in fields]
        except ValueError as error:
            raise problem_of_row(path, len(table), f"{' '.join(str(error).split())}; expected numbers") from error
        if table and len(numbers) != len(table[0]):
            raise problem_of_row(path, len(table), f"{len(numbers)} columns, the first line has {len(table[0])}")
        table.append(numbers)
    return np.array(table, dtype=np.float64)


def check_rows(path: Path, wrong: NDArray[np.bool_], what: str) -> None:
    """Raise the error that says ``what`` of the first row [N] that is wrong, with file and line."""
    if wrong.any():
        raise problem_of_row(path, int(np.argmax(wrong)), what)


def problem_of_row(path: Path, row: int, what: str) -> InputError:
    """The error that says ``what`` is wrong with a row of a file (from 0, blank lines not counted)."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    number, line = [(i, text) for i, text in enumerate(lines, start=1) if text.strip()][row]
    return InputError(f"{path}:{number}: {what}: {line.strip()[:80]!r}")
