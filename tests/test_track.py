"""The journey on rendered videos through the real codec and the real tracker; the detector finds bright people."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks
from fairmot.errors import InputError
from fairmot.media.frames import read_frames
from fairmot.media.video import VideoWriter
from fairmot.track import format_rows, track

SIZE = (320, 240)
COUNT = 40


def walkers(index: int) -> np.ndarray:
    """Boxes [2, 4] of two people who walk towards each other on different paths."""
    return np.array([[10 + 4 * index, 20, 40 + 4 * index, 100], [280 - 4 * index, 130, 310 - 4 * index, 215]])


def street(index: int) -> np.ndarray:
    image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    for grey, (left, top, right, bottom) in zip((200, 245), walkers(index), strict=True):
        image[top:bottom, left:right] = grey
    return image


def find_bright(image: np.ndarray) -> Detections:
    """A detector for this street: bright blobs are people, their brightness is their appearance."""
    bright = (image[..., 1] > 120).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(bright)
    stats, centres = stats[1:], centres[1:]
    people = stats[:, 4] > 200
    boxes = np.concatenate([stats[people, :2], stats[people, :2] + stats[people, 2:4]], axis=1)
    grey = np.array([image[int(y), int(x), 1] for x, y in centres[people]], dtype=np.float32)
    angle = (grey - 120) / 50
    embeddings = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32).reshape(-1, 2)
    return Detections(boxes.astype(np.float32), np.full(len(boxes), 0.9, np.float32), embeddings)


def film(path: Path, count: int = COUNT, rate: float = 25) -> Path:
    with VideoWriter(path, SIZE, rate) as writer:
        for index in range(count):
            writer.write(street(index))
    return path


def read_rows(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def no_threads_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("fairmot")] == []


def test_two_walkers_keep_their_identities(tmp_path):
    (run,) = track(film(tmp_path / "street.mp4"), find_bright, output=tmp_path / "out")
    assert files(tmp_path / "out") == ["street.mp4", "street.txt"]
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


def test_rows_have_three_decimals_and_no_shift():
    tracks = Tracks(
        ids=np.array([7, 12]),
        boxes_xyxy=np.array([[1.0, 2.0, 11.0004, 22.0006], [-3.25, 0.1, 4.0, 5.0]]),
        scores=np.array([0.9, 0.4567]),
        class_ids=np.zeros(2, np.int64),
    )
    assert format_rows(3, tracks) == (
        "3,7,1.000,2.000,10.000,20.001,0.900,-1,-1,-1\n3,12,-3.250,0.100,7.250,4.900,0.457,-1,-1,-1\n"
    )
    nobody = Tracks(tracks.ids[:0], tracks.boxes_xyxy[:0], tracks.scores[:0], tracks.class_ids[:0])
    assert format_rows(3, nobody) == ""


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
    (tmp_path / "mine").mkdir()
    for expected in ("mine", "mine-2"):
        (run,) = track(source, find_bright, output=tmp_path / "mine", video=False)
        assert run.text == tmp_path / expected / "street.txt"


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
    assert files(tmp_path / "out") == ["a-2.mp4", "a-2.txt", "a.mp4", "a.txt"]
    assert [run.name for run in runs] == ["a", "a-2"]
    np.testing.assert_array_equal(read_rows(runs[0].text), read_rows(runs[1].text))
    assert told == [(name, number, 12) for name in ("a", "a-2") for number in range(1, 13)]


def test_a_folder_of_pictures_and_a_picture(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), street(index))
    runs = track([folder, folder / "3.png"], find_bright, output=tmp_path / "out")
    assert [(run.name, run.frame_count, run.row_count) for run in runs] == [("pictures", 6, 12), ("3", 1, 2)]
    assert read_frames(runs[0].video).frame_rate == 30


def test_classes_are_selected(tmp_path):
    def two_classes(image):
        found = find_bright(image)
        return Detections(found.boxes_xyxy, found.scores, found.embeddings, np.arange(len(found)))

    (run,) = track(film(tmp_path / "a.mp4", 5), two_classes, output=tmp_path / "out", classes=[1], video=False)
    rows = read_rows(run.text)
    assert len(rows) == 5
    assert (rows[:, 3] > 100).all()


def test_nothing_found_gives_empty_rows_and_a_whole_video(tmp_path):
    (run,) = track(
        film(tmp_path / "a.mp4", 5), lambda _: Detections(np.empty((0, 4)), np.empty(0)), output=tmp_path / "out"
    )
    assert run.text.read_text() == ""
    assert read_frames(run.video).frame_count == 5


def test_a_cut_video_is_tracked_as_far_as_it_goes_and_reported(tmp_path):
    data = film(tmp_path / "street.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 7 // 10])
    (run,) = track(tmp_path / "cut.mp4", find_bright, output=tmp_path / "out")
    assert 10 < run.frame_count < COUNT
    assert "cut.mp4" in run.problem
    assert f"{run.frame_count} frames" in run.problem
    assert read_rows(run.text)[:, 0].max() == run.frame_count
    assert read_frames(run.video).frame_count == run.frame_count


def test_sources_are_checked_before_anything_is_tracked(tmp_path):
    source = film(tmp_path / "a.mp4", 5)
    with pytest.raises(InputError, match="missing"):
        track([source, tmp_path / "missing.mp4"], find_bright, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_of_differing_size_leave_nothing_behind(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), street(0))
    cv2.imwrite(str(folder / "2.png"), street(0)[:-2])
    with pytest.raises(InputError, match=r"2\.png.*1\.png"):
        track(folder, find_bright, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_error_of_the_detector_is_not_hidden_and_leaves_nothing(tmp_path):
    def broken(image):
        raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="the network broke"):
        track(film(tmp_path / "a.mp4", 5), broken, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be made"):
        track(film(tmp_path / "a.mp4", 5), find_bright, output=tmp_path / "file" / "out")


def test_ctrl_c_finishes_the_files(tmp_path):
    # A real signal to a real process, while it tracks.
    source = film(tmp_path / "long.mp4", COUNT)
    script = f"""
import importlib.util, json, os, signal
from pathlib import Path
spec = importlib.util.spec_from_file_location("street", {str(Path(__file__))!r})
street = importlib.util.module_from_spec(spec)
spec.loader.exec_module(street)
from fairmot.track import track
def progress(name, done, total):
    if done == 15:
        os.kill(os.getpid(), signal.SIGINT)
runs = track([{str(source)!r}] * 2, street.find_bright, output="out", progress=progress)
print(json.dumps([[run.frame_count, run.interrupted, str(run.text), str(run.video)] for run in runs]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    ((count, interrupted, text, video),) = json.loads(done.stdout)
    assert (count, interrupted) == (15, True)
    assert files(tmp_path / "out") == ["long.mp4", "long.txt"]
    assert read_rows(tmp_path / text)[:, 0].max() == 15
    assert read_frames(tmp_path / video).frame_count == 15
    assert len(list(read_frames(tmp_path / video))) == 15


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    source = tmp_path / "noise.mp4"
    random = np.random.default_rng(0)
    with VideoWriter(source, SIZE, 25) as writer:
        for index in range(COUNT):
            noise = random.integers(0, 110, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
            writer.write(np.maximum(street(index), noise))
    script = f"""
import importlib.util, resource
spec = importlib.util.spec_from_file_location("street", {str(Path(__file__))!r})
street = importlib.util.module_from_spec(spec)
spec.loader.exec_module(street)
from fairmot.errors import InputError
from fairmot.track import track
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    track({str(source)!r}, street.find_bright, output="out")
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["out: results cannot be written (File too large)"]
    assert not (tmp_path / "out").exists()


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
