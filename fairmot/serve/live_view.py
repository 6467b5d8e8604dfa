"""The live view of a running job: small frames with drawn tracks, drawn more often while the view is watched."""

from __future__ import annotations

import time
from dataclasses import replace

import cv2

from fairmot.detections import Tracks
from fairmot.geometry import ImageArray
from fairmot.media.outputs.drawing import Annotator
from fairmot.media.sources.frame import Frame
from fairmot.serve.hub import Hub

_LONGEST_SIDE_PX = 960
_WATCHED_SECONDS = 1 / 15
_UNWATCHED_SECONDS = 1.0  # so that a new watcher sees a frame at once
_QUALITY = 80


class LiveView:
    """The latest drawn frame of one job as JPEG, and as its poster the one with most people.

    Args:
        size: width and height of the source's frames, pixels.
        hub: rung for every new frame.
    """

    def __init__(self, size: tuple[int, int], hub: Hub) -> None:
        self.hub = hub
        self.watcher_count = 0
        self.image: bytes | None = None
        self.poster: bytes | None = None
        self._scale = min(1.0, _LONGEST_SIDE_PX / max(size))
        self._size = (max(1, round(size[0] * self._scale)), max(1, round(size[1] * self._scale)))
        # Without trails, which would need every frame.
        self._annotator = Annotator(self._size, trail_seconds=0)
        self._most = -1
        self._drawn_at = -1e9

    def offer(self, frame: Frame, tracks: Tracks) -> None:
        """Draw the frame, if a new one is due."""
        now = time.monotonic()
        if now - self._drawn_at < (_WATCHED_SECONDS if self.watcher_count else _UNWATCHED_SECONDS):
            return
        self._drawn_at = now
        image: ImageArray = frame.image
        if self._scale < 1:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        drawn = self._annotator.draw(image, replace(tracks, boxes_xyxy=tracks.boxes_xyxy * self._scale))
        encoded, data = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not encoded:
            return
        self.image = data.tobytes()
        if len(tracks) > self._most:
            self._most, self.poster = len(tracks), self.image
        self.hub.ring()
