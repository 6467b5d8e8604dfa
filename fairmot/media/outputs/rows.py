"""Result rows in the MOTChallenge text format."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Tracks
from fairmot.geometry import xyxy_to_tlwh
from fairmot.media.outputs.text_file import TextFile
from fairmot.media.outputs.writer import Target
from fairmot.media.sources.source import Frame


class RowsFile(TextFile):
    """``<name>.txt``: ``frame,id,left,top,width,height,score,class,-1,-1`` for each track."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.paths["rows"])

    def lines(self, frame: Frame, tracks: Tracks) -> str:
        """Return the rows of one frame; its number counts from 1."""
        return format_rows(frame.index + 1, tracks)


def format_rows(frame_number: int, tracks: Tracks) -> str:
    """Return the MOTChallenge rows of one frame (number from 1), each with its line end.

    The eighth column is the class as MOTChallenge counts it, from 1, so that ``score --classes`` finds it; -1 stands
    for the first class, which is the only one of a network without classes.
    """
    return "".join(
        f"{frame_number},{identity},{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.3f},"
        f"{class_id + 1 if class_id else -1},-1,-1\n"
        for identity, class_id, (left, top, width, height, score) in zip(
            tracks.ids.tolist(), tracks.class_ids.tolist(), box_values(tracks), strict=True
        )
    )


def box_values(tracks: Tracks) -> list[list[float]]:
    """Return left, top, width, height (pixels) and score of each track."""
    values: NDArray[np.float64] = np.column_stack([xyxy_to_tlwh(tracks.boxes_xyxy), tracks.scores])
    rows: list[list[float]] = values.tolist()
    return rows
