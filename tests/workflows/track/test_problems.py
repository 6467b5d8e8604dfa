"""What ``track`` does where something goes wrong: sources, detectors, Ctrl-C."""

import errno
import json
import re
import subprocess
import sys

import cv2
import pytest
import walkers
from walkers import COUNT, files, film, find_bright, read_rows, street

from fairmot.errors import InputError
from fairmot.media.sources.frames import read_frames
from fairmot.workflows.track.track import track

pytestmark = pytest.mark.usefixtures("elsewhere", "no_new_threads")


def test_a_cut_video_is_tracked_as_far_as_it_goes_and_reported(tmp_path):
    data = film(tmp_path / "street.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 7 // 10])
    (run,) = track(tmp_path / "cut.mp4", find_bright, output=tmp_path / "out")
    assert 10 < run.frame_count < COUNT
    assert "cut.mp4" in run.problem
    assert f"{run.frame_count} frames" in run.problem
    assert read_rows(run.text)[:, 0].max() == run.frame_count
    assert read_frames(run.video).frame_count == run.frame_count


def test_a_source_that_vanishes_is_its_own_problem_and_not_the_outputs(tmp_path):
    first, second = film(tmp_path / "a.mp4", 5), film(tmp_path / "b.mp4", 5)
    runs = track(
        [first, second],
        find_bright,
        output=tmp_path / "out",
        progress=lambda name, done, total: second.unlink(missing_ok=True),
    )
    assert [(run.frame_count, run.problem) for run in runs] == [
        (5, None),
        (0, f"{second}: reading stopped (No such file or directory); what came before was tracked"),
    ]
    assert files(tmp_path / "out") == ["a.mp4", "a.txt", "b.txt", "run.json"]


def test_a_source_that_fails_on_the_way_keeps_what_was_tracked(tmp_path, monkeypatch):
    from fairmot.media.sources.video import VideoSource

    whole = VideoSource.frames

    def failing(self, selected):
        for frame in whole(self, selected):
            if frame.index == 6:
                raise OSError(errno.EIO, "Input/output error")
            yield frame

    monkeypatch.setattr(VideoSource, "frames", failing)
    (run,) = track(film(tmp_path / "a.mp4", 12), find_bright, output=tmp_path / "out")
    assert run.problem == f"{tmp_path / 'a.mp4'}: reading stopped (Input/output error); what came before was tracked"
    assert (run.frame_count, read_rows(run.text)[:, 0].max(), read_frames(run.video).frame_count) == (6, 6, 6)


def test_what_the_detector_cannot_read_is_not_blamed_on_the_output(tmp_path):
    def broken(image):
        raise FileNotFoundError(errno.ENOENT, "No such file", "weights.bin")

    with pytest.raises(FileNotFoundError, match=r"weights\.bin"):
        track(film(tmp_path / "a.mp4", 5), broken, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sources_are_checked_before_anything_is_tracked(tmp_path):
    source = film(tmp_path / "a.mp4", 5)
    with pytest.raises(InputError, match="missing"):
        track([source, tmp_path / "missing.mp4"], find_bright, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_of_differing_size_are_tracked_and_told(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), street(0)[: -2 if number == 1 else None])
    (run,) = track(folder, find_bright, output=tmp_path / "out")
    assert run.frame_count == 3
    assert re.search(r"1\.png.*0\.png.*fitted", run.problem)


def test_an_error_of_the_detector_is_not_hidden_and_leaves_nothing(tmp_path):
    def broken(image):
        raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="the network broke"):
        track(film(tmp_path / "a.mp4", 5), broken, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_finishes_the_files(tmp_path):
    # A real signal to a real process, while it tracks.
    source = film(tmp_path / "long.mp4", COUNT)
    script = f"""
import importlib.util, json, os, signal
from pathlib import Path
spec = importlib.util.spec_from_file_location("street", {walkers.__file__!r})
street = importlib.util.module_from_spec(spec)
spec.loader.exec_module(street)
from fairmot.workflows.track.track import track
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
    assert files(tmp_path / "out") == ["long.mp4", "long.txt", "run.json"]
    assert read_rows(tmp_path / text)[:, 0].max() == 15
    assert read_frames(tmp_path / video).frame_count == 15
    assert len(list(read_frames(tmp_path / video))) == 15


def test_results_never_take_the_place_of_what_is_tracked(tmp_path):
    video = film(tmp_path / "street.mp4", 5)
    before = video.read_bytes()
    with pytest.raises(InputError, match=r"street\.mp4: the results would replace what is tracked"):
        track(video, find_bright, output=tmp_path, overwrite=True)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="the results would replace"):
        track([film(tmp_path / "b" / "yard.mp4", 5), video], find_bright, output=tmp_path / "link", overwrite=True)
    assert video.read_bytes() == before
    assert files(tmp_path) == ["b/yard.mp4", "street.mp4"]
    # The twin: rows alone replace nothing.
    (run,) = track(video, find_bright, output=tmp_path, overwrite=True, video=False)
    assert (run.text, video.read_bytes()) == (tmp_path / "street.txt", before)


def test_drawn_images_never_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "frames").mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.png"), street(index))
    before = files(tmp_path)
    for source in (tmp_path / "frames", str(tmp_path / "frames" / "*.png")):
        with pytest.raises(InputError, match="frames: the results would replace what is tracked"):
            track(source, find_bright, output=tmp_path, overwrite=True, video=False, images=True)
    assert files(tmp_path) == before


def test_the_own_video_of_an_earlier_run_is_not_replaced_while_it_is_read(tmp_path):
    (run,) = track(film(tmp_path / "street.mp4", 5), find_bright)
    with pytest.raises(InputError, match="the results would replace"):
        track(run.video, find_bright, overwrite=True)
    (again,) = track(run.video, find_bright)
    assert again.text.parent.name == "street-2"
