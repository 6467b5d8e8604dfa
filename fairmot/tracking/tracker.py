"""The tracker: detections of one frame after the other in, boxes with identities out.

Behaves exactly as the published FairMOT tracker (Zhang et al., "FairMOT: On the Fairness of Detection and
Re-Identification in Multiple Object Tracking", 2021), its odd corners included. Where it does not, a comment begins
``DEVIATION:``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks
from fairmot.geometry import ImageArray, tlwh_to_xyxy
from fairmot.tracking import kalman
from fairmot.tracking.association import IndexArray, assign, first_step, iou_distance, unique_tracks
from fairmot.tracking.report import FrameCounts, FrameReport, report_of
from fairmot.tracking.table import (
    Candidates,
    TrackTable,
    boxes_tlwh,
    boxes_xyxy,
    candidates_of,
    embedding_width,
    table_type,
    tables_joined,
)

HEIGHT_VELOCITY = 7
"""Where a mean [8] holds the velocity of the height."""


class Tracker:
    """Keeps the identities of one video.

    Two trackers share nothing, and identities count from 1 in each.

    Args:
        config: constants; the defaults are the published ones.
        frame_rate: frames a second of the video. A lost track is kept for B + 1 frames,
            B = ``int(frame_rate / 30 * config.track_buffer_frames)``.
        image_size: width and height of the pictures, pixels; a picture handed to ``update`` must have it.

    Raises:
        ValueError: ``frame_rate`` is not a positive number.
    """

    def __init__(
        self,
        config: TrackerConfig | None = None,
        frame_rate: float = 30,
        image_size: tuple[int, int] | None = None,
    ) -> None:
        if not (math.isfinite(frame_rate) and frame_rate > 0):
            raise ValueError(f"frame_rate {frame_rate}: expected a positive number of frames a second")
        self._config = TrackerConfig() if config is None else config
        # The published order of operations: int() cuts off, so that rounding can cost a frame.
        self._buffer_frames = int(frame_rate / 30.0 * self._config.track_buffer_frames)
        self._image_size = image_size
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next update is the first frame, the next identity is 1."""
        self._width: int | None = None  # of the embeddings; None until a detection tells
        # The tracked ones, then the lost ones. The order of both lists decides ties and the numbering.
        self._table: TrackTable = np.empty(0, dtype=table_type(0))
        self._tracked = 0
        self._frame = 0  # counts from 1, as the published code does
        self._frame_index = -1
        self._identities = 0
        self._removals = 0

    def update(self, detections: Detections, image: ImageArray | None = None, frame_index: int | None = None) -> Tracks:
        """Take the detections of the next frame and return the tracks seen in it.

        Args:
            detections: all that the detector found, picture pixels; what scores at or below
                ``config.confidence`` takes no part. Embeddings have one width through the video. Without them the
                first step goes by IoU.
            image: the picture, uint8 [H, W, 3]. Only its size is checked.
            frame_index: index of the frame, for videos of which frames are left out; it must grow. Motion and the
                time that lost tracks are kept follow it. Left out: the frame after the last one.

        Returns:
            The confirmed tracks matched in this frame that pass the output filter (area and shape), in the tracker's
            own order. Boxes are the filter's.

        Raises:
            ValueError: a box or score that is not finite, an embedding without direction or of another width than
                before, a picture of another size, a frame index that does not grow. The tracker is unchanged then.
        """
        return self._step(detections, image, frame_index).filtered

    def _step(
        self, detections: Detections, image: ImageArray | None = None, frame_index: int | None = None
    ) -> FrameReport:
        """Do what ``update`` does, and return also the rows that it filters out and the counts."""
        index = self._next_index(image, frame_index)
        width = self._next_width(detections)
        candidates = candidates_of(detections, self._config.confidence, width or 0)
        if width != self._width:
            self._width, self._table = width, np.empty(0, dtype=table_type(width or 0))
        elapsed = index - self._frame_index if self._frame else 1
        self._frame, self._frame_index = self._frame + elapsed, index
        if elapsed > 1:
            self._leave_out_frames()

        self._predict(elapsed)
        match = self._associate(candidates)
        self._correct(match, candidates)
        self._relist(match, candidates)
        boxes = self._drop_duplicates()

        tracked = self._table[: self._tracked]
        counts = FrameCounts(
            detections=len(detections),
            above_confidence=len(candidates.records),
            tracked=self._tracked,
            confirmed=int(np.count_nonzero(tracked["is_confirmed"])),
            lost=len(self._table) - self._tracked,
            removals=self._removals,
            identities=self._identities,
        )
        return report_of(tracked, boxes[: self._tracked], counts, self._config)

    def _next_index(self, image: ImageArray | None, frame_index: int | None) -> int:
        if image is not None and self._image_size is not None and image.shape[1::-1] != self._image_size:
            raise ValueError(f"picture of size {image.shape[1::-1]}, expected {self._image_size} (width, height)")
        if frame_index is None:
            return self._frame_index + 1
        if frame_index <= self._frame_index:
            raise ValueError(f"frame index {frame_index} after {self._frame_index}: it must grow; reset() starts anew")
        return int(frame_index)

    def _next_width(self, detections: Detections) -> int | None:
        width = embedding_width(detections)
        if width is None or self._width is None or width == self._width:
            return self._width if width is None else width
        raise ValueError(f"embeddings of width {width} after {self._width} (0: none): one width a video")

    def _leave_out_frames(self) -> None:
        """Let the frames between the last one and this one pass for tracks that wait for a match.

        The published code knows no such frames. A track that has missed too many of them goes as if each had been
        without detections; one that was matched in the last frame stays tracked.
        """
        table = self._table
        is_lost = np.arange(len(table)) >= self._tracked
        age = self._frame - table["last_frame"]
        stays = (age <= self._buffer_frames + 2) & ~(is_lost & table["is_condemned"])
        table["is_condemned"] |= is_lost & (age > self._buffer_frames + 1)
        self._tracked = int(np.count_nonzero(stays[: self._tracked]))
        self._table = table[stays]

    def _predict(self, frames: int) -> None:
        """Move the confirmed and the lost tracks on; the unconfirmed stay, and lost ones do not grow or shrink."""
        table = self._table
        table["mean"][self._tracked :, HEIGHT_VELOCITY] = 0
        is_moved = table["is_confirmed"].copy()
        is_moved[self._tracked :] = True
        moved = is_moved.nonzero()[0]
        mean, covariance = table["mean"][moved], table["covariance"][moved]
        for _ in range(frames):
            mean, covariance = kalman.predict(mean, covariance)
        table["mean"][moved], table["covariance"][moved] = mean, covariance

    def _associate(self, candidates: Candidates) -> IndexArray:
        """Return the candidate that each track [M] is matched with, or -1."""
        table, tracked = self._table, self._tracked
        is_confirmed = table["is_confirmed"]  # of all lost ones too
        match = np.full(len(table), -1)
        boxes = boxes_xyxy(table)
        is_free = np.ones(len(candidates.records), dtype=bool)

        def settle(rows: IndexArray, columns: IndexArray) -> None:
            match[rows] = columns
            is_free[columns] = False

        pool = is_confirmed.nonzero()[0]
        if len(pool) and len(is_free):
            rows, columns = assign(*first_step(table, pool, candidates, self._config))
            settle(pool[rows], columns)
        for confirmed, limit in ((True, self._config.iou_limit), (False, self._config.unconfirmed_iou_limit)):
            rows = ((match[:tracked] < 0) & (is_confirmed[:tracked] == confirmed)).nonzero()[0]
            columns = is_free.nonzero()[0]
            if len(rows) and len(columns):
                pairs = assign(iou_distance(boxes[rows], candidates.boxes_xyxy[columns]), limit)
                settle(rows[pairs[0]], columns[pairs[1]])
        return match

    def _correct(self, match: IndexArray, candidates: Candidates) -> None:
        """Take over the matched candidates into their tracks."""
        table, smoothing = self._table, self._config.smoothing
        rows = (match >= 0).nonzero()[0]
        found = candidates.records[match[rows]]
        table["mean"][rows], table["covariance"][rows] = kalman.update(
            table["mean"][rows], table["covariance"][rows], found["mean"][:, :4]
        )
        if self._width:
            smoothed = smoothing * table["embedding"][rows] + (1 - smoothing) * found["embedding"]
            smoothed /= np.sqrt(np.einsum("md,md->m", smoothed, smoothed))[:, None]
            table["embedding"][rows] = smoothed
        table["class_id"][rows] = found["class_id"]
        # Found again, a track keeps its old score for that frame, as in the published code.
        stayed = rows < self._tracked
        table["score"][rows[stayed]] = found["score"][stayed]
        table["last_frame"][rows] = self._frame
        table["is_confirmed"][rows] = True

    def _relist(self, match: IndexArray, candidates: Candidates) -> None:
        """Start tracks, move tracks between the lists, remove what is over."""
        table, tracked = self._table, self._tracked
        is_free = np.ones(len(candidates.records), dtype=bool)
        is_free[match[match >= 0]] = False
        started = candidates.records[is_free]
        started["identity"] = self._identities + 1 + np.arange(len(started))
        started["first_frame"] = started["last_frame"] = self._frame
        started["is_confirmed"] = self._frame == 1
        self._identities += len(started)

        is_missed = match < 0
        waiting = tracked + is_missed[tracked:].nonzero()[0]
        newly_lost = (is_missed & table["is_confirmed"])[:tracked].nonzero()[0]
        lost = np.concatenate([waiting, newly_lost])
        lost = lost[~table["is_condemned"][lost]]
        # Removal is noted now and carried out when the list is made the next time, one frame late. Hence also a
        # track found again in between is dropped as soon as it is lost again.
        over = waiting[self._frame - table["last_frame"][waiting] > self._buffer_frames]
        table["is_condemned"][over] = True
        self._removals += len(over) + int(np.count_nonzero(is_missed[:tracked])) - len(newly_lost)

        stayed = (~is_missed[:tracked]).nonzero()[0]
        new = np.arange(len(table), len(table) + len(started))
        found_again = tracked + (~is_missed[tracked:]).nonzero()[0]
        order = np.concatenate([stayed, new, found_again, lost])
        self._table = tables_joined(table, started)[order]
        self._tracked = len(order) - len(lost)

    def _drop_duplicates(self) -> NDArray[np.float64]:
        """Drop tracks that are another one's duplicate; return the boxes tlwh [M, 4] of what stays."""
        table, tracked = self._table, self._tracked
        boxes = boxes_tlwh(table)
        if tracked == len(table):
            return boxes
        stays = unique_tracks(table, tlwh_to_xyxy(boxes), tracked, self._config.duplicate_iou)
        self._table, self._tracked = table[stays], int(np.count_nonzero(stays[:tracked]))
        kept: NDArray[np.float64] = boxes[stays]
        return kept
