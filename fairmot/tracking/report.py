"""What one step of the tracker tells: the rows before the output filter, the filter, and the counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Tracks
from fairmot.tracking.table import TrackTable, corners


class FrameCounts(NamedTuple):
    """How many there were of what, after a frame."""

    detections: int
    above_confidence: int
    tracked: int
    """Tracks matched or started in this frame, the unconfirmed included."""
    confirmed: int
    """Tracks matched in this frame that have a row in the output, before its filter."""
    lost: int
    removals: int
    """So far. A lost track leaves one frame late and is removed once more then."""
    identities: int
    """Given so far."""


class FrameReport(NamedTuple):
    """Everything about one frame, before the output filter."""

    tracks: Tracks
    """Every confirmed track, in the tracker's order."""
    kept: NDArray[np.bool_]
    """Whether a row passes the output filter [M]."""
    counts: FrameCounts

    @property
    def filtered(self) -> Tracks:
        """The rows that pass."""
        return self.tracks.select(self.kept)


def report_of(
    tracked: TrackTable, boxes_tlwh: NDArray[np.float64], counts: FrameCounts, config: TrackerConfig
) -> FrameReport:
    """Report the confirmed ones of the tracked records [T] with their boxes [T, 4]."""
    confirmed = tracked["is_confirmed"].nonzero()[0]
    boxes = boxes_tlwh[confirmed]
    width, height = boxes[:, 2], boxes[:, 3]
    kept = (width * height > config.min_box_area_px) & (width / height <= config.max_aspect)
    # Picked rows are copies: a view would keep the whole table alive.
    tracks = Tracks(
        tracked["identity"][confirmed],
        corners(boxes),
        tracked["score"][confirmed],
        tracked["class_id"][confirmed],
        tracked["detection"][confirmed],
    )
    return FrameReport(tracks, kept, counts)
