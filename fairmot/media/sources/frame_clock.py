"""The tracker's clock: frame indices that follow time stamps."""

from __future__ import annotations


class FrameClock:
    """Turns time stamps into the tracker's frame indices, so that a gap in time is a gap for the tracker.

    At a constant rate these are the frames' own indices. Where the rate varies, a frame that comes a second late counts
    as a second of frames; frames that come fast count one each.

    Args:
        frame_rate: mean frames/s of the source.
        every: step from one frame to the next.
    """

    def __init__(self, frame_rate: float, every: int = 1) -> None:
        self._rate = frame_rate / every
        self._every = every
        self._last: tuple[int, float] | None = None

    def index(self, frame_index: int, seconds: float) -> int:
        """Return the tracker's index of the source's next frame, which came at this time; it exceeds the last one."""
        if self._last is None:
            index = frame_index // self._every
        else:
            index = self._last[0] + max(1, round((seconds - self._last[1]) * self._rate))
        self._last = (index, seconds)
        return index
