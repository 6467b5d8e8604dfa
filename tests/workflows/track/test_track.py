"""The workflow on rendered videos through the real codec and the real tracker; the detector finds bright people."""

import json
import re
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from walkers import COUNT, SIZE, files, film, find_bright, read_rows, street, walkers

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.media.hardware import decoding_devices
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.frames import read_frames
from fairmot.media.sources.reader import _QUEUE_FRAMES, FrameReader
from fairmot.workflows.track.track import Stop, track

pytestmark = pytest.mark.usefixtures("elsewhere", "no_new_threads")


def test_two_walkers_keep_their_identities(tmp_path):
    (run,) = track(film(tmp_path / "street.mp4"), find_bright, output=tmp_path / "out")
    assert files(tmp_path / "out") == ["run.json", "street.mp4", "street.txt"]
    rows = read_rows(run.text)
    assert (run.frame_count, run.row_count, run.identity_count) == (COUNT, len(rows), 2) == (COUNT, 2 * COUNT, 2)
    assert (run.name, run.problem, run.interrupted) == ("street", None, False)
    np.testing.assert_array_equal(rows[:, 7:], -1)
    np.testing.assert_array_equal(np.unique(rows[:, 0]), np.arange(1, COUNT + 1))
    for identity in (1, 2):
        own = rows[rows[:, 1] == identity]
        person = 0 if own[0, 3] < 100 else 1
        truth = np.array([walkers(index)[person] for index in range(COUNT)], dtype=float)
        truth[:, 2:] -= truth[:, :2]
        np.testing.assert_allclose(own[:, 2:6], truth, atol=3)
        # The twin: one pixel further right is seen.
        assert abs((own[5:, 2] - truth[5:, 0]).mean()) < 0.5
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(own[:, 2:6], truth + np.array([4, 0, 0, 0]), atol=3)


def test_the_video_shows_the_tracks(tmp_path):
    (run,) = track(film(tmp_path / "street.mp4"), find_bright, output=tmp_path / "out")
    drawn = read_frames(run.video)
    assert (drawn.size, drawn.frame_rate, drawn.frame_count) == (SIZE, 25, COUNT)
    rows = read_rows(run.text)
    for frame in drawn:
        own = rows[rows[:, 0] == frame.index + 1]
        for left, top, height in own[:, [2, 3, 5]]:
            edge = frame.image[round(top + height / 2), max(0, round(left) - 1) : round(left) + 2].astype(int)
            # The street is grey, an outline is coloured.
            assert (edge.max(axis=-1) - edge.min(axis=-1)).max() > 40
    assert frame.index == COUNT - 1


def test_every_nth_frame_keeps_the_sources_numbers_and_time(tmp_path):
    (run,) = track(film(tmp_path / "street.mp4"), find_bright, output=tmp_path / "out", start=4, end=30, every=3)
    expected = list(range(5, 31, 3))
    assert sorted(set(read_rows(run.text)[:, 0].astype(int))) == expected
    assert run.identity_count == 2
    drawn = read_frames(run.video)
    assert drawn.frame_rate == pytest.approx(25 / 3)
    np.testing.assert_allclose([frame.seconds for frame in drawn], np.arange(len(expected)) * 0.12, atol=1e-3)


@pytest.mark.parametrize(("rate", "every", "told"), [(30000 / 1001, 1, 30), (25, 1, 25), (25, 2, 12.5)])
def test_the_tracker_is_told_the_rate_it_sees(tmp_path, monkeypatch, rate, every, told):
    import fairmot.tracking.tracker as module

    made = []

    class Listening(module.Tracker):
        def __init__(self, config, frame_rate, image_size=None):
            made.append((config, frame_rate, image_size))
            super().__init__(config, frame_rate, image_size)

    monkeypatch.setattr(module, "Tracker", Listening)
    config = TrackerConfig(confidence=0.5)
    track(film(tmp_path / "a.mp4", 12, rate), find_bright, config, output=tmp_path / "out", every=every, video=False)
    assert made == [(config, told, SIZE)]


def test_folders_are_numbered_unless_overwritten(tmp_path):
    source = film(tmp_path / "street.mp4", 5)
    texts = [track(source, find_bright, video=False)[0].text for _ in range(2)]
    assert texts == [Path("runs/track/street/street.txt"), Path("runs/track/street-2/street.txt")]
    (run,) = track(source, find_bright, overwrite=True, video=False)
    assert (run.text, run.video) == (Path("runs/track/street/street.txt"), None)


def test_many_sources_share_the_output_but_no_tracker(tmp_path):
    film(tmp_path / "a.mp4", 12)
    (tmp_path / "other").mkdir()
    film(tmp_path / "other" / "a.mp4", 12)
    told = []
    runs = track(
        [tmp_path / "a.mp4", str(tmp_path / "other" / "a.mp4")],
        find_bright,
        output=tmp_path / "out",
        progress=lambda *state: told.append(state),
    )
    assert files(tmp_path / "out") == ["a-2.mp4", "a-2.txt", "a.mp4", "a.txt", "run.json"]
    assert [run.name for run in runs] == ["a", "a-2"]
    np.testing.assert_array_equal(read_rows(runs[0].text), read_rows(runs[1].text))
    assert told == [(name, number, 12) for name in ("a", "a-2") for number in range(1, 13)]


def test_a_folder_of_images_and_an_image(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), street(index))
    runs = track([folder, folder / "3.png"], find_bright, output=tmp_path / "out")
    assert [(run.name, run.frame_count, run.row_count) for run in runs] == [("images", 6, 12), ("3", 1, 2)]
    assert read_frames(runs[0].video).frame_rate == 30


def test_nothing_found_gives_empty_rows_and_a_whole_video(tmp_path):
    (run,) = track(
        film(tmp_path / "a.mp4", 5), lambda _: Detections(np.empty((0, 4)), np.empty(0)), output=tmp_path / "out"
    )
    assert run.text.read_text() == ""
    assert read_frames(run.video).frame_count == 5


def test_observers_are_told_frames_by_index(tmp_path):
    told = []
    track(
        film(tmp_path / "a.mp4", 12),
        find_bright,
        output=tmp_path / "out",
        start=2,
        every=3,
        video=False,
        observe=lambda name, index, found: told.append((name, index, found.boxes_xyxy[0, 0])),
    )
    assert [(name, index) for name, index, _ in told] == [("a", index) for index in (2, 5, 8, 11)]
    np.testing.assert_allclose([left for _, _, left in told], [walkers(index)[0, 0] for index in (2, 5, 8, 11)], atol=2)


def test_who_watches_sees_every_frame_with_its_tracks(tmp_path):
    seen = []

    def watch(run, frame, tracks):
        height, width = frame.image.shape[:2]
        assert run.reader.size == (width, height) == SIZE
        assert run.identity_count == max(tracks.ids)
        seen.append((run.name, frame.index, run.frame_count))
        rows.extend(np.column_stack([[frame.index + 1] * len(tracks), tracks.ids, tracks.boxes_xyxy[:, :2]]))

    rows = []
    (run,) = track(film(tmp_path / "a.mp4", 12), find_bright, output=tmp_path / "out", names=["walk"], watch=watch)
    assert seen == [("walk", index, index + 1) for index in range(12)]
    assert files(tmp_path / "out") == ["run.json", "walk.mp4", "walk.txt"]
    np.testing.assert_allclose(read_rows(run.text)[:, :4], rows, atol=6e-4)


def test_a_name_for_each_source(tmp_path):
    sources = [film(tmp_path / "a.mp4", 3), film(tmp_path / "b.mp4", 3)]
    runs = track(sources, find_bright, output=tmp_path / "out", names=["x", "x"], video=False)
    assert [run.name for run in runs] == ["x", "x-2"]
    with pytest.raises(ValueError, match="zip"):
        track(sources, find_bright, output=tmp_path / "never", names=["x"])


@pytest.mark.parametrize("reason", [None, "enough people"])
@pytest.mark.parametrize("together", [False, True])
def test_who_watches_may_stop_the_run(tmp_path, reason, together):
    stop = Stop()

    def watch(run, frame, tracks):
        if frame.index == 9:
            stop.set(reason)

    sources = [film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4")]
    runs = track(sources, find_bright, output=tmp_path / "out", watch=watch, stop=stop, together=together)
    assert len(runs) == 1 + together
    for run in runs:
        assert (run.problem, run.interrupted) == (reason, reason is None)
        # Sources that are tracked together need not keep step.
        assert len(set(re.findall(r"^\d+", run.text.read_text(), re.MULTILINE))) == run.frame_count
        assert run.video is None or read_frames(run.video).frame_count == run.frame_count
    assert max(run.frame_count for run in runs) == 10


def test_what_is_stopped_before_it_begins_tracks_nothing(tmp_path):
    stop = Stop()
    stop.set()
    (run,) = track(film(tmp_path / "a.mp4"), find_bright, output=tmp_path / "out", stop=stop)
    assert (run.frame_count, run.interrupted, run.video) == (0, True, None)
    assert files(tmp_path / "out") == ["a.txt", "run.json"]


def test_another_thread_stops_a_camera_that_sends_nothing(tmp_path):
    stop, waits = Stop(), threading.Event()

    class Silent:
        name, size, frame_rate, frame_count, problem = "camera", SIZE, 25.0, None, None
        is_live, reconnect_count, dropped_count, busy_seconds, decoding = True, 0, 0, 0.0, None

        def __init__(self):
            self.closed = threading.Event()

        def close(self):
            self.closed.set()

        def frames(self, selected):
            yield Frame(street(0), 0, 0.0)
            waits.set()
            assert self.closed.wait(20)

    source = Silent()
    reader = FrameReader(source, range(100))
    asker = threading.Thread(target=lambda: (waits.wait(20), stop.set()))
    asker.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairmot.workflows.track.track.open_frames", lambda *args, **options: [("camera", reader)])
        (run,) = track("camera", find_bright, output=tmp_path / "out", stop=stop)
    asker.join()
    assert (run.frame_count, run.interrupted, run.problem) == (1, True, None)


def test_stage_times_add_up(tmp_path):
    (run,) = track(film(tmp_path / "a.mp4"), find_bright, output=tmp_path / "out")
    times = run.milliseconds
    followed = times.wait_for_frame + times.detect + times.track + times.wait_for_writer
    assert 0 < followed * run.frame_count / 1000 <= run.seconds
    assert min(times.decode, times.draw_and_encode, times.detect, times.track) > 0
    assert run.frames_per_second == pytest.approx(COUNT / run.seconds)


def test_shared_sequence_with_its_public_detections(tmp_path, shared):
    folder = shared("data", "mot", "TUD-Campus")
    public = read_rows(folder / "det" / "det.txt")
    frames = iter(range(1, 72))

    def look_up(image):
        rows = public[public[:, 0] == next(frames)]
        boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
        return Detections(boxes, np.full(len(rows), 0.9))

    (run,) = track(folder, look_up, output=tmp_path / "out")
    assert (run.name, run.frame_count, run.problem) == ("TUD-Campus", 71, None)
    assert run.row_count > 150
    assert read_frames(run.video).frame_rate == 25


class Preparing:
    """Finds bright people in two steps: the image is put on a canvas, upside down, then looked at."""

    class_count = 1

    def __init__(self):
        self.prepared_in = []

    def prepare(self, image):
        self.prepared_in.append(threading.current_thread().name)
        return ("canvas", np.flipud(image))

    def __call__(self, prepared):
        name, canvas = prepared
        assert name == "canvas"
        return find_bright(np.flipud(canvas))

    def batch(self, images):
        return [self(image) for image in images]


@pytest.mark.parametrize("together", [False, True])
def test_detectors_that_prepare_do_so_in_the_reading_threads(tmp_path, together):
    sources = [film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4", 12)]
    detector = Preparing()
    runs = track(sources, detector, output=tmp_path / "out", together=together)
    plain = track(sources, find_bright, output=tmp_path / "plain", together=together)
    assert [run.text.read_text() for run in runs] == [run.text.read_text() for run in plain]
    assert detector.prepared_in == ["fairmot-prefetch"] * (COUNT + 12)
    assert min(run.milliseconds.prepare for run in runs) > 0
    assert [run.milliseconds.prepare for run in plain] == [0, 0]


def test_a_wrapped_detector_prepares_and_still_has_its_say(tmp_path):
    class FirstOnly:
        """Hands over one person a frame, and everything else of the detector it wraps."""

        inner = Preparing()

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def __call__(self, image):
            return self.inner(image).select(slice(0, 1))

        def batch(self, images):
            return [self(image) for image in images]

    detector = FirstOnly()
    (run,) = track(film(tmp_path / "a.mp4", 12), detector, output=tmp_path / "out", video=False)
    assert (run.row_count, len(detector.inner.prepared_in)) == (12, 12)


def test_several_at_once_get_batches_and_the_same_results(tmp_path):
    class Batching:
        sizes: list[int] = []
        prepared = threading.Semaphore(0)

        def prepare(self, image):
            self.prepared.release()
            return image

        def __call__(self, image):
            if not self.sizes:
                # Until both sources are as far ahead as they may: of each a frame waits, one is held, and the queue
                # is full before another; that which this one is of has one more.
                for _ in range(2 * (_QUEUE_FRAMES + 3) + 1):
                    assert self.prepared.acquire(timeout=60)
            self.sizes.append(1)
            return find_bright(image)

        def batch(self, images):
            self.sizes.append(len(images))
            return [find_bright(image) for image in images]

    sources = [film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4", 12)]
    detector = Batching()
    runs = track(sources, detector, output=tmp_path / "out", together=True)
    assert sum(detector.sizes) == COUNT + 12
    assert max(detector.sizes) == 2
    for run, source in zip(runs, sources, strict=True):
        (alone,) = track(source, find_bright, output=tmp_path / "alone", overwrite=True)
        assert run.text.read_text() == alone.text.read_text()
        assert read_frames(run.video).frame_count == run.frame_count


@pytest.mark.parametrize("device", decoding_devices())
def test_the_run_says_what_decoded_and_encoded(tmp_path, device):
    source = film(tmp_path / "street.mp4", 8)
    outputs = Outputs(video_encoder=device)
    (plain,) = track(source, find_bright, output=tmp_path / "plain")
    (run,) = track(source, find_bright, output=tmp_path / "out", outputs=outputs, video_decoder=device)
    np.testing.assert_allclose(read_rows(run.text), read_rows(plain.text), atol=1)
    assert (plain.video_decoder, plain.video_encoder, plain.fallbacks) == ("software", "software", ())
    about = json.loads((tmp_path / "out" / "run.json").read_text())["sources"]["street"]
    assert (about["video_decoder"], about["video_encoder"]) == (run.video_decoder, run.video_encoder)
    assert tuple(about["fallbacks"]) == run.fallbacks
    what_ran = {"decoder": run.video_decoder, "encoder": run.video_encoder}
    expected = [f"video {what} {device}: it" for what, ran in what_ran.items() if ran == "software"]
    assert [line[: len(start)] for line, start in zip(run.fallbacks, expected, strict=True)] == expected
    assert set(what_ran.values()) <= {"software", device}


def test_images_have_no_decoder(tmp_path):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.png"), street(0))
    outputs = Outputs(video=False)
    (run,) = track(tmp_path / "images", find_bright, output=tmp_path / "out", outputs=outputs, video_decoder="auto")
    assert (run.video_decoder, run.video_encoder, run.fallbacks) == (None, None, ())
