"""Tracks as JSON lines: one object a frame."""

from __future__ import annotations

import json
from typing import Any

from fairmot.detections import Tracks
from fairmot.media.outputs.rows import box_values
from fairmot.media.outputs.text_file import TextFile
from fairmot.media.outputs.writer import Target
from fairmot.media.sources.frame import Frame


class JsonLinesFile(TextFile):
    """``<name>.jsonl``: one object for each frame, also for a frame without tracks."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.paths["jsonl"])

    def lines(self, frame: Frame, tracks: Tracks) -> str:
        """Return the object of one frame."""
        return format_json_line(frame, tracks)


def format_json_line(frame: Frame, tracks: Tracks) -> str:
    """Return one JSON object with its line end.

    ``{"frame": number from 1, as in CSV, "index": from 0, "seconds": .., "tracks": [{"id": .., "box_tlwh": [left,
    top, width, height], "score": .., "class": ..}]}``, image pixels with three decimals.
    """
    found: list[dict[str, Any]] = [
        {
            "id": identity,
            "box_tlwh": [round(side, 3) for side in box],
            "score": round(score, 3),
            "class": class_id,
        }
        for identity, class_id, (*box, score) in zip(
            tracks.ids.tolist(), tracks.class_ids.tolist(), box_values(tracks), strict=True
        )
    ]
    return (
        json.dumps(
            {"frame": frame.index + 1, "index": frame.index, "seconds": round(frame.seconds, 4), "tracks": found}
        )
        + "\n"
    )
