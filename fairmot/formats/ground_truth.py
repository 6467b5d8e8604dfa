"""Ground truth of a MOTChallenge sequence: ``gt/gt.txt``.

A row is ``frame,id,left,top,width,height,conf,class,visibility``: frames from 1, conf 0 for boxes that do not count.
MOT15 has ten columns and no class: its last three are a position in the world.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.formats.classes import PEDESTRIAN
from fairmot.formats.rows import NO_CLASS, Rows, load_rows
from fairmot.formats.seqinfo import SequenceInfo, load_info


def ground_truth_file(sequence_folder: Path | str) -> Path:
    """Return the place of a sequence's ground truth."""
    return Path(sequence_folder) / "gt" / "gt.txt"


def has_ground_truth(folder: Path | str) -> bool:
    """Return whether the folder holds ground truth at ``gt/gt.txt``."""
    return ground_truth_file(folder).is_file()


def load_ground_truth(sequence_folder: Path | str) -> tuple[SequenceInfo, Rows]:
    """Read ``seqinfo.ini`` and ``gt/gt.txt`` of a sequence, all rows: also ignored ones and other classes.

    Raises:
        InputError: a file is missing or a line is wrong (see ``load_info`` and ``load_rows``).
    """
    info = load_info(sequence_folder)
    return info, load_rows(ground_truth_file(sequence_folder), info.frame_count)


def states_classes(rows: Rows) -> bool:
    """Return whether the rows have a class: eight or nine columns. The tenth column of MOT15 tells that it has none."""
    return rows.others.shape[1] in (1, 2)


def stated_classes(rows: Rows) -> NDArray[np.int64]:
    """Return the class of each row [N], from 1; people where the file states none.

    It states none in ten columns or seven, by -1, and by 0 where no row has another class: numbers begin at 1.
    """
    if not states_classes(rows) or (rows.class_ids <= 0).all():
        return np.full(len(rows), PEDESTRIAN, dtype=np.int64)
    return np.where(rows.class_ids == NO_CLASS, PEDESTRIAN, rows.class_ids)


def visibilities(rows: Rows) -> NDArray[np.float64]:
    """Return how much of each person is visible [N], 0 to 1; 1 where the file does not say, or says -1."""
    if rows.others.shape[1] != 2:
        return np.ones(len(rows))
    return np.where(rows.others[:, 1] < 0, 1.0, rows.others[:, 1])


def format_ground_truth(
    frame_number: int,
    ids: NDArray[np.integer[Any]],
    boxes_tlwh: NDArray[np.floating[Any]],
    counted: NDArray[np.bool_],
    visibility: NDArray[np.floating[Any]],
) -> str:
    """Return the rows of pedestrians in one frame (number from 1), each with its line end.

    Args:
        frame_number: number of the frame, from 1.
        ids: identity [N].
        boxes_tlwh: left, top, width, height [N, 4], pixels; written with two decimals.
        counted: whether the box counts [N].
        visibility: how much of the person is visible [N], 0 to 1; written with four decimals.
    """
    return "".join(
        f"{frame_number},{identity},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{counts:d},{PEDESTRIAN},{seen:.4f}\n"
        for identity, (left, top, width, height), counts, seen in zip(
            ids.tolist(), boxes_tlwh.tolist(), counted.tolist(), visibility.tolist(), strict=True
        )
    )
