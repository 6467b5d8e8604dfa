"""All tracks in one array: a record a track.

Detections become records of the same kind, tracks that nobody has started yet, so that starting one is copying a row.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Detections
from fairmot.geometry import cxcyah_to_tlwh, tlwh_to_cxcyah, tlwh_to_xyxy
from fairmot.tracking import kalman

TrackTable = NDArray[np.void]

MAX_COORDINATE_PX = 1e9
"""Larger coordinates are no picture's and overflow single precision later."""


class Candidates(NamedTuple):
    """The detections of a frame that take part."""

    records: TrackTable
    """One record each [N]; identity and frames are still to be filled in."""
    boxes_xyxy: NDArray[np.float64]
    """Corners [N, 4], pixels."""


@functools.cache
def table_type(embedding_width: int) -> np.dtype[np.void]:
    """Return the record of a track whose embeddings have this width; 0: none."""
    return np.dtype(
        [
            ("identity", np.int64),
            ("first_frame", np.int64),
            ("last_frame", np.int64),  # last matched
            ("class_id", np.int64),
            ("score", np.float64),
            ("is_confirmed", np.bool_),
            ("is_condemned", np.bool_),  # was removed once: leaves the lost list the next time it is to be in it
            ("mean", np.float64, (8,)),
            ("covariance", np.float64, (3, 4)),
            ("embedding", np.float64, (embedding_width,)),  # smoothed, unit length
        ]
    )


def tables_joined(first: TrackTable, second: TrackTable) -> TrackTable:
    """Return the rows of both tables of one type; ``np.concatenate`` compares record types slowly."""
    joined = np.empty(len(first) + len(second), dtype=first.dtype)
    joined[: len(first)] = first
    joined[len(first) :] = second
    return joined


def boxes_tlwh(table: TrackTable) -> NDArray[np.float64]:
    """Return left, top, width, height [M, 4] of the filter's boxes, pixels."""
    boxes: NDArray[np.float64] = cxcyah_to_tlwh(table["mean"][:, :4])
    return boxes


def boxes_xyxy(table: TrackTable) -> NDArray[np.float64]:
    """Return the corners [M, 4] of the filter's boxes, pixels."""
    boxes: NDArray[np.float64] = tlwh_to_xyxy(boxes_tlwh(table))
    return boxes


def embedding_width(detections: Detections) -> int | None:
    """Return the width of the embeddings; 0 without any, None where no detection tells."""
    if len(detections) == 0:
        return None
    return 0 if detections.embeddings is None else detections.embeddings.shape[1]


def candidates_of(detections: Detections, confidence: float, width: int) -> Candidates:
    """Make a record of each detection that scores above ``confidence``.

    Args:
        detections: in picture pixels.
        confidence: compared in single precision, as the published code does.
        width: of the embeddings; 0: none.

    Raises:
        ValueError: a box or score that is not finite, or an embedding without direction. Names the row.
    """
    boxes, scores = detections.boxes_xyxy, detections.scores
    is_box = np.abs(boxes) <= MAX_COORDINATE_PX  # NaN is not
    if not is_box.all():
        row = int(is_box.all(axis=1).argmin())
        raise ValueError(f"detections row {row}: box {boxes[row].tolist()} is not finite, or is beyond any picture")
    is_number = np.isfinite(scores)
    if not is_number.all():
        row = int(is_number.argmin())
        raise ValueError(f"detections row {row}: score {scores[row]} is not finite")

    # Width and height are rounded to single precision, as the published code does.
    sizes = boxes[:, 2:] - boxes[:, :2]
    # DEVIATION: a box without area has no aspect, and one of height 0 turned every number of its track into NaN;
    # such boxes take no part.
    chosen = ((scores > np.float32(confidence)) & (sizes > 0).all(axis=1)).nonzero()[0]
    boxes_tlwh = np.empty((len(chosen), 4))
    boxes_tlwh[:, :2], boxes_tlwh[:, 2:] = boxes[chosen, :2], sizes[chosen]

    records = np.zeros(len(chosen), dtype=table_type(width))
    records["class_id"] = detections.class_ids[chosen]
    records["score"] = scores[chosen]
    records["mean"], records["covariance"] = kalman.initiate(tlwh_to_cxcyah(boxes_tlwh))
    if width and detections.embeddings is not None:
        embeddings = detections.embeddings[chosen].astype(np.float64)
        lengths = np.sqrt(np.einsum("nd,nd->n", embeddings, embeddings))
        has_direction = (lengths > 0) & np.isfinite(lengths)
        if not has_direction.all():
            row = int(chosen[has_direction.argmin()])
            raise ValueError(f"detections row {row}: its embedding is zero or not finite")
        records["embedding"] = embeddings / lengths[:, None]
    return Candidates(records, tlwh_to_xyxy(boxes_tlwh))
