"""Result rows in the MOTChallenge text format."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Tracks
from fairmot.formats import rows
from fairmot.geometry import xyxy_to_tlwh
from fairmot.media.outputs.text_file import TextFile
from fairmot.media.outputs.writer import Target
from fairmot.media.sources.frame import Frame


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
    others = np.full((len(tracks), 3), -1)
    others[:, 0] = np.where(tracks.class_ids > 0, tracks.class_ids + 1, -1)
    return rows.format_rows(
        np.full(len(tracks), frame_number), tracks.ids, xyxy_to_tlwh(tracks.boxes_xyxy), tracks.scores, others
    )


def box_values(tracks: Tracks) -> list[list[float]]:
    """Return left, top, width, height (pixels) and score of each track."""
    values: NDArray[np.float64] = np.column_stack([xyxy_to_tlwh(tracks.boxes_xyxy), tracks.scores])
    listed: list[list[float]] = values.tolist()
    return listed
