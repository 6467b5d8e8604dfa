"""Many videos: each in its own folder, done once, and none stops the others."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from walkers import files, film, find_bright

from fairmot.config import TrackerConfig
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.errors import InputError
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.places import Line
from fairmot.workflows.track.gap_filling import fill_gaps
from fairmot.workflows.track.job import DetectorChoice, SourceJob, is_finished, run_job
from fairmot.workflows.track.jobs import anywhere, track_many

SMALL = DetectorChoice(engine="onnxruntime", device="cpu", input_size=(64, 64))
PLAN = SourceJob("", Path(), SMALL, outputs=Outputs(video=False))


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "many vidéos"
    folder.mkdir()
    for name, count in (("a.mp4", 3), ("b 2.mp4", 4), ("c.mp4", 5)):
        film(folder / name, count)
    return folder


def outcomes(results):
    return {Path(result.source).name: result.outcome for result in results}


def test_videos_in_processes_are_done_once_and_a_broken_one_stops_no_other(videos, tmp_path):
    (videos / "broken.mp4").write_bytes(b"no video")
    (videos / "empty.mp4").touch()
    told = []
    results = track_many([videos], tmp_path / "out", plan=PLAN, jobs=2, done=lambda *state: told.append(state))
    assert outcomes(results) == {
        "a.mp4": "tracked",
        "b 2.mp4": "tracked",
        "broken.mp4": "failed",
        "c.mp4": "tracked",
        "empty.mp4": "failed",
    }
    assert "broken.mp4: not a video that can be read" in results[2].problem
    assert sorted((done, total) for _, done, total in told) == [(number, 5) for number in range(1, 6)]
    assert files(tmp_path / "out") == [
        f"{name}/{file}" for name in ("a", "b 2", "c") for file in sorted((f"{name}.txt", "run.json"))
    ]
    assert [result.run.frame_count for result in results if result.run] == [3, 4, 5]
    # Once more: only what is missing is done.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.txt")}
    film(videos / "broken.mp4", 2)
    (videos / "empty.mp4").unlink()
    again = track_many([videos], tmp_path / "out", plan=PLAN)
    assert outcomes(again) == {"a.mp4": "skipped", "b 2.mp4": "skipped", "broken.mp4": "tracked", "c.mp4": "skipped"}
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_jobs_tell_how_far_they_are(videos, tmp_path):
    told, ended = [], []
    film(videos / "long.mp4", 60)
    track_many(
        [videos],
        tmp_path / "out",
        plan=PLAN,
        jobs=2,
        done=lambda result, *_: ended.append(result.source),
        progress=lambda *state: told.append(state),
    )
    assert sorted(ended) == sorted(str(path) for path in videos.iterdir())
    # The first frame at least, and what comes later is further.
    assert {source for source, _, _ in told} <= set(ended)
    own = [state[1:] for state in told if state[0] == str(videos / "long.mp4")]
    assert own[0] == (1, 60)
    assert own == sorted(own)


@pytest.mark.parametrize("confidence", [0.1, 0.3])
def test_jobs_detect_with_their_confidence(videos, tmp_path, confidence):
    choice = replace(SMALL, confidence=confidence)
    assert run_job(SourceJob(str(videos / "a.mp4"), tmp_path / "out", choice)).outcome == "tracked"
    noted = json.loads((tmp_path / "out" / "run.json").read_text())["detector"]
    assert (noted["confidence"], noted["input_size"]) == (confidence, [64, 64])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    job = SourceJob(str(film(folder / "a.mp4", 3)), folder / "out", SMALL, outputs=Outputs(video=False))
    assert not is_finished(job)
    assert run_job(job).outcome == "tracked"
    return job


@pytest.mark.parametrize(
    "change",
    [
        {"every": 2},
        {"start": 1},
        {"end": 2},
        {"tracker": TrackerConfig(confidence=0.3)},
        {"outputs": Outputs(video=True)},
        {"outputs": Outputs(video=False, crops=True)},
        {"outputs": Outputs(video=False, blur=True)},
        {"outputs": Outputs(video=False, lines=(Line("line 1", (0, 0), (9, 9)),))},
        {"detector": replace(SMALL, input_size=(96, 64))},
        {"detector": replace(SMALL, classes=(0,))},
        {"detector": replace(SMALL, confidence=0.2)},
        {"save_detections": True},
        {"record": True},
        {"interpolate": "linear"},
        {"source": "elsewhere.mp4"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_finished_is_what_was_asked_for_in_the_same_way(finished, change):
    assert is_finished(finished)
    assert not is_finished(replace(finished, **change))


def test_what_decodes_and_encodes_changes_nothing_that_is_finished(finished, tmp_path):
    job = replace(finished, folder=tmp_path / "out", outputs=Outputs())
    assert run_job(job).outcome == "tracked"
    assert is_finished(replace(job, video_decoder="auto", outputs=Outputs(video_encoder="auto")))


def test_jobs_save_detections_and_record_and_fill_gaps(tmp_path, monkeypatch):
    plain = SourceJob(str(film(tmp_path / "a.mp4", 4)), tmp_path / "out", SMALL, outputs=Outputs(video=False))
    assert run_job(plain).outcome == "tracked"
    job = replace(plain, save_detections=True, record=True, interpolate="linear", every=2)
    filled = []
    monkeypatch.setattr(
        "fairmot.workflows.track.job.fill_gaps", lambda text, method, every: filled.append((text, method, every)) or 77
    )
    result = run_job(job)
    assert (result.outcome, result.run.row_count) == ("tracked", 77)
    assert filled == [(tmp_path / "out" / "a.txt", "linear", 2)]
    assert {"a.detections.npz", "a.record.npz"} < set(files(tmp_path / "out"))
    # Less than there is will do, rows that were filled in another way will not.
    assert is_finished(job)
    assert is_finished(replace(job, save_detections=False, record=False))
    assert not is_finished(replace(job, interpolate=None))
    assert not is_finished(replace(job, interpolate="gaussian"))
    (tmp_path / "out" / "a.record.npz").unlink()
    assert not is_finished(job)
    assert is_finished(replace(job, record=False))


class Blinks:
    """Finds the people of the film, but not in every frame."""

    def __init__(self):
        self.frames = 0

    def __call__(self, image):
        self.frames += 1
        found = find_bright(image)
        return found.select(np.arange(0 if self.frames in (8, 9) else len(found)))


def test_gaps_in_the_rows_of_jobs_are_those_of_track_filled_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("fairmot.workflows.track.job._load", lambda _: Blinks())
    plain = SourceJob(str(film(tmp_path / "a.mp4")), tmp_path / "plain", tracker=TrackerConfig(), every=2)
    holes = run_job(replace(plain, outputs=Outputs(video=False)))
    before = holes.run.text.read_bytes()
    for method in ("linear", "gaussian"):
        job = replace(plain, folder=tmp_path / method, outputs=Outputs(video=False), interpolate=method)
        filled = run_job(job)
        holes.run.text.write_bytes(before)
        count = fill_gaps(holes.run.text, method, every=2)
        assert filled.run.text.read_bytes() == holes.run.text.read_bytes() != before
        assert filled.run.row_count == count == holes.run.row_count + 4


def test_less_than_there_is_is_finished_and_other_weights_are_not(tmp_path):
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(SHIPPED_WEIGHTS.read_bytes())
    plan = SourceJob(str(film(tmp_path / "a.mp4", 3)), tmp_path / "out", replace(SMALL, weights=weights))
    assert run_job(plan).outcome == "tracked"
    assert is_finished(replace(plan, outputs=Outputs(video=False)))
    assert is_finished(plan)
    (tmp_path / "out" / "a.mp4").unlink()
    assert not is_finished(plan)
    assert is_finished(replace(plan, outputs=Outputs(video=False)))
    os.utime(weights)
    assert not is_finished(replace(plan, outputs=Outputs(video=False)))


def test_a_video_that_changed_afterwards_is_not_finished(finished):
    later = time.time() + 60
    os.utime(finished.source, (later, later))
    assert not is_finished(finished)
    os.utime(finished.source, (1, 1))
    assert is_finished(finished)


def test_half_a_run_is_not_finished(finished):
    file = finished.folder / "run.json"
    whole = file.read_text()
    for key, value in (("interrupted", True), ("problem", "cut off")):
        content = json.loads(whole)
        content["sources"]["a"][key] = value
        file.write_text(json.dumps(content))
        assert not is_finished(finished)
    file.write_text(whole[:100])
    assert not is_finished(finished)
    file.write_text(whole)


@pytest.mark.slow
def test_a_process_that_dies_is_named_and_the_others_go_on(videos, tmp_path):
    # It dies where the detector of one size is loaded; the program is a file, as spawned processes want it.
    program = tmp_path / "program.py"
    program.write_text(f"""
import os
from pathlib import Path
from fairmot.workflows.track.job import SourceJob
from fairmot.workflows.track.jobs import anywhere, track_many
from fairmot.media.outputs.outputs import Outputs

import fairmot.media.sources.video as module
whole = module.VideoSource.__init__
def deadly(self, path, *rest):
    if Path(path).name == "b 2.mp4":
        os._exit(9)
    whole(self, path, *rest)
module.VideoSource.__init__ = deadly

if __name__ == "__main__":
    from fairmot.workflows.track.job import DetectorChoice
    choice = DetectorChoice(engine="onnxruntime", device="cpu", input_size=(64, 64))
    plan = SourceJob("", Path(), choice, outputs=Outputs(video=False))
    for result in track_many([{str(videos)!r}], Path("out"), plan=plan, jobs=2):
        print(Path(result.source).name, result.outcome, result.problem)
""")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, cwd=tmp_path, timeout=100)
    assert done.stdout.splitlines() == [
        "a.mp4 tracked None",
        f"b 2.mp4 failed {videos / 'b 2.mp4'}: its process died (out of memory?)",
        "c.mp4 tracked None",
    ], done.stderr


def test_videos_of_one_stem_keep_their_whole_names(tmp_path):
    for name in ("a.mp4", "a.mkv", "b.mp4"):
        (tmp_path / name).touch()
    results = track_many([f"{tmp_path}/*.m*"], tmp_path / "out", plan=PLAN)
    assert sorted(result.folder.name for result in results) == ["a.mkv", "a.mp4", "b"]


def test_what_has_no_end_is_refused():
    with pytest.raises(InputError, match="track them without jobs"):
        track_many(["rtsp://camera/main"], Path("out"))
    with pytest.raises(InputError, match="no such file"):
        track_many(["absent"], Path("out"))
    with pytest.raises(InputError, match="expected 1 or more"):
        track_many(["absent"], Path("out"), jobs=0)


def test_ray_that_is_not_there_is_one_line(videos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'fairmot\[ray\]'"):
        track_many([videos], tmp_path / "out", plan=PLAN, ray="auto")


LATE = """
import os, sys, time
if "--multiprocessing-fork" in sys.argv:
    try:
        os.close(os.open("first", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        open("late", "w").close()
        while not os.path.exists("wake"):
            time.sleep(0.02)
"""


def test_ctrl_c_is_gone_on_from(tmp_path):
    """While one process is at work, and the other one still starts."""
    film(tmp_path / "long.mp4", 400)
    film(tmp_path / "z.mp4", 3)
    program = "from fairmot.cli import main; main()"
    words = ["track", "long.mp4", "z.mp4", "--jobs", "2", "--output", "out", "--no-video"]
    command = [sys.executable, "-c", program, *words]
    (tmp_path / "starts").mkdir()
    (tmp_path / "starts" / "sitecustomize.py").write_text(LATE)
    path = os.pathsep.join([str(tmp_path / "starts"), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (list(tmp_path.glob("out/long/.fairmot-part/.long.*")) and (tmp_path / "late").exists()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.3)
    (tmp_path / "wake").touch()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command goes on with the rest" in said
    assert "Traceback" not in said
    about = json.loads((tmp_path / "out/long/run.json").read_text())["sources"]["long"]
    assert about["interrupted"]
    assert not list(tmp_path.glob("out/**/.*"))
    assert not (tmp_path / "out/z/run.json").exists()


@pytest.mark.slow
def test_the_same_on_a_local_ray_cluster(videos, tmp_path):
    pytest.importorskip("ray")
    (videos / "broken.mp4").write_bytes(b"no video")
    program = "from fairmot.cli import main; main()"
    command = [sys.executable, "-c", program, "track", str(videos), "--ray", "local", "--jobs", "2", "--no-video"]
    for expected in ("tracked", "skipped"):
        done = subprocess.run(
            [*command, "--output", str(tmp_path / "out"), "--json"], capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 2, done.stderr
        assert "1 of 4 videos failed" in done.stderr
        found = outcomes_of_json(done.stdout)
        assert found == {"a.mp4": expected, "b 2.mp4": expected, "broken.mp4": "failed", "c.mp4": expected}


@pytest.mark.slow
def test_ctrl_c_on_a_local_ray_cluster_leaves_whole_files(tmp_path):
    pytest.importorskip("ray")
    film(tmp_path / "long.mp4", 2000)
    film(tmp_path / "z.mp4", 3)
    program = "from fairmot.cli import main; main()"
    words = ["track", "long.mp4", "z.mp4", "--ray", "local", "--jobs", "1", "--output", "out", "--no-video"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(tmp_path.glob("out/long/.fairmot-part/.long.*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130, said
    assert "the same command goes on with the rest" in said
    about = json.loads((tmp_path / "out/long/run.json").read_text())["sources"]["long"]
    assert about["interrupted"]
    assert not list(tmp_path.glob("out/**/.*"))
    assert not (tmp_path / "out/z").exists()


def test_a_job_for_ray_names_its_files_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = SourceJob("videos/a.mp4", Path("out/a"), DetectorChoice(weights=Path("own.safetensors")))
    found = anywhere(job)
    assert found.source == str(tmp_path / "videos/a.mp4")
    assert (found.folder, found.detector.weights) == (tmp_path / "out/a", tmp_path / "own.safetensors")
    hub = Path("hf:owner/name")
    assert anywhere(replace(job, detector=DetectorChoice(weights=hub))).detector.weights == hub
    assert anywhere(replace(job, detector=DetectorChoice())).detector.weights is None


def outcomes_of_json(text):
    return {Path(each["source"]).name: each["outcome"] for each in json.loads(text)}
