"""Gaps and bursts in the time stamps, as the tracker sees them."""

import pytest

from fairmot.media.sources.frame_clock import FrameClock


@pytest.mark.parametrize(
    ("seconds", "every", "expected"),
    [
        ([0, 0.04, 0.08, 0.12], 1, [0, 1, 2, 3]),
        ([0, 0.041, 0.079, 0.121], 1, [0, 1, 2, 3]),  # containers round
        ([0, 0.04, 0.44, 0.48], 1, [0, 1, 11, 12]),  # a gap
        ([0, 0.01, 0.02, 0.03], 1, [0, 1, 2, 3]),  # a burst
        ([0, 0.08, 0.24], 2, [0, 1, 3]),
        ([0, 0, 0], 1, [0, 1, 2]),
    ],
)
def test_time_stamps_drive_the_tracker(seconds, every, expected):
    clock = FrameClock(25, every)
    assert [clock.index(index * every, at) for index, at in enumerate(seconds)] == expected
