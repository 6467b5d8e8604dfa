"""Frames of several sources at the same time."""

import errno
import time

import pytest

from fairmot.media.sources.frames import read_frames
from fairmot.media.sources.merge import merged
from fairmot.media.sources.video import VideoSource


@pytest.fixture
def readers(rendered, tmp_path):
    return [read_frames(rendered.encode(tmp_path / f"{count}.mp4", count)) for count in (5, 20, 12)]


def test_every_frame_of_each_source_in_order(readers, rendered, no_new_threads):
    seen = [[], [], []]
    for batch in merged(readers):
        places = [place for place, _ in batch]
        assert len(places) == len(set(places)) > 0
        for place, frame in batch:
            seen[place].append(rendered.number(frame.image))
        time.sleep(0.01)  # so that others fill the queue: batches become large
    assert seen == [list(range(5)), list(range(20)), list(range(12))]


def test_sources_that_wait_come_in_one_batch(readers):
    batches = merged(readers)
    sizes = [len(next(batches))]
    time.sleep(2)  # then a source that opens slowly has a frame ready too
    sizes += [len(batch) for batch in batches]
    assert sizes[1] == 3
    assert sum(sizes) == 37


def test_leaving_early_ends_all_threads(readers, no_new_threads):
    batches = merged(readers)
    next(batches)
    batches.close()


def test_a_source_that_fails_ends_alone(readers, monkeypatch, no_new_threads):
    whole = VideoSource.frames

    def failing(self, selected):
        for frame in whole(self, selected):
            if self.frame_count == 20 and frame.index == 3:
                raise OSError(errno.EIO, "Input/output error")
            yield frame

    monkeypatch.setattr(VideoSource, "frames", failing)
    found = [item for batch in merged(readers) for item in batch]
    counts = [sum(place == source and not isinstance(frame, OSError) for place, frame in found) for source in range(3)]
    assert counts == [5, 3, 12]
    assert [place for place, item in found if isinstance(item, OSError)] == [1]
