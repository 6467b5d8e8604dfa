"""Times of a file's frames that always rise, whatever its container says."""

from __future__ import annotations

# Joined transport streams begin anew at any time; a longer gap in one is such a join and no pause.
_LONGEST_GAP_SECONDS = 10.0
# A single wrong time stamp is followed by right ones, which continue the old series within this many frames.
_GLITCH_FRAMES = 3


class FrameTimes:
    """Computes the time of each frame after the first one, in the order in which frames are shown.

    Time stamps of presentation count, or those of decoding where the former were wrong more often, as FFmpeg chooses
    its best effort (``guess_correct_pts``), and always in AVI, which has no others. Where they leap back, or far ahead
    in a transport stream, a recorder has joined segments: the frame follows the one before it. Frames without a time
    stamp follow at the frame rate.

    Args:
        frame_rate: frames/s.
        by_decoding: the container states the order of decoding alone (AVI).
        is_stream: the container may begin anew (transport and program streams).
    """

    def __init__(self, frame_rate: float, by_decoding: bool = False, is_stream: bool = False) -> None:
        self.joins = 0
        """How often the time stamps began anew."""
        self._step = 1 / frame_rate
        self._by_decoding = by_decoding
        self._is_stream = is_stream
        self._seconds: float | None = None
        self._origin = 0.0
        self._left: float | None = None  # the origin before the last leap
        self._since_leap = 0
        self._last_pts: float | None = None
        self._last_dts: float | None = None
        self._faults = [0, 0]

    def next(self, pts: float | None, dts: float | None, duration: float = 0.0) -> float:
        """Take the next frame; return its time after the first one, above that of the frame before it.

        Args:
            pts: its presentation time stamp, seconds; None: it has none.
            dts: the decoding time stamp with which it came out of the decoder, seconds; None: it has none.
            duration: how long it is shown, seconds; 0: not known.
        """
        stamp = self._best(pts, dts)
        last = self._seconds
        if last is None:
            seconds = 0.0
            self._origin = stamp or 0.0
        elif stamp is None:
            seconds = last + self._step
        else:
            seconds = self._follow(stamp, last)
        if duration and not self._by_decoding:
            self._step = duration
        self._seconds = seconds
        return seconds

    def _follow(self, stamp: float, last: float) -> float:
        self._since_leap += 1
        if self._left is not None and self._since_leap <= _GLITCH_FRAMES:
            back = stamp - self._left
            if last < back <= last + 2 * _GLITCH_FRAMES * self._step:
                self._origin, self._left = self._left, None
                self.joins -= 1
                return back
        seconds = stamp - self._origin
        ahead = seconds - last
        if ahead <= 0 or (self._is_stream and ahead > _LONGEST_GAP_SECONDS):
            self._left, self._since_leap = self._origin, 0
            self.joins += 1
            seconds = last + self._step
            self._origin = stamp - seconds
        return seconds

    def _best(self, pts: float | None, dts: float | None) -> float | None:
        if self._by_decoding:
            return dts
        if dts is not None:
            self._faults[1] += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faults[0] += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        if pts is not None and (dts is None or self._faults[0] <= self._faults[1]):
            return pts
        return dts
