"""Real signals to real runs: all files hold the same frames, and the folder holds the old run or the new one."""

import json
import signal
import subprocess
import sys
import time

import pytest
import walkers
from walkers import COUNT, files, film, find_bright, read_rows

from fairmot.formats.recordings import load_recording
from fairmot.interrupts import SIGNALS
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.sources.frames import read_frames
from fairmot.workflows.track.track import track

# Two minutes, and each of its runs wants a core of its own.
pytestmark = [pytest.mark.usefixtures("elsewhere"), pytest.mark.slow]

_PROGRAM = """
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("street", {street!r})
street = importlib.util.module_from_spec(spec)
spec.loader.exec_module(street)
from fairmot.interrupts import ended_by_signals
from fairmot.media.outputs.outputs import Outputs
from fairmot.workflows.track.track import track
def detector(image):
    if detector.count == {frame}:
        for number in {signals}:
            os.kill(os.getpid(), number)
    detector.count += 1
    return street.find_bright(image)
detector.count = 0
with ended_by_signals():
    try:
        runs = track({sources!r}, detector, output="out", overwrite=True, together={together}, save_detections=True,
                     outputs=Outputs(images=True, csv=True, jsonl=True))
    except KeyboardInterrupt:
        sys.exit(130)
print(json.dumps([[run.name, run.frame_count, run.interrupted] for run in runs]))
"""


def send(sources, signals, frame, together=False):
    """Track in a process that sends itself these signals in the middle of a frame; return its exit code and answer."""
    program = _PROGRAM.format(
        street=walkers.__file__, frame=frame, signals=signals, sources=list(map(str, sources)), together=together
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout or "[]")


def frames_in(folder, name):
    """How many frames each kind of file holds."""
    lines = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    rows = read_rows(folder / f"{name}.txt")
    assert len(rows) == sum(len(line["tracks"]) for line in lines)
    assert len((folder / f"{name}.csv").read_text().splitlines()) == len(rows) + 1
    images = sorted((folder / name).iterdir())
    assert min(path.stat().st_size for path in images) > 0
    noted = json.loads((folder / "run.json").read_text())["sources"][name]["frames"]
    shown = len(list(read_frames(folder / f"{name}.mp4")))
    return {len(lines), len(images), shown, len(load_recording(folder / f"{name}.detections.npz")), noted}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("together", [False, True])
def test_a_signal_finishes_all_files_with_the_same_frames(tmp_path, number, together):
    sources = [film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4")]
    code, runs = send(sources, [int(number)], 15, together)
    assert code == 0
    assert [(name, interrupted) for name, _, interrupted in runs] == [("a", True), ("b", True)][: 1 + together]
    for name, count, _ in runs:
        assert frames_in(tmp_path / "out", name) == {count}
        assert 0 < count < COUNT
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize(("signals", "frame"), [([2], 0), ([15], 0), ([2, 2], 15), ([15, 2], 15)])
def test_what_is_lost_leaves_the_old_run(tmp_path, signals, frame):
    """Nothing was tracked yet, or a second signal ended it at once."""
    source = film(tmp_path / "a.mp4")
    track(source, find_bright, output="out")
    before = {path: (tmp_path / "out" / path).read_bytes() for path in files(tmp_path / "out")}
    code, runs = send([source], signals, frame)
    if frame == 0 and code == 0:  # the frame under way was tracked
        assert runs == [["a", 1, True]]
        assert frames_in(tmp_path / "out", "a") == {1}
        return
    assert code == 130
    assert {path: (tmp_path / "out" / path).read_bytes() for path in files(tmp_path / "out")} == before


def test_a_killed_run_is_swept_by_the_next(tmp_path):
    source = film(tmp_path / "a.mp4")
    track(source, find_bright, output="out")
    code, _ = send([source], [int(signal.SIGKILL)], 15)
    assert code == -signal.SIGKILL
    assert any(path.startswith(".fairmot-part/") for path in files(tmp_path / "out"))
    assert frames_in_rows(tmp_path / "out" / "a.txt") == COUNT
    (tmp_path / "out" / ".tmpAb12Cd").write_bytes(b"safetensors'")
    (tmp_path / "out" / ".b.999999999.part.txt").write_bytes(b"of an earlier version")
    track(source, find_bright, output="out", overwrite=True, end=7)
    assert files(tmp_path / "out") == ["a.mp4", "a.txt", "run.json"]
    assert frames_in_rows(tmp_path / "out" / "a.txt") == 7


def frames_in_rows(path):
    return len(set(read_rows(path)[:, 0]))


def test_a_run_is_replaced_as_a_whole(tmp_path):
    """Nothing of the older run stays: not its video, nor its crops, nor its other sources."""
    sources = [film(tmp_path / "a.mp4", 12), film(tmp_path / "b.mp4", 12)]
    everything = Outputs(images=True, crops=True, csv=True, jsonl=True, heatmap=True)
    track(sources, find_bright, output="out", outputs=everything, save_detections=True, record=True)
    (tmp_path / "out" / "report.html").write_text("the older run")
    (tmp_path / "out" / "mine.txt").write_text("notes of a person")
    track(sources[0], find_bright, output="out", overwrite=True, outputs=Outputs(video=False, blur=True))
    assert files(tmp_path / "out") == ["a.txt", "mine.txt", "run.json"]
    # The twin: without overwrite the older run stays.
    track(sources[0], find_bright, output="out", video=False)
    assert files(tmp_path / "out-2") == ["a.txt", "run.json"]


def test_what_was_tracked_is_never_removed(tmp_path):
    """The run before lies beside its source, and its drawn images beside a folder of the same name."""
    source = film(tmp_path / "a.mp4", 6)
    track(source, find_bright, output=tmp_path, outputs=Outputs(video=False, csv=True), overwrite=True)
    other = film(tmp_path / "elsewhere" / "a.mp4", 6)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("no result")
    track(other, find_bright, output=tmp_path, outputs=Outputs(video=False), overwrite=True)
    assert source.exists()
    assert (tmp_path / "a" / "notes.txt").exists()
    assert not (tmp_path / "a.csv").exists()


def test_an_interrupted_replacement_is_finished_by_the_next_reader(tmp_path, monkeypatch):
    from fairmot.formats import run_file
    from fairmot.report.run_folder import read_run

    source = film(tmp_path / "a.mp4", 6)
    track(source, find_bright, output="out")
    monkeypatch.setattr(run_file, "finish_placing", lambda folder: None)  # killed right after the first step
    track(source, find_bright, output="out", overwrite=True, outputs=Outputs(video=False), end=3)
    monkeypatch.undo()
    assert (tmp_path / "out" / ".fairmot-ready").is_dir()
    (tracked,) = read_run(tmp_path / "out").sources
    assert (tracked.frame_count, tracked.drawn_video) == (3, None)
    assert files(tmp_path / "out") == ["a.txt", "run.json"]


def test_two_runs_never_share_a_folder(tmp_path):
    """The second run into the same folder is refused in one line, or gets one of its own."""
    source, inside = film(tmp_path / "a.mp4", 6), []

    def detector(image):
        if not inside:
            words = [source, "--output", "out", "--no-video", "--quiet", "--input-size", "64x64"]
            for more in (["--overwrite"], []):
                inside.append(command(*words, *more))
        return find_bright(image)

    track(source, detector, output="out", outputs=Outputs(video=False))
    refused, numbered = inside
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "out: another run (process" in refused.stderr
    assert numbered.returncode == 0
    assert files(tmp_path / "out") == files(tmp_path / "out-2") == ["a.txt", "run.json"]


def command(*words):
    program = "from fairmot.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "track", *map(str, words)], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("way", ["SIGKILL", "SIGTERM", "SIGINT twice"])
def test_workers_end_when_their_parent_does(tmp_path, way):
    import psutil

    for name in "ab":
        film(tmp_path / f"{name}.mp4", 400)
    words = ["track", "a.mp4", "b.mp4", "--jobs", "2", "--output", "out", "--quiet", "--input-size", "64x64"]
    process = subprocess.Popen([sys.executable, "-c", "from fairmot.cli import main; main()", *words])
    end = time.monotonic() + 300
    while len(list(tmp_path.glob("out/*/.fairmot-part/*.mp4"))) < 2:  # there from their first frame on
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    for name in way.split(" ")[:1] * (1 + way.endswith("twice")):
        process.send_signal(getattr(signal, name))
        time.sleep(0.2)
    process.wait(120)
    assert psutil.wait_procs(workers, timeout=120)[1] == []
    if way == "SIGTERM":  # whole files up to there
        assert process.returncode == 130
        for name in "ab":
            about = json.loads((tmp_path / "out" / name / "run.json").read_text())["sources"][name]
            assert about["interrupted"]
            assert len(list(read_frames(tmp_path / "out" / name / f"{name}.mp4"))) == about["frames"]
