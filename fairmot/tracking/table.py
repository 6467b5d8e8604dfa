"""All tracks in one array, one record per track.

Detections become records of the same type, so that starting a track is copying a row.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]
TrackTable = NDArray[np.void]


class Candidates(NamedTuple):
    """The detections of a frame that take part: first the confident ones, then those of low score."""

    records: TrackTable
    """One record each [N], the mean with velocity 0; covariance, identity and frames are set when a track starts."""
    boxes_xyxy: FloatRows
    """Corners [N, 4], pixels."""
    rows: IndexArray
    """Row of each candidate in the given detections [N]."""
    confident_count: int
    """Number of candidates whose score exceeds ``TrackerConfig.confidence``."""


@functools.cache
def table_type(embedding_width: int, gallery_size: int = 0, with_sighting: bool = False) -> np.dtype[np.void]:
    """Return the record type of a track.

    Args:
        embedding_width: length of the embeddings; 0: none.
        gallery_size: number of earlier embeddings that a track keeps.
        with_sighting: whether a track keeps the state after its last match.
    """
    fields: list[tuple[Any, ...]] = [
        ("identity", np.int64),
        ("first_frame", np.int64),
        ("last_frame", np.int64),  # of the last match
        ("class_id", np.int64),
        ("detection", np.int64),  # row of the last match in the detections of its frame
        ("score", np.float64),
        ("mean_score", np.float64),  # of about the last ``confirmation_hits`` detections
        ("hits", np.int64),  # detections so far
        ("is_confirmed", np.bool_),
        ("is_condemned", np.bool_),  # its removal is due: it leaves the lost list in the next frame
        ("mean", np.float64, (8,)),
        ("covariance", np.float64, (3, 4)),
        ("embedding", np.float64, (embedding_width,)),  # moving average, unit length
    ]
    if gallery_size:
        fields += [
            ("gallery", np.float32, (gallery_size, embedding_width)),  # unit length; empty places are 0
            ("gallery_count", np.int64),  # added so far; a new one replaces the oldest
            ("gallery_frame", np.int64),  # of the last addition
        ]
    if with_sighting:
        fields += [
            ("seen_box", np.float64, (4,)),  # box of the last match: centre, aspect, height
            ("seen_mean", np.float64, (8,)),  # state after the last match
            ("seen_covariance", np.float64, (3, 4)),
        ]
    return np.dtype(fields, align=True)  # NumPy copies unaligned fields before each operation


def table_type_for(config: TrackerConfig, embedding_width: int) -> np.dtype[np.void]:
    """Return the record type that a configuration needs."""
    return table_type(embedding_width, config.gallery_size if embedding_width else 0, config.reupdate)


def tables_joined(first: TrackTable, second: TrackTable) -> TrackTable:
    """Concatenate two tables of one type; ``np.concatenate`` spends more time on comparing the types."""
    joined = np.empty(len(first) + len(second), dtype=first.dtype)
    joined[: len(first)] = first
    joined[len(first) :] = second
    return joined


def boxes_tlwh(table: TrackTable) -> FloatRows:
    """Return left, top, width, height [M, 4] of the Kalman filter's boxes, pixels."""
    mean = table["mean"]
    boxes = np.empty((len(mean), 4))
    np.multiply(mean[:, 2], mean[:, 3], out=boxes[:, 2])
    boxes[:, 3] = mean[:, 3]
    np.subtract(mean[:, :2], boxes[:, 2:] / 2, out=boxes[:, :2])
    return boxes


def corners(tlwh: FloatRows) -> FloatRows:
    """Turn left, top, width, height [M, 4] into corners."""
    boxes = tlwh.copy()
    boxes[:, 2:] += tlwh[:, :2]
    return boxes


def candidates_of(
    detections: Detections,
    config: TrackerConfig,
    width: int = 0,
    image_size: tuple[int, int] | None = None,
) -> Candidates:
    """Make a record of each detection that takes part; scores are compared in single precision, as published.

    Args:
        detections: checked detections, image pixels.
        config: score thresholds and record type.
        width: length of the embeddings; 0: none.
        image_size: width and height, pixels, to which boxes are clipped; None: no clipping.

    Raises:
        InputError: an embedding is zero or not finite (the message names the row).
    """
    boxes, scores = detections.boxes_xyxy, detections.scores
    if image_size is not None:
        boxes = np.clip(boxes, 0, np.array(image_size * 2, dtype=np.float32))
    # Width and height are rounded to single precision, as the published code does.
    sizes = boxes[:, 2:] - boxes[:, :2]
    # DEVIATION: a box without area has no aspect ratio, and a height of 0 makes the whole state NaN, so such boxes take
    # no part.
    has_area = (sizes > 0).all(axis=1)
    is_confident = scores > np.float32(config.confidence)
    chosen = (is_confident & has_area).nonzero()[0]
    confident_count = len(chosen)
    if config.second_pass:
        is_low = ~is_confident & (scores > np.float32(config.low_confidence)) & has_area
        chosen = np.concatenate([chosen, is_low.nonzero()[0]])

    tlwh = np.empty((len(chosen), 4))
    tlwh[:, :2], tlwh[:, 2:] = boxes[chosen, :2], sizes[chosen]
    measured = np.empty_like(tlwh)
    measured[:, :2] = tlwh[:, :2] + tlwh[:, 2:] / 2
    np.divide(tlwh[:, 2], tlwh[:, 3], out=measured[:, 2])
    measured[:, 3] = tlwh[:, 3]

    records = np.zeros(len(chosen), dtype=table_type_for(config, width))
    records["class_id"] = detections.class_ids[chosen]
    records["detection"] = chosen
    records["score"] = records["mean_score"] = scores[chosen]
    records["mean"][:, :4] = measured
    if width and detections.embeddings is not None:
        records["embedding"] = _unit_embeddings(detections.embeddings, chosen)
    return Candidates(records, corners(tlwh), chosen, confident_count)


def _unit_embeddings(embeddings: NDArray[np.float32], chosen: IndexArray) -> FloatRows:
    rows = embeddings[chosen].astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    if not 0 < lengths.min(initial=1.0) <= lengths.max(initial=1.0) < np.inf:  # NaN is neither
        row = int(chosen[((lengths > 0) & np.isfinite(lengths)).argmin()])
        raise InputError(f"detections row {row}: its embedding is zero or not finite")
    rows /= lengths[:, None]
    return rows
