"""Times and indices of a stream whose time stamps are missing, leap or restart."""

import pytest

from fairmot.media.sources import stream_clock
from fairmot.media.sources.latest_queue import LatestQueue


@pytest.fixture
def clock(monkeypatch):
    """A clock of 10 frames/s, and a function that lets time pass and hands it a stamp."""
    now = [100.0]
    monkeypatch.setattr(stream_clock.time, "monotonic", lambda: now[0])
    made = stream_clock.StreamClock(10)
    made.connected()

    def after(seconds, stamp):
        now[0] += seconds
        made.next(stamp)
        return made.index, pytest.approx(made.seconds)

    after.clock = made
    return after


def test_stamps_are_counted_from_the_first(clock):
    assert [clock(5, 7.0), clock(5, 7.1), clock(0, 7.2)] == [(0, 0), (1, 0.1), (2, 0.2)]


def test_without_stamps_the_arrival_counts(clock):
    assert [clock(3, None), clock(0.1, None), clock(0.5, None)] == [(0, 0), (1, 0.1), (2, 0.6)]


def test_a_gap_in_the_stamps_is_a_gap_of_indices(clock):
    assert [clock(0, 1.0), clock(0, 1.1), clock(0, 1.6)] == [(0, 0), (1, 0.1), (6, 0.6)]


@pytest.mark.parametrize("stamp", [0.0, 90.0])
def test_stamps_that_leap_begin_anew(clock, stamp):
    assert [clock(0, 50.0), clock(0.1, 50.1), clock(0.1, stamp), clock(0.1, stamp + 0.1)] == [
        (0, 0),
        (1, 0.1),
        (2, 0.2),
        (3, 0.3),
    ]


def test_a_new_connection_goes_on_by_the_clock(clock):
    clock(0, 50.0)
    clock.clock.connected()
    assert [clock(2, 3.0), clock(0.1, 3.1)] == [(20, 2.0), (21, 2.1)]


def test_a_queue_that_drops_and_one_that_waits():
    dropping, waiting = LatestQueue(2, drops=True), LatestQueue(2, drops=False)
    for item in range(5):
        dropping.put(item)
    dropping.close()
    assert [dropping.get(), dropping.get(), dropping.get(), dropping.dropped_count] == [3, 4, None, 3]
    waiting.put(0)
    waiting.put(1)
    waiting.close()
    waiting.put(2)  # neither waits for ever nor is kept
    assert [waiting.get(), waiting.get(), waiting.get(), waiting.dropped_count] == [0, 1, None, 0]
