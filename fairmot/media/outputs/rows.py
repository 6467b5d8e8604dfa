"""What was tracked in one frame, as text: MOTChallenge rows, CSV and JSON lines."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Tracks
from fairmot.geometry import xyxy_to_tlwh
from fairmot.media.sources.frame import Frame

CSV_HEADER = "frame,seconds,id,left,top,width,height,score,class\n"


def format_rows(frame_number: int, tracks: Tracks) -> str:
    """Return the MOTChallenge rows of one frame (number from 1), each with its line end.

    The eighth column is the class as MOTChallenge counts it, from 1, so that ``score --classes`` finds it; -1 stands
    for the first, which is the only one of a network without classes.
    """
    return "".join(
        f"{frame_number},{identity},{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.3f},"
        f"{class_id + 1 if class_id else -1},-1,-1\n"
        for identity, class_id, (left, top, width, height, score) in zip(
            tracks.ids.tolist(), tracks.class_ids.tolist(), _values(tracks), strict=True
        )
    )


def format_csv(frame: Frame, tracks: Tracks) -> str:
    """Return the rows of ``CSV_HEADER``, each with its line end; the frame's number counts from 1."""
    return "".join(
        f"{frame.index + 1},{frame.seconds:.3f},{identity},"
        f"{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.3f},{class_id}\n"
        for identity, class_id, (left, top, width, height, score) in zip(
            tracks.ids.tolist(), tracks.class_ids.tolist(), _values(tracks), strict=True
        )
    )


def format_json_line(frame: Frame, tracks: Tracks) -> str:
    """Return one JSON object with its line end, also for a frame without tracks.

    ``{"index": from 0, "seconds": .., "tracks": [{"id": .., "box_tlwh": [left, top, width, height], "score": ..,
    "class": ..}]}``, image pixels with three decimals.
    """
    found: list[dict[str, Any]] = [
        {
            "id": identity,
            "box_tlwh": [round(side, 3) for side in box],
            "score": round(score, 3),
            "class": class_id,
        }
        for identity, class_id, (*box, score) in zip(
            tracks.ids.tolist(), tracks.class_ids.tolist(), _values(tracks), strict=True
        )
    ]
    return json.dumps({"index": frame.index, "seconds": round(frame.seconds, 4), "tracks": found}) + "\n"


def _values(tracks: Tracks) -> list[list[float]]:
    """Left, top, width, height and score of each track."""
    values: NDArray[np.float64] = np.column_stack([xyxy_to_tlwh(tracks.boxes_xyxy), tracks.scores])
    rows: list[list[float]] = values.tolist()
    return rows
