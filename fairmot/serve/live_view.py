"""The live view of a running job: the drawn frames made small, more often while the view is watched."""

from __future__ import annotations

import time

import cv2

from fairmot.geometry import ImageArray
from fairmot.serve.hub import Hub

_LONGEST_SIDE_PX = 960
_WATCHED_SECONDS = 1 / 15
_UNWATCHED_SECONDS = 1.0  # so that a new watcher sees a frame at once
_QUALITY = 80


class LiveView:
    """The latest drawn frame of one job as JPEG, and as its poster the one with most people.

    It shows what the video shows: people are blurred, lines and zones counted there.

    Args:
        hub: rung for every new frame.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.watcher_count = 0
        self.image: bytes | None = None
        self.poster: bytes | None = None
        self._most = -1
        self._shown: ImageArray | None = None
        self._made_at = -1e9

    def offer(self, drawn: ImageArray | None, people: int) -> None:
        """Take the frame that was drawn last, BGR, if a new one is due; ``people`` is how many were tracked."""
        now = time.monotonic()
        due = now - self._made_at >= (_WATCHED_SECONDS if self.watcher_count else _UNWATCHED_SECONDS)
        if drawn is None or drawn is self._shown or not (due or self.poster is None):
            return
        self._made_at, self._shown = now, drawn
        self.image = small_jpeg(drawn)
        if people > self._most:
            self._most, self.poster = people, self.image
        self.hub.ring()


def small_jpeg(image: ImageArray) -> bytes:
    """Return a BGR image as JPEG of at most 960 pixels a side."""
    height, width = image.shape[:2]
    scale = min(1.0, _LONGEST_SIDE_PX / max(width, height))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
