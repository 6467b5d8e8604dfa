"""Index and time of a stream's frames, even where its time stamps restart or are missing."""

from __future__ import annotations

import time

# Time stamps that leap further than this, or back, have restarted (a camera was restarted, a counter overflowed).
_LEAP_SECONDS = 10.0


class StreamClock:
    """Counts the frames of a stream and computes their times, across reconnections.

    Args:
        frame_rate: frames/s that the stream states.

    Attributes:
        count: frames received.
        index: index of the last one, from 0; frames lost in a break are counted.
        seconds: time of the last frame after the first.
    """

    def __init__(self, frame_rate: float) -> None:
        self.count = 0
        self.index = -1
        self.seconds = 0.0
        self._rate = frame_rate
        self._started = time.monotonic()
        self._origin: float | None = None  # subtracted from each time stamp; None: the next one sets it

    def connected(self) -> None:
        """Note a new connection, whose time stamps start afresh."""
        self._origin = None

    def next(self, stamp: float | None) -> None:
        """Take the next frame, with its time stamp where it has one."""
        now = time.monotonic() - self._started
        if self.count == 0:
            self._started, now = time.monotonic(), 0.0
        last = self.seconds
        leaps = self._origin is not None and stamp is not None and not 0 <= stamp - self._origin - last < _LEAP_SECONDS
        if stamp is None:
            self.seconds = now
        elif self._origin is None or leaps:
            self.seconds = max(last, now) if self.count else 0.0
            self._origin = stamp - self.seconds
        else:
            self.seconds = stamp - self._origin
        begins_again = self.count > 0 and stamp is not None and self.seconds - last > 1.5 / self._rate
        missed = round((self.seconds - last) * self._rate) - 1 if begins_again else 0
        self.index += 1 + max(0, missed)
        self.count += 1
