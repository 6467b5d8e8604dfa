"""How tracks begin, and how they move on from frame to frame; what a match changes is in ``correction``."""

from __future__ import annotations

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.tracking import kalman
from fairmot.tracking.correction import note_sighting
from fairmot.tracking.gallery import remember
from fairmot.tracking.table import TrackTable

HEIGHT_VELOCITY = 7
"""Where a mean [8] holds the velocity of the height."""


def start(
    records: TrackTable, first_identity: int, frame: int, config: TrackerConfig, noise: kalman.Noise
) -> TrackTable:
    """Make tracks of the records [k] of candidates that no track took, in place, and return them.

    Args:
        records: means stand still in their boxes.
        first_identity: the others follow it.
        frame: number of the frame, from 1; in the first one tracks are confirmed at once.
        config: options.
        noise: spreads of the filter.
    """
    if not len(records):
        return records
    records["mean"], records["covariance"] = kalman.initiate(records["mean"][:, :4], noise)
    records["identity"] = first_identity + np.arange(len(records))
    records["first_frame"] = records["last_frame"] = frame
    records["is_confirmed"] = frame == 1
    if config.reupdate:
        note_sighting(records, records["mean"][:, :4])
    if config.gallery_size and records["embedding"].shape[1]:
        remember(records, np.arange(len(records)), records["embedding"], frame, 1)
    return records


def predict(table: TrackTable, tracked_count: int, frames: int, noise: kalman.Noise) -> None:
    """Move the confirmed and the lost tracks on, in place; the unconfirmed stay, and lost ones do not grow or shrink.

    Args:
        table: all tracks [M]; the first ``tracked_count`` are tracked, the others lost.
        tracked_count: how many are tracked.
        frames: how many frames on.
        noise: spreads of the filter.
    """
    table["mean"][tracked_count:, HEIGHT_VELOCITY] = 0
    is_moved = table["is_confirmed"].copy()
    is_moved[tracked_count:] = True
    moved = is_moved.nonzero()[0]
    mean, covariance = table["mean"][moved], table["covariance"][moved]
    # Whoever is still here was seen within the buffer, so this ends soon whatever index comes.
    for _ in range(frames if len(moved) else 0):
        mean, covariance = kalman.predict(mean, covariance, noise)
    table["mean"][moved], table["covariance"][moved] = mean, covariance
