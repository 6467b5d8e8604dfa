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
from fairmot.formats.rows import Rows, load_rows
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


def visibilities(rows: Rows) -> NDArray[np.float64]:
    """Return how much of each person is visible [N], 0 to 1; 1 where the file does not say."""
    return rows.others[:, 1] if rows.others.shape[1] == 2 else np.ones(len(rows))


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
