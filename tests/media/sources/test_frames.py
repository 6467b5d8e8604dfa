import threading
import time

import numpy as np
import pytest

from fairmot.media.sources.frames import read_frames
from fairmot.media.sources.prefetch import prefetch
from fairmot.media.sources.reader import FrameReader

pytestmark = pytest.mark.usefixtures("no_new_threads")


def decoding_threads():
    return [thread for thread in threading.enumerate() if thread.name == "fairmot-prefetch"]


@pytest.fixture
def video(tmp_path, rendered):
    return rendered.encode(tmp_path / "a.mp4", 60)


def test_leaving_a_loop_early_ends_the_thread(video):
    frames = read_frames(video)
    for frame in frames:
        assert decoding_threads()
        if frame.index == 2:
            break
    del frame
    assert decoding_threads() == []
    # The reader is as good as new.
    assert len(list(frames)) == 60


def test_an_error_in_the_loop_ends_the_thread(video):
    def fail():
        for frame in read_frames(video):
            raise RuntimeError(f"frame {frame.index}")

    with pytest.raises(RuntimeError, match="frame 0"):
        fail()
    assert decoding_threads() == []


def test_closing_ends_an_iterator_that_is_kept(video):
    with read_frames(video) as frames:
        kept = iter(frames)
        assert next(kept).index == 0
        assert len(decoding_threads()) == 1
    assert decoding_threads() == []
    assert list(kept) == []


def test_a_second_pass_ends_the_first(video):
    frames = read_frames(video)
    first, second = iter(frames), None
    assert next(first).index == 0
    second = iter(frames)
    assert next(second).index == 0
    assert len(decoding_threads()) == 1
    assert list(first) == []
    frames.close()


def test_decoding_runs_ahead_by_a_bounded_number_of_frames(video):
    frames = read_frames(video)
    decoded = []
    source = frames._source

    class Counting:
        def __getattr__(self, name):
            return getattr(source, name)

        def frames(self, selected):
            for frame in source.frames(selected):
                decoded.append(frame.index)
                yield frame

    reader = iter(FrameReader(Counting(), range(60)))
    next(reader)
    deadline = time.monotonic() + 10
    while len(decoded) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    # One is used, four wait, one is ready to be queued.
    assert len(decoded) == 6
    reader.close()


def test_preparing_is_done_in_the_thread_that_decodes_ahead(video):
    frames = read_frames(video)
    threads = []

    def prepare(image):
        threads.append(threading.current_thread().name)
        time.sleep(0.001)
        return image.sum()

    frames.prepare_with(prepare)
    for frame in frames:
        assert frame.prepared == frame.image.sum()
        # One is used, four wait, one is ready to be queued: what is prepared is bounded too.
        assert len(threads) <= frame.index + 6
    assert threads == ["fairmot-prefetch"] * 60
    assert 0.06 < frames.prepare_seconds < 60 * 0.05
    frames.prepare_with(None)
    assert next(iter(frames)).prepared is None


def test_a_decoded_frame_may_be_prepared_without_its_image(video):
    frames = read_frames(video)
    frames.prepare_with(lambda image: "image", lambda size, scale: (size, scale((40, 30)).shape))
    assert {frame.prepared for frame in frames} == {(frames.size, (30, 40, 3))}
    frames.prepare_with(lambda image: "image", lambda size, scale: None)
    assert {frame.prepared for frame in frames} == {"image"}
    assert next(iter(frames)).decoded is None  # the decoder has its buffer back


def test_pixels_that_nobody_needs_are_not_converted(video, monkeypatch):
    from fairmot.media.sources import pixels

    frames = read_frames(video)
    expected = [frame.image for frame in frames]
    converted = []
    original = pixels.upright
    monkeypatch.setattr(pixels, "upright", lambda frame: converted.append(frame) or original(frame))
    frames.prepare_with(lambda image: "image", lambda size, scale: scale((40, 30)).shape, needs_images=False)
    seen = list(frames)
    assert {frame.prepared for frame in seen} == {(30, 40, 3)}
    assert all(frame.image.size == 0 for frame in seen)
    assert converted == []
    # A frame that cannot be prepared as it was decoded has its image, and so have all for a loop that needs them.
    for prepare_decoded, needed in ((lambda size, scale: None, False), (lambda size, scale: "canvas", True)):
        frames.prepare_with(lambda image: image.sum(), prepare_decoded, needs_images=needed)
        assert all(np.array_equal(frame.image, image) for frame, image in zip(frames, expected, strict=True))
    assert len(converted) == 2 * len(expected)


def test_an_error_while_preparing_comes_to_the_loop(video):
    frames = read_frames(video)
    seen = []

    def prepare(image):
        if len(seen) > 3:
            raise ValueError("no canvas")
        return len(seen)

    frames.prepare_with(prepare)

    def loop():
        for frame in frames:
            seen.append(frame.index)

    with pytest.raises(ValueError, match="no canvas"):
        loop()
    assert seen == list(range(len(seen)))
    assert decoding_threads() == []


def test_producing_and_using_overlap():
    second_begun = threading.Event()

    def items():
        yield 1
        second_begun.set()
        yield 2

    for item in prefetch(items(), 2):
        # The next item is made while this one is in use.
        assert second_begun.wait(10), item


def test_an_error_comes_after_the_items_before_it_and_the_items_are_closed():
    closed = []

    def failing():
        try:
            yield 1
            yield 2
            raise ValueError("three")
        finally:
            closed.append(threading.current_thread().name)

    seen = []
    with pytest.raises(ValueError, match="three"):
        seen.extend(prefetch(failing(), 4))
    assert seen == [1, 2]
    assert closed == ["fairmot-prefetch"]


def test_busy_time_is_measured(video):
    frames = read_frames(video)
    for _ in frames:
        time.sleep(0.002)
    assert 0 < frames.busy_seconds < 60 * 0.05
