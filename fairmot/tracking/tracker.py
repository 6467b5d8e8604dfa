"""The tracker: detections of one frame after the other in, boxes with identities out.

Behaves exactly as the published FairMOT tracker (Zhang et al., "FairMOT: On the Fairness of Detection and
Re-Identification in Multiple Object Tracking", 2021), its odd corners included. Where it does not, a comment begins
``DEVIATION:``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks
from fairmot.geometry import ImageArray, cxcyah_to_tlwh, tlwh_to_xyxy
from fairmot.tracking import kalman
from fairmot.tracking.association import IndexArray, assign, cosine_distance, fuse_motion, iou_distance
from fairmot.tracking.table import Candidates, TrackTable, candidates_of, embedding_width, table_type

HEIGHT_VELOCITY = 7
"""Where a mean [8] holds the velocity of the height."""


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
        tracks, kept, _ = self._step(detections, image, frame_index)
        return Tracks(tracks.ids[kept], tracks.boxes_xyxy[kept], tracks.scores[kept], tracks.class_ids[kept])

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

        match = self._associate(candidates, elapsed)
        self._correct(match, candidates)
        self._relist(match, candidates)
        boxes_tlwh = self._drop_duplicates()

        confirmed = np.flatnonzero(self._table["is_confirmed"][: self._tracked])
        seen, boxes_tlwh = self._table[confirmed], boxes_tlwh[confirmed]
        width_px, height_px = boxes_tlwh[:, 2], boxes_tlwh[:, 3]
        small = width_px * height_px <= self._config.min_box_area_px
        kept = ~(small | (width_px / height_px > self._config.max_aspect))
        tracks = Tracks(
            seen["identity"].copy(), tlwh_to_xyxy(boxes_tlwh), seen["score"].copy(), seen["class_id"].copy()
        )
        counts = FrameCounts(
            len(detections),
            len(candidates.records),
            self._tracked,
            len(confirmed),
            len(self._table) - self._tracked,
            self._removals,
            self._identities,
        )
        return FrameReport(tracks, kept, counts)

    def _next_index(self, image: ImageArray | None, frame_index: int | None) -> int:
        if image is not None and self._image_size is not None and image.shape[1::-1] != self._image_size:
            raise ValueError(
                f"picture of {image.shape[1]} x {image.shape[0]}, expected {self._image_size[0]} x {self._image_size[1]}"
            )
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

    def _associate(self, candidates: Candidates, elapsed: int) -> IndexArray:
        """Predict, and return the candidate that each track [M] is matched with, or -1."""
        config, table = self._config, self._table
        is_confirmed = table["is_confirmed"][: self._tracked]
        confirmed, unconfirmed = np.flatnonzero(is_confirmed), np.flatnonzero(~is_confirmed)
        pool = np.concatenate([confirmed, np.arange(self._tracked, len(table))])
        table["mean"][self._tracked :, HEIGHT_VELOCITY] = 0
        mean, covariance = table["mean"][pool], table["covariance"][pool]
        for _ in range(elapsed):
            mean, covariance = kalman.predict(mean, covariance)
        table["mean"][pool], table["covariance"][pool] = mean, covariance

        match = np.full(len(table), -1)
        free = np.arange(len(candidates.records))
        boxes = _boxes_xyxy(table)

        def match_rows(rows: IndexArray, cost: NDArray[np.float64], limit: float) -> None:
            nonlocal free
            matched, columns = assign(cost, limit)
            match[rows[matched]] = free[columns]
            free = np.delete(free, columns)

        match_rows(pool, self._first_cost(table[pool], boxes[pool], candidates), config.appearance_limit)
        missed = confirmed[match[confirmed] < 0]
        match_rows(missed, iou_distance(boxes[missed], candidates.boxes_xyxy[free]), config.iou_limit)
        cost = iou_distance(boxes[unconfirmed], candidates.boxes_xyxy[free])
        match_rows(unconfirmed, cost, config.unconfirmed_iou_limit)
        return match

    def _first_cost(
        self, tracks: TrackTable, boxes_xyxy: NDArray[np.float64], candidates: Candidates
    ) -> NDArray[np.float64]:
        """Return the cost of step 1, tracks by candidates; infinite where the motion says no."""
        found = candidates.records
        rows, columns, squared_distance = kalman.gated_pairs(
            tracks["mean"], tracks["covariance"], found["mean"][:, :4], self._config.gate
        )
        if self._width:
            distance = cosine_distance(tracks["embedding"], found["embedding"])
        else:
            distance = iou_distance(boxes_xyxy, candidates.boxes_xyxy)
        cost = np.full(distance.shape, np.inf)
        cost[rows, columns] = fuse_motion(distance[rows, columns], squared_distance, self._config.motion_weight)
        return cost

    def _correct(self, match: IndexArray, candidates: Candidates) -> None:
        """Take over the matched candidates into their tracks."""
        table = self._table
        rows = np.flatnonzero(match >= 0)
        found = candidates.records[match[rows]]
        table["mean"][rows], table["covariance"][rows] = kalman.update(
            table["mean"][rows], table["covariance"][rows], found["mean"][:, :4]
        )
        smoothed = self._config.smoothing * table["embedding"][rows]
        smoothed += (1 - self._config.smoothing) * found["embedding"]
        smoothed /= np.sqrt(np.einsum("md,md->m", smoothed, smoothed))[:, None] if self._width else 1
        table["embedding"][rows] = smoothed
        table["class_id"][rows] = found["class_id"]
        # Found again, a track keeps its old score for one frame, as in the published code.
        stayed = rows < self._tracked
        table["score"][rows[stayed]] = found["score"][stayed]
        table["last_frame"][rows] = self._frame
        table["is_confirmed"][rows] = True

    def _relist(self, match: IndexArray, candidates: Candidates) -> None:
        """Start tracks, move tracks between the lists, remove what is over."""
        table = self._table
        is_free = np.ones(len(candidates.records), dtype=bool)
        is_free[match[match >= 0]] = False
        started = candidates.records[is_free]
        started["identity"] = self._identities + 1 + np.arange(len(started))
        started["first_frame"] = started["last_frame"] = self._frame
        started["is_confirmed"] = self._frame == 1
        self._identities += len(started)

        is_matched = match >= 0
        is_lost = np.arange(len(table)) >= self._tracked
        waiting = np.flatnonzero(is_lost & ~is_matched)
        newly_lost = np.flatnonzero(~is_lost & ~is_matched & table["is_confirmed"])
        lost = np.concatenate([waiting, newly_lost])
        lost = lost[~table["is_condemned"][lost]]
        # Removal is noted now and carried out when the list is made the next time, one frame late. Hence also a
        # track found again in between is dropped as soon as it is lost again.
        over = waiting[self._frame - table["last_frame"][waiting] > self._buffer_frames]
        table["is_condemned"][over] = True
        self._removals += len(over) + int(np.count_nonzero(~is_lost & ~is_matched & ~table["is_confirmed"]))

        new = np.arange(len(table), len(table) + len(started))
        tracked = np.concatenate([np.flatnonzero(~is_lost & is_matched), new, np.flatnonzero(is_lost & is_matched)])
        self._table = np.concatenate([table, started])[np.concatenate([tracked, lost])]
        self._tracked = len(tracked)

    def _drop_duplicates(self) -> NDArray[np.float64]:
        """Of a tracked and a lost track on one spot drop the younger; return the boxes [M, 4] of what stays."""
        table, tracked = self._table, self._tracked
        boxes_tlwh = cxcyah_to_tlwh(table["mean"][:, :4])
        boxes = tlwh_to_xyxy(boxes_tlwh)
        first, second = np.nonzero(iou_distance(boxes[:tracked], boxes[tracked:]) < self._config.duplicate_iou)
        if len(first) == 0:
            return boxes_tlwh
        age = table["last_frame"] - table["first_frame"]
        second = second + tracked
        tracked_stays = age[first] > age[second]
        keep = np.ones(len(table), dtype=bool)
        keep[np.where(tracked_stays, second, first)] = False
        self._table, self._tracked = table[keep], int(np.count_nonzero(keep[:tracked]))
        return boxes_tlwh[keep]


def _boxes_xyxy(table: TrackTable) -> NDArray[np.float64]:
    boxes: NDArray[np.float64] = tlwh_to_xyxy(cxcyah_to_tlwh(table["mean"][:, :4]))
    return boxes
