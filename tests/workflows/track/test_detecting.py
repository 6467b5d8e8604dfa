"""Several frames at a time: the same results in the same order, from as many threads as the detector asks for."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
from walkers import COUNT, film, find_bright, read_rows

from fairmot.media.sources.reader import FrameReader
from fairmot.workflows.track.track import Stop, track

pytestmark = pytest.mark.usefixtures("elsewhere", "no_new_threads")


class TwoAtOnce:
    """``find_bright`` whose calls wait until two of them run; a late one holds up nobody."""

    at_once = 2

    def __init__(self):
        self.together = threading.Barrier(2)
        self.threads = set()

    def __call__(self, image):
        raise AssertionError("called alone")

    def beside_others(self, image):
        self.threads.add(threading.get_ident())
        self.together.wait(20)
        return find_bright(image)


def test_two_frames_are_detected_at_the_same_time_and_tracked_in_their_order(tmp_path):
    clip = film(tmp_path / "street.mp4")
    (expected,) = track(clip, find_bright, output=tmp_path / "alone", video=False)
    assert COUNT % 2 == 0
    detector, seen = TwoAtOnce(), []
    (run,) = track(
        clip, detector, output=tmp_path / "both", video=False, observe=lambda _, index, __: seen.append(index)
    )
    assert len(detector.threads) == 2
    assert threading.get_ident() not in detector.threads
    assert seen == list(range(COUNT))
    assert run.text.read_bytes() == expected.text.read_bytes()
    # The twin: rows of frames that change places differ.
    assert not np.array_equal(read_rows(run.text), read_rows(run.text)[::-1])


def test_opencv_has_its_threads_back_after_two_runs_that_overlap(tmp_path):
    clip = film(tmp_path / "street.mp4")
    first_began, second_began, first_ended = (threading.Event() for _ in range(3))
    seen = []

    def first(_, index, __):
        first_began.set()
        assert second_began.wait(60)

    def second(_, index, __):
        second_began.set()
        assert first_ended.wait(60)
        seen.append(cv2.getNumThreads())

    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(track, clip, TwoAtOnce(), output=tmp_path / "1", video=False, observe=first)]
            assert first_began.wait(60)
            runs.append(pool.submit(track, clip, TwoAtOnce(), output=tmp_path / "2", video=False, observe=second))
            runs[0].result()
            first_ended.set()
            runs[1].result()
        assert seen == [1] * COUNT  # the run that still goes on keeps its setting
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_what_came_before_a_failed_read_is_tracked(tmp_path, monkeypatch):
    clip = film(tmp_path / "street.mp4")
    whole = FrameReader._next

    def failing(self, frames):
        frame = whole(self, frames)
        if frame is not None and frame.index == 6:
            raise_from_reading()
        return frame

    def raise_from_reading():
        from fairmot.errors import InputError

        raise InputError("street.mp4: reading stopped (unplugged)")

    monkeypatch.setattr(FrameReader, "_next", failing)
    (run,) = track(clip, TwoAtOnce(), output=tmp_path / "out", video=False)
    assert (run.frame_count, run.problem) == (
        6,
        "street.mp4: reading stopped (unplugged); what came before was tracked",
    )


def test_an_error_of_the_detector_is_raised_and_leaves_no_thread(tmp_path):
    class Broken(TwoAtOnce):
        def beside_others(self, image):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        track(film(tmp_path / "street.mp4"), Broken(), output=tmp_path / "out", video=False)


def test_a_stop_ends_it_although_frames_are_under_way(tmp_path):
    stop, detector = Stop(), TwoAtOnce()
    detector.together = threading.Barrier(1)

    def watch(run, frame, tracks):
        if frame.index == 3:
            stop.set()

    (run,) = track(
        film(tmp_path / "street.mp4"), detector, output=tmp_path / "out", video=False, watch=watch, stop=stop
    )
    assert (run.frame_count, run.interrupted) == (4, True)


def test_the_frames_of_one_image_are_not_worth_threads(tmp_path):
    class One(TwoAtOnce):
        def __call__(self, image):
            return find_bright(image)

    (run,) = track(film(tmp_path / "street.mp4"), One(), output=tmp_path / "out", video=False, end=2)
    assert run.frame_count == 2
    assert replace(run.milliseconds, detect=0.0) != run.milliseconds
