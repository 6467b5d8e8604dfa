"""Half-val: the second half of each training sequence, on which trackers are compared before the server.

Of a sequence of n frames, frame numbers 1 to n // 2 + 1 are for training; the second half is the n - n // 2 - 1 frames
from number n // 2 + 2 on, and ground truth and results number them from 1 (600 frames: 302 to 600 become 1 to 299).
Source: CenterTrack's ``convert_mot_to_coco.py`` (``val_half``), which ByteTrack and its successors took over.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fairmot.errors import InputError
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.rows import Rows, load_rows
from fairmot.formats.seqinfo import SequenceInfo
from fairmot.formats.sequences import Sequence


def first_index(frame_count: int) -> int:
    """Index (from 0) of the first frame of the second half."""
    return frame_count // 2 + 1


def half_range(frame_count: int, half: str) -> tuple[int, int]:
    """Return the first frame index of a half (``train`` or ``val``) of a sequence, and the one behind its last.

    Raises:
        InputError: another half.
    """
    if half not in ("train", "val"):
        raise InputError(f"half {half!r}: unknown; the halves are train and val")
    first = first_index(frame_count)
    return (0, first) if half == "train" else (first, frame_count)


def load_second_half_truth(sequence_folder: Path | str) -> tuple[SequenceInfo, Rows]:
    """Read the ground truth of the second half; frames count from 0 in it.

    Raises:
        InputError: as ``load_ground_truth``; or the sequence is too short to have a second half.
    """
    info, rows = load_ground_truth(sequence_folder)
    first = first_index(info.frame_count)
    if first >= info.frame_count:
        raise InputError(f"{sequence_folder}: {info.frame_count} frames have no second half; use the whole sequence")
    later = rows.select(rows.frames >= first)
    return replace(info, frame_count=info.frame_count - first), replace(later, frames=later.frames - first)


def load_second_half(sequence_folder: Path | str, results_file: Path | str) -> Sequence:
    """Read ground truth and results of the second half; the results number its frames from 1.

    Raises:
        InputError: a file is missing or a line is wrong (see ``load_rows``).
    """
    info, truth = load_second_half_truth(sequence_folder)
    limit = "results of the second half count its frames from 1"
    return Sequence(info, truth, load_rows(results_file, info.frame_count, limit))
