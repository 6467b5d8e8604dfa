"""Update tracks with their matched detections: state of the filter, appearance, class, score.

Two later methods are here. *Noise by score*: confident detections have more precise boxes, so the measurement variance
is multiplied by 1 - score (Du et al., "StrongSORT: Make DeepSORT Great Again", 2023). *Re-update*: the velocity of a
lost track drifts, since its filter predicts without corrections. When the track is found again, the filter restarts
from its last corrected state and follows a straight line between the two boxes (Cao et al., "Observation-Centric SORT",
2023).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.tracking import kalman
from fairmot.tracking.gallery import remember
from fairmot.tracking.table import Candidates, TrackTable

FloatRows = NDArray[np.float64]


def correct(
    table: TrackTable,
    tracked_count: int,
    match: NDArray[np.intp],
    candidates: Candidates,
    frame: int,
    config: TrackerConfig,
    noise: kalman.Noise,
) -> None:
    """Update the matched tracks with their candidates, in place.

    Args:
        table: all tracks [M], predicted; the first ``tracked_count`` are tracked, the others lost.
        tracked_count: number of tracked tracks.
        match: the candidate of each track [M]; -1: none.
        candidates: the detections that take part.
        frame: number of the frame, from 1.
        config: momentum of the embeddings, and options.
        noise: noise of the Kalman filter.
    """
    rows = (match >= 0).nonzero()[0]
    if not len(rows):
        return
    found, matched = candidates.records[match[rows]], table[rows]
    boxes = found["mean"][:, :4]
    stayed = rows < tracked_count
    if config.reupdate:
        _replay(matched, ~stayed, boxes, frame, noise)
    factor = 1.0 - np.clip(found["score"], 0.0, 1.0) if config.score_noise else None
    matched["mean"], matched["covariance"] = kalman.update(matched["mean"], matched["covariance"], boxes, noise, factor)
    if config.reupdate:
        note_sighting(matched, boxes)
    if matched["embedding"].shape[1]:
        momentum = config.embedding_momentum
        smoothed = momentum * matched["embedding"] + (1 - momentum) * found["embedding"]
        smoothed /= np.sqrt(np.einsum("md,md->m", smoothed, smoothed))[:, None]
        matched["embedding"] = smoothed
        if config.gallery_size:
            remember(matched, np.arange(len(rows)), found["embedding"], frame, config.gallery_interval_frames)
    matched["class_id"] = found["class_id"]
    matched["detection"] = found["detection"]
    # A track that is found again keeps its old score for this frame, as in the published code.
    np.copyto(matched["score"], found["score"], where=stayed)
    matched["last_frame"] = frame
    matched["hits"] += 1
    parts = np.minimum(matched["hits"], config.confirmation_hits)
    matched["mean_score"] += (found["score"] - matched["mean_score"]) / parts
    is_proven = matched["hits"] >= config.confirmation_hits
    if config.confirmation_score:
        is_proven &= matched["mean_score"] >= config.confirmation_score
    matched["is_confirmed"] |= is_proven
    table[rows] = matched


def note_sighting(tracks: TrackTable, boxes_cxcyah: FloatRows) -> None:
    """Store the measured boxes [M, 4] and the corrected states in the tracks, for a later re-update."""
    tracks["seen_box"], tracks["seen_mean"] = boxes_cxcyah, tracks["mean"]
    tracks["seen_covariance"] = tracks["covariance"]


def _replay(tracks: TrackTable, is_lost: NDArray[np.bool_], boxes: FloatRows, frame: int, noise: kalman.Noise) -> None:
    rows = is_lost.nonzero()[0]
    if not len(rows):
        return
    lost = tracks[rows]
    gaps = frame - lost["last_frame"]
    lost["mean"], lost["covariance"] = replayed(
        lost["seen_mean"], lost["seen_covariance"], lost["seen_box"], boxes[rows], gaps, noise
    )
    tracks[rows] = lost


def replayed(
    mean: FloatRows,
    covariance: FloatRows,
    first_boxes: FloatRows,
    last_boxes: FloatRows,
    gaps: NDArray[np.int64],
    noise: kalman.Noise = kalman.PUBLISHED,
) -> tuple[FloatRows, FloatRows]:
    """Filter along the line between two boxes, up to the prediction for the last one.

    Args:
        mean: states after the first boxes [M, 8].
        covariance: [M, 3, 4].
        first_boxes: centre, aspect, height [M, 4].
        last_boxes: [M, 4], ``gaps`` frames later.
        gaps: number of frames [M], at least 1.
        noise: noise of the Kalman filter.

    Returns:
        Means and covariances predicted for the frame of the last boxes.
    """
    mean, covariance = mean.copy(), covariance.copy()
    # Centre, width and height are interpolated linearly; the aspect ratio follows from them.
    first, last = first_boxes.copy(), last_boxes.copy()
    first[:, 2] *= first[:, 3]
    last[:, 2] *= last[:, 3]
    # One iteration per frame of the longest gap, for all tracks at once.
    for step in range(1, int(gaps.max(initial=0)) + 1):
        moved = (gaps >= step).nonzero()[0]
        mean[moved], covariance[moved] = kalman.predict(mean[moved], covariance[moved], noise)
        between = moved[gaps[moved] > step]
        box = first[between] + (last[between] - first[between]) * (step / gaps[between])[:, None]
        box[:, 2] /= box[:, 3]
        mean[between], covariance[between] = kalman.update(mean[between], covariance[between], box, noise)
    return mean, covariance
