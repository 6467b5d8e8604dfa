"""Report of one step of the tracker: the tracks before the output filter, the filter, and counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Tracks
from fairmot.tracking.table import TrackTable, corners


class FrameCounts(NamedTuple):
    """Counts after a frame."""

    detections: int
    above_confidence: int
    tracked: int
    """Tracks matched or started in this frame, including unconfirmed ones."""
    confirmed: int
    """Confirmed tracks matched in this frame: rows of the output before its filter."""
    lost: int
    removals: int
    """Removals so far. A lost track leaves the list one frame late and is counted a second time then."""
    identities: int
    """Identities given so far."""


class FrameReport(NamedTuple):
    """Tracks and counts of one frame, before the output filter."""

    tracks: Tracks
    """Every confirmed track, in the tracker's order."""
    kept: NDArray[np.bool_]
    """Whether each track passes the output filter [M]."""
    counts: FrameCounts

    @property
    def filtered(self) -> Tracks:
        """The tracks that pass the output filter."""
        return self.tracks.select(self.kept)


def report_of(
    tracked: TrackTable, boxes_tlwh: NDArray[np.float64], counts: FrameCounts, config: TrackerConfig
) -> FrameReport:
    """Report the confirmed tracks among the tracked records [T] with their boxes [T, 4]."""
    confirmed = tracked["is_confirmed"].nonzero()[0]
    boxes = boxes_tlwh[confirmed]
    width, height = boxes[:, 2], boxes[:, 3]
    kept = (width * height > config.min_box_area_px) & (width / height <= config.max_aspect)
    # An index array copies: a view would keep the whole table in memory.
    tracks = Tracks(
        tracked["identity"][confirmed],
        corners(boxes),
        tracked["score"][confirmed],
        tracked["class_id"][confirmed],
        tracked["detection"][confirmed],
    )
    return FrameReport(tracks, kept, counts)
