"""Several embeddings a track, and people who come back after a long absence.

The smoothed embedding forgets how somebody looked from another side. The gallery keeps earlier embeddings, one every
``gallery_interval_frames``, the oldest replaced; a track is as far from a detection as the nearest of them. A removed
track waits in the archive. When a new track is confirmed, before any row of it was handed out, and looks like one that
waits, it goes on under the old identity. Motion says nothing there: the absence is longer than it can be predicted.

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
"""Most tracks that wait; the longest absent go first. It bounds the memory."""


def remember(table: TrackTable, rows: IndexArray, embeddings: NDArray[Any], frame: int, interval: int) -> None:
    """Put embeddings [k, D] of this frame into the galleries of rows [k] whose last one is old enough."""
    due = (table["gallery_count"][rows] == 0) | (frame - table["gallery_frame"][rows] >= interval)
    rows = rows[due]
    places = table["gallery_count"][rows] % table["gallery"].shape[1]
    table["gallery"][rows, places] = embeddings[due]
    table["gallery_count"][rows] += 1
    table["gallery_frame"][rows] = frame


class Archive:
    """Removed tracks that may come back.

    Args:
        config: ``reentry_max_distance`` and ``per_class``.
        keep_frames: how long after its last match a track can come back.
    """

    def __init__(self, config: TrackerConfig, keep_frames: int) -> None:
        self._limit, self._per_class, self._keep_frames = config.reentry_max_distance, config.per_class, keep_frames
        self._table: TrackTable | None = None

    def __len__(self) -> int:
        return 0 if self._table is None else len(self._table)

    def add(self, removed: TrackTable) -> None:
        """Take in records of removed tracks."""
        removed = removed[removed["is_confirmed"]]
        if len(removed):
            joined = removed if self._table is None else tables_joined(self._table, removed)
            self._table = joined[-ARCHIVE_SIZE:].copy()

    def recall(self, newcomers: TrackTable, frame: int) -> tuple[IndexArray, TrackTable]:
        """Find who of the newcomers [n] was here before; who is found no longer waits.

        Returns:
            Rows of the newcomers [k] and the records under which they were known [k].
        """
        nobody = np.empty(0, dtype=np.intp), newcomers[:0]
        if self._table is None or not len(newcomers):
            return nobody
        self._table = self._table[frame - self._table["last_frame"] <= self._keep_frames]
        if not len(self._table):
            return nobody
        waiting = self._table
        distance = appearance_distance(waiting, newcomers).T
        if self._per_class:
            distance = np.where(newcomers["class_id"][:, None] == waiting["class_id"], distance, np.inf)
        rows, columns = assign(distance, self._limit)
        stays = np.ones(len(waiting), dtype=bool)
        stays[columns] = False
        self._table = waiting[stays]
        return rows, waiting[columns]

    def rename(
        self, table: TrackTable, was_confirmed: NDArray[np.bool_], frame: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give tracks that are confirmed since a moment ago the identity under which they were here before, in place.

        Args:
            table: all tracks [M].
            was_confirmed: before the frame [M].
            frame: its number.

        Returns:
            The identities that came back [k], and those they were born with this time [k].
        """
        new = (table["is_confirmed"] & ~was_confirmed).nonzero()[0]
        rows, known = self.recall(table[new], frame)
        rows = new[rows]
        born_as = table["identity"][rows]
        for field in ("identity", "first_frame", "gallery", "gallery_count", "gallery_frame"):
            if field in (table.dtype.names or ()):
                table[field][rows] = known[field]
        return known["identity"].copy(), born_as
