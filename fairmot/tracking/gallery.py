"""Several embeddings per track, and re-entry after a long absence.

A moving average forgets how a person appears from another side. The gallery keeps earlier embeddings, one every
``gallery_interval_frames``, and replaces the oldest; the distance of a track is that of its nearest embedding. The
archive keeps removed tracks. When a new track is confirmed, before any row of it is returned, and its appearance
matches an archived track, it takes over that track's identity. Motion plays no part: after so long an absence it cannot
be predicted.

Source of the gallery: Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.tracking.association import appearance_distance, assign
from fairmot.tracking.table import TrackTable, tables_joined

IndexArray = NDArray[np.intp]

ARCHIVE_SIZE = 1000
"""Maximum number of archived tracks, which bounds the memory; the longest absent are dropped first."""


def remember(table: TrackTable, rows: IndexArray, embeddings: NDArray[Any], frame: int, interval: int) -> None:
    """Add embeddings [k, D] of this frame to the galleries of rows [k], at most one per ``interval`` frames."""
    due = (table["gallery_count"][rows] == 0) | (frame - table["gallery_frame"][rows] >= interval)
    rows = rows[due]
    places = table["gallery_count"][rows] % table["gallery"].shape[1]
    table["gallery"][rows, places] = embeddings[due]
    table["gallery_count"][rows] += 1
    table["gallery_frame"][rows] = frame


class Archive:
    """Removed tracks that can return.

    Args:
        config: ``reentry_max_distance`` and ``per_class``.
        keep_frames: number of frames after its last match in which a track can return.
    """

    def __init__(self, config: TrackerConfig, keep_frames: int) -> None:
        self._limit, self._per_class, self._keep_frames = config.reentry_max_distance, config.per_class, keep_frames
        self._table: TrackTable | None = None

    def __len__(self) -> int:
        return 0 if self._table is None else len(self._table)

    def add(self, removed: TrackTable) -> None:
        """Add removed tracks; those that were never confirmed are left out."""
        removed = removed[removed["is_confirmed"]]
        if len(removed):
            joined = removed if self._table is None else tables_joined(self._table, removed)
            self._table = joined[-ARCHIVE_SIZE:].copy()

    def recall(self, new_tracks: TrackTable, frame: int) -> tuple[IndexArray, TrackTable]:
        """Match new tracks [n] to archived ones, and take the matched ones out of the archive.

        Returns:
            Rows of the new tracks [k] and the archived records that they match [k].
        """
        none = np.empty(0, dtype=np.intp), new_tracks[:0]
        if self._table is None or not len(new_tracks):
            return none
        self._table = self._table[frame - self._table["last_frame"] <= self._keep_frames]
        if not len(self._table):
            return none
        archived = self._table
        distance = appearance_distance(archived, new_tracks).T
        if self._per_class:
            distance = np.where(new_tracks["class_id"][:, None] == archived["class_id"], distance, np.inf)
        rows, columns = assign(distance, self._limit)
        stays = np.ones(len(archived), dtype=bool)
        stays[columns] = False
        self._table = archived[stays]
        return rows, archived[columns]

    def rename(
        self, table: TrackTable, was_confirmed: NDArray[np.bool_], frame: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give newly confirmed tracks the identities of the archived tracks that they match, in place.

        Args:
            table: all tracks [M].
            was_confirmed: whether each track was confirmed before the frame [M].
            frame: number of the frame.

        Returns:
            The identities that returned [k], and those that the new tracks had until now [k].
        """
        new = (table["is_confirmed"] & ~was_confirmed).nonzero()[0]
        rows, known = self.recall(table[new], frame)
        rows = new[rows]
        born_as = table["identity"][rows]
        for field in ("identity", "first_frame", "gallery", "gallery_count", "gallery_frame"):
            if field in (table.dtype.names or ()):
                table[field][rows] = known[field]
        return known["identity"].copy(), born_as
