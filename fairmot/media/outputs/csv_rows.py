"""Tracks as a CSV table with a header."""

from __future__ import annotations

from fairmot.detections import Tracks
from fairmot.media.outputs.rows import box_values
from fairmot.media.outputs.text_file import TextFile
from fairmot.media.outputs.writer import Target
from fairmot.media.sources.frame import Frame


class CsvFile(TextFile):
    """``<name>.csv``: a row for each track; frame numbers count from 1, classes from 0, boxes are image pixels."""

    header = "frame,seconds,id,left,top,width,height,score,class\n"

    def __init__(self, target: Target) -> None:
        super().__init__(target.paths["csv"])

    def lines(self, frame: Frame, tracks: Tracks) -> str:
        """Return the rows of one frame."""
        return "".join(
            f"{frame.index + 1},{frame.seconds:.3f},{identity},"
            f"{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.3f},{class_id}\n"
            for identity, class_id, (left, top, width, height, score) in zip(
                tracks.ids.tolist(), tracks.class_ids.tolist(), box_values(tracks), strict=True
            )
        )
