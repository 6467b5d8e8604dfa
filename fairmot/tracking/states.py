"""Start tracks, and predict them from frame to frame; ``correction`` updates them with their matches."""

from __future__ import annotations

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.tracking import kalman
from fairmot.tracking.correction import note_sighting
from fairmot.tracking.gallery import remember
from fairmot.tracking.table import TrackTable

HEIGHT_VELOCITY = 7
"""Index of the height's velocity in a mean [8]."""


def start(
    records: TrackTable, first_identity: int, frame: int, config: TrackerConfig, noise: kalman.Noise
) -> TrackTable:
    """Make tracks of the records [k] of unmatched candidates, in place, and return them.

    Args:
        records: records of candidates, their means with velocity 0.
        first_identity: identity of the first track; the others count on from it.
        frame: number of the frame, from 1; tracks of the first frame are confirmed at once, where their score
            suffices.
        config: options.
        noise: noise of the Kalman filter.
    """
    if not len(records):
        return records
    records["mean"], records["covariance"] = kalman.initiate(records["mean"][:, :4], noise)
    records["identity"] = first_identity + np.arange(len(records))
    records["first_frame"] = records["last_frame"] = frame
    records["hits"] = 1
    records["is_confirmed"] = frame == 1 or config.confirmation_hits == 1
    if config.confirmation_score:
        records["is_confirmed"] &= records["mean_score"] >= config.confirmation_score
    if config.reupdate:
        note_sighting(records, records["mean"][:, :4])
    if config.gallery_size and records["embedding"].shape[1]:
        remember(records, np.arange(len(records)), records["embedding"], frame, 1)
    return records


def predict(
    table: TrackTable,
    tracked_count: int,
    frames: int,
    noise: kalman.Noise,
    frame_time: float | None = None,
    with_unconfirmed: bool = False,
) -> None:
    """Predict confirmed and lost tracks, in place; unconfirmed tracks stay, as published, lost ones keep their height.

    Args:
        table: all tracks [M]; the first ``tracked_count`` are tracked, the others lost.
        tracked_count: number of tracked tracks.
        frames: number of frames to predict.
        noise: noise of the Kalman filter.
        frame_time: time of a frame of the video, in frames of ``TrackerConfig.noise_rate``; None: both are the same.
        with_unconfirmed: predict all tracks.
    """
    table["mean"][tracked_count:, HEIGHT_VELOCITY] = 0
    is_moved = table["is_confirmed"] | with_unconfirmed
    is_moved[tracked_count:] = True
    moved = is_moved.nonzero()[0]
    mean, covariance = table["mean"][moved], table["covariance"][moved]
    if frame_time is not None:
        mean, covariance = kalman.predict_over(mean, covariance, frames * frame_time, noise)
        frames = 0
    # Without tracks there is nothing to predict; with tracks, the buffer bounds the number of frames.
    for _ in range(frames if len(moved) else 0):
        mean, covariance = kalman.predict(mean, covariance, noise)
    table["mean"][moved], table["covariance"][moved] = mean, covariance
