"""The true boxes of a sequence, and how well detections alone find them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Detections
from fairmot.evaluation.detection import average_precision
from fairmot.evaluation.pairs import frame_starts
from fairmot.evaluation.preprocessing import classes_of
from fairmot.formats.classes import PEDESTRIAN
from fairmot.formats.rows import Rows
from fairmot.formats.seqinfo import SequenceInfo
from fairmot.geometry import tlwh_to_xyxy

_Boxes = list[NDArray[np.float64]]
"""Corners [M, 4] for each frame."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The ground truth of a sequence."""

    folder: Path
    first_frame: int
    """Index of the first frame that counts."""
    info: SequenceInfo
    """Of the frames that count."""
    rows: Rows
    counts: NDArray[np.bool_]
    """Which rows the detector must find [N]; a detection on the others is neither right nor wrong."""


def detection_report(
    truths: SequenceOf[Truth], found: SequenceOf[Mapping[int, Detections]], classes: SequenceOf[int] | None = None
) -> dict[str, Any]:
    """Return AP at IoU 0.5 of detections, of each sequence and of all.

    Args:
        truths: the sequences.
        found: of each sequence the detections by frame index; a frame that is not there has none.
        classes: classes of the ground truth, from 1 (the network's class 0); AP is the mean over them. Default: all
            boxes alike.

    Returns:
        ``{"sequences": {name: {"AP50": ..}}, "combined": {"AP50": ..}}``.
    """
    pairs = list(zip(truths, found, strict=True))
    return {
        "sequences": {pair[0].info.name: {"AP50": _mean_precision([pair], classes)} for pair in pairs},
        "combined": {"AP50": _mean_precision(pairs, classes)},
    }


def _mean_precision(
    pairs: SequenceOf[tuple[Truth, Mapping[int, Detections]]], classes: SequenceOf[int] | None
) -> float:
    wanted: SequenceOf[int | None] = classes or [None]
    return float(np.mean([_precision(pairs, class_id) for class_id in wanted]))


def _precision(pairs: SequenceOf[tuple[Truth, Mapping[int, Detections]]], class_id: int | None) -> float:
    boxes: list[NDArray[np.float32]] = []
    scores: list[NDArray[np.float32]] = []
    counted: _Boxes = []
    ignored: _Boxes = []
    nothing = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    for truth, found in pairs:
        for index in range(truth.info.frame_count):
            each = found.get(truth.first_frame + index, nothing)
            if class_id is not None:
                each = each.select(each.class_ids + PEDESTRIAN == class_id)
            boxes.append(each.boxes_xyxy)
            scores.append(each.scores)
        own = np.ones(len(truth.rows), dtype=np.bool_)
        if class_id is not None:
            own = classes_of(truth.rows) == class_id
        counted += _of_frames(truth, truth.counts & own)
        # In a benchmark with classes, other people (on a vehicle, a reflection) excuse detections on them.
        ignored += _of_frames(truth, ~truth.counts)
    return average_precision(boxes, scores, counted, ignored)


def _of_frames(truth: Truth, chosen: NDArray[np.bool_]) -> _Boxes:
    starts = frame_starts(truth.rows.frames[chosen], truth.info.frame_count)
    boxes: _Boxes = np.split(tlwh_to_xyxy(truth.rows.boxes_tlwh[chosen]), starts[1:-1])
    return boxes
