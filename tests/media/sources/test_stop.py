"""The first request counts, and readers are stopped whether they are known before or after it."""

import pytest

from fairmot.media.sources.stop import Stop


class Reader:
    def __init__(self):
        self.stopped = 0

    def stop(self):
        self.stopped += 1


def test_readers_are_stopped_once():
    stop, readers = Stop(), [Reader(), Reader()]
    stop.reach(readers)
    assert [reader.stopped for reader in readers] == [0, 0]
    assert (stop.is_set, stop.reason) == (False, None)
    stop.set("enough")
    stop.set("other")
    assert [reader.stopped for reader in readers] == [1, 1]
    assert (stop.is_set, stop.reason) == (True, "enough")


@pytest.mark.parametrize("reason", [None, "enough"])
def test_readers_that_are_opened_too_late_are_stopped_at_once(reason):
    stop, reader = Stop(), Reader()
    stop.set(reason)
    stop.reach(iter([reader]))
    assert (reader.stopped, stop.reason) == (1, reason)
