"""The tracker: takes the detections of one frame after the other, returns boxes with identities.

By default it behaves exactly like the published FairMOT tracker (Zhang et al., "FairMOT: On the Fairness of Detection
and Re-Identification in Multiple Object Tracking", 2021), odd cases included. A comment that begins with ``DEVIATION:``
marks each exception. Later methods are options of ``TrackerConfig``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks, as_detections, with_tracker_ids
from fairmot.errors import InputError
from fairmot.geometry import ImageArray
from fairmot.tracking import kalman
from fairmot.tracking.association import IndexArray, unique_tracks
from fairmot.tracking.camera_motion import CameraMotion, move_tracks
from fairmot.tracking.correction import correct
from fairmot.tracking.frame_input import common_width, image_size, next_index
from fairmot.tracking.gallery import Archive
from fairmot.tracking.matching import associate
from fairmot.tracking.record import Event, TrackerRecord
from fairmot.tracking.report import FrameCounts, FrameReport, report_of
from fairmot.tracking.states import predict, start
from fairmot.tracking.table import (
    Candidates,
    TrackTable,
    boxes_tlwh,
    candidates_of,
    corners,
    table_type_for,
    tables_joined,
)

if TYPE_CHECKING:
    import supervision


class Tracker:
    """Tracks the objects of one video.

    Trackers share no state; identities count from 1 in each.

    Args:
        config: parameters; the defaults are those of the published tracker.
        frame_rate: frames per second of the video. A lost track is kept for B + 1 frames,
            B = ``int(frame_rate / 30 * config.track_buffer_frames)``.
        image_size: width and height of the frames, pixels; an image given to ``update`` must have this size.
        record: records costs and matches, for ``fairmot explain``; left out: no record.

    Raises:
        InputError: ``frame_rate`` is not a positive number.
    """

    def __init__(
        self,
        config: TrackerConfig | None = None,
        frame_rate: float = 30,
        image_size: tuple[int, int] | None = None,
        record: TrackerRecord | None = None,
    ) -> None:
        if not (math.isfinite(frame_rate) and frame_rate > 0):
            raise InputError(f"frame_rate {frame_rate}: expected a positive number of frames per second")
        self._config = TrackerConfig() if config is None else config
        self._noise = kalman.Noise.of(self._config)
        # In the published order of operations, since int() truncates: another rounding error can cost a frame.
        self._buffer_frames = int(frame_rate / 30.0 * self._config.track_buffer_frames)
        self._reentry_frames = int(frame_rate / 30.0 * self._config.reentry_frames)
        rate = self._config.noise_rate
        self._frame_time = rate / frame_rate if rate else None
        self._image_size = image_size
        self._record = record
        self.reset()

    def reset(self) -> None:
        """Start a new video: the next update is the first frame, the next identity is 1."""
        self._width: int | None = None  # of the embeddings; None before the first detection
        # First the tracked tracks, then the lost ones. The order of both lists decides ties and numbering.
        self._table: TrackTable = np.empty(0, dtype=table_type_for(self._config, 0))
        self._tracked_count = 0
        self._frame = 0  # counts from 1, as the published code does
        self._frame_index = -1
        self._identities = 0
        self._removals = 0
        method = self._config.camera_motion
        self._camera = None if method == "none" else CameraMotion(method)
        self._archive = Archive(self._config, self._reentry_frames) if self._reentry_frames else None
        if self._record is not None:
            self._record.clear()

    @overload
    def update(
        self, detections: Detections, image: ImageArray | None = None, frame_index: int | None = None
    ) -> Tracks: ...

    @overload
    def update(
        self, detections: supervision.Detections, image: ImageArray | None = None, frame_index: int | None = None
    ) -> supervision.Detections: ...

    def update(
        self,
        detections: Detections | supervision.Detections,
        image: ImageArray | None = None,
        frame_index: int | None = None,
    ) -> Tracks | supervision.Detections:
        """Track the detections of the next frame.

        Args:
            detections: everything that the detector found, image pixels. Detections with a score of at most
                ``config.confidence`` take no part, except in the second pass (``config.second_pass``). All embeddings
                of a video have one width. Without embeddings the first step compares boxes by IoU.
            image: the frame's image, uint8 [H, W, 3], BGR. ``config.camera_motion`` needs it; otherwise the tracker
                reads its size alone.
            frame_index: index of the frame, for videos of which frames are skipped; it must grow. Predictions and the
                time that the tracker keeps lost tracks follow it. Left out: the frame after the last one.

        Returns:
            For ``Detections``: the confirmed tracks that were matched in this frame and pass the output filter (area
            and shape), in the tracker's own order, with the Kalman filter's boxes; ``detection_indices`` names the
            detection behind each of them. For ``supervision.Detections``: the detections behind the same tracks, with
            ``tracker_id`` set and with their own boxes, masks, scores, classes and ``data``.

        Raises:
            InputError: a box or score that is not finite, a box of negative size, an embedding without direction or of
                another width than before, an image that is missing, no image or of another size, a frame index that
                does not grow. The tracker is unchanged then.
        """
        tracks = self._step(detections, image, frame_index).filtered
        return tracks if isinstance(detections, Detections) else with_tracker_ids(detections, tracks)

    def _step(
        self,
        detections: Detections | supervision.Detections,
        image: ImageArray | None = None,
        frame_index: int | None = None,
    ) -> FrameReport:
        """Do what ``update`` does; the report also has the tracks that the output filter drops, and counts."""
        index = next_index(frame_index, self._frame_index)
        size = image_size(image, self._image_size, self._config)
        detections = as_detections(detections)
        if not self._config.appearance:
            detections = replace(detections, embeddings=None)
        width = common_width(detections, self._width)
        clip_size = size if self._config.clip_boxes else None
        candidates = candidates_of(detections, self._config, width or 0, clip_size)
        if width != self._width:
            self._width, self._table = width, np.empty(0, dtype=candidates.records.dtype)
        elapsed = index - self._frame_index if self._frame else 1
        self._frame, self._frame_index = self._frame + elapsed, index
        if self._record is not None:
            self._record.begin(index, detections)
        if elapsed > 1:
            self._skip_frames()

        # The published code does not predict unconfirmed tracks: it decides in the next frame. Where that takes longer,
        # they need their motion.
        waits = self._config.confirmation_hits > 2 or self._config.confirmation_score > 0
        predict(self._table, self._tracked_count, elapsed, self._noise, self._frame_time, waits)
        if self._camera is not None and image is not None:
            move_tracks(self._table, self._camera.measure(image, candidates.boxes_xyxy))
        matches = associate(self._table, self._tracked_count, candidates, self._config, self._noise)
        if self._record is not None:
            self._record.matched(self._table, self._tracked_count, candidates, matches, self._config, self._noise)
        was_confirmed = self._table["is_confirmed"].copy() if self._archive is not None else None
        correct(
            self._table, self._tracked_count, matches.candidates, candidates, self._frame, self._config, self._noise
        )
        if self._archive is not None and was_confirmed is not None:
            returned, born_as = self._archive.rename(self._table, was_confirmed, self._frame)
            if self._record is not None:
                self._record.event(Event.RETURNED, returned, born_as)
        self._relist(matches.candidates, candidates)
        boxes = self._drop_duplicates()

        tracked = self._table[: self._tracked_count]
        counts = FrameCounts(
            detections=len(detections),
            above_confidence=candidates.confident_count,
            tracked=self._tracked_count,
            confirmed=int(np.count_nonzero(tracked["is_confirmed"])),
            lost=len(self._table) - self._tracked_count,
            removals=self._removals,
            identities=self._identities,
        )
        return report_of(tracked, boxes[: self._tracked_count], counts, self._config)

    def _skip_frames(self) -> None:
        """Let the skipped frames pass: remove the tracks that would have expired in them.

        The published code skips no frames. A track that is lost for too long is removed as if each skipped frame had
        been without detections. A track that was matched in the last frame stays tracked.
        """
        table = self._table
        is_lost = np.arange(len(table)) >= self._tracked_count
        age = self._frame - table["last_frame"]
        stays = (age <= self._buffer_frames + 2) & ~(is_lost & table["is_condemned"])
        table["is_condemned"] |= is_lost & (age > self._buffer_frames + 1)
        self._tracked_count = int(np.count_nonzero(stays[: self._tracked_count]))
        self._remove(table[~stays], Event.EXPIRED)
        self._table = table[stays]

    def _relist(self, match: IndexArray, candidates: Candidates) -> None:
        """Start tracks, move tracks between the lists, remove expired tracks."""
        table, tracked_count = self._table, self._tracked_count
        is_free = np.ones(candidates.confident_count, dtype=bool)
        is_free[match[(match >= 0) & (match < candidates.confident_count)]] = False
        is_free &= candidates.records["score"][: candidates.confident_count] > np.float32(self._config.start_confidence)
        unclaimed = candidates.records[: candidates.confident_count][is_free]
        started = start(unclaimed, self._identities + 1, self._frame, self._config, self._noise)
        self._identities += len(started)

        is_missed = match < 0
        still_lost = tracked_count + is_missed[tracked_count:].nonzero()[0]
        newly_lost = (is_missed & table["is_confirmed"])[:tracked_count].nonzero()[0]
        lost = np.concatenate([still_lost, newly_lost])
        is_expired = table["is_condemned"][lost]
        if is_expired.any():
            self._remove(table[lost[is_expired]], Event.EXPIRED)
            lost = lost[~is_expired]
        # As in the published code, a track is marked now and removed when the list is made the next time, one frame
        # late. So a track that is found again in between is removed as soon as it is lost again.
        expiring = still_lost[self._frame - table["last_frame"][still_lost] > self._buffer_frames]
        table["is_condemned"][expiring] = True
        given_up = int(np.count_nonzero(is_missed[:tracked_count])) - len(newly_lost)
        self._removals += len(expiring) + given_up
        if self._record is not None:
            dropped = is_missed[:tracked_count] & ~table["is_confirmed"][:tracked_count]
            self._record.event(Event.GIVEN_UP, table["identity"][:tracked_count][dropped])
            self._record.event(Event.BORN, started["identity"], candidates.rows[: candidates.confident_count][is_free])

        stayed = (~is_missed[:tracked_count]).nonzero()[0]
        new = np.arange(len(table), len(table) + len(started))
        found_again = tracked_count + (~is_missed[tracked_count:]).nonzero()[0]
        order = np.concatenate([stayed, new, found_again, lost])
        self._table = tables_joined(table, started)[order]
        self._tracked_count = len(order) - len(lost)

    def _remove(self, removed: TrackTable, why: Event) -> None:
        if self._archive is not None and self._width:
            self._archive.add(removed)
        if self._record is not None:
            self._record.event(why, removed["identity"])

    def _drop_duplicates(self) -> NDArray[np.float64]:
        """Drop duplicate tracks; return the boxes tlwh [M, 4] of the others."""
        table, tracked_count = self._table, self._tracked_count
        boxes = boxes_tlwh(table)
        if tracked_count == len(table):
            return boxes
        stays, dropped, keepers = unique_tracks(table, corners(boxes), tracked_count, self._config)
        if not len(dropped):
            return boxes
        if self._record is not None:
            self._record.event(Event.DUPLICATE, table["identity"][dropped], table["identity"][keepers])
        self._table, self._tracked_count = table[stays], int(np.count_nonzero(stays[:tracked_count]))
        kept: NDArray[np.float64] = boxes[stays]
        return kept
