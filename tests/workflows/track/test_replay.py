"""Saved detections serve everything that needs no images, equal to tracking the source itself, to the byte."""

import importlib
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from walkers import COUNT, SIZE, files, film, find_bright

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.formats.recordings import load_recording
from fairmot.interrupts import SIGNALS, ended_by_signals
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.places import Line, Zone
from fairmot.workflows.track.replay import replay
from fairmot.workflows.track.track import track

replay_module = importlib.import_module("fairmot.workflows.track.replay")
pytestmark = pytest.mark.usefixtures("elsewhere")

SERVED = Outputs(
    video=False,
    csv=True,
    jsonl=True,
    lines=(Line("line 1", (160, 0), (160, 240)),),
    zones=(Zone("left", ((0, 0), (150, 0), (150, 240), (0, 240))),),
)
ENDINGS = (".txt", ".csv", ".jsonl", ".lines.csv", ".zones.csv", ".counts.json")


class Finder:
    """Two people of two classes, with noise that belongs to the frame."""

    architecture, input_size, confidence = "bright", SIZE, 0.1

    def __init__(self, classes=None, tracker=None):
        self.classes = classes
        self.tracker = tracker

    def __call__(self, image):
        found = find_bright(image)
        rng = np.random.default_rng(int(image.astype(np.int64).sum()) % 2**32)
        boxes = found.boxes_xyxy + rng.normal(0, 1.0, found.boxes_xyxy.shape).astype(np.float32)
        # The people keep to the upper and to the lower half.
        class_ids = (found.boxes_xyxy[:, 1] > 110).astype(np.int64)
        found = Detections(boxes, found.scores, found.embeddings, class_ids)
        return found if self.classes is None else found.select(np.isin(class_ids, self.classes))


@pytest.fixture
def source(tmp_path):
    return film(tmp_path / "street.mp4")


@pytest.fixture
def recording(source, tmp_path):
    (run,) = track(source, Finder(), output=tmp_path / "recorded", video=False, save_detections=True)
    return load_recording(run.detections)


def contents(run):
    return {ending: run.text.with_suffix(ending).read_bytes() for ending in ENDINGS}


def noted(run):
    """What ``run.json`` says, without what differs in every run."""
    content = json.loads((run.text.parent / "run.json").read_text())
    (about,) = content["sources"].values()
    for name in ("source", "recording", "seconds", "video_decoder"):
        about.pop(name, None)
    return content


@pytest.mark.parametrize(
    "selection",
    [{}, {"start": 3}, {"end": 31}, {"every": 3}, {"start": 5, "end": 34, "every": 2}],
    ids=lambda selection: ",".join(selection) or "whole",
)
def test_all_that_needs_no_images_equals_tracking_the_source(source, recording, selection):
    (direct,) = track(source, Finder(), output="direct", outputs=SERVED, record=True, **selection)
    calls = []
    (again,) = replay(
        [recording],
        output="again",
        outputs=SERVED,
        record=True,
        progress=lambda *state: calls.append(state),
        **selection,
    )
    assert contents(again) == contents(direct)
    assert all(contents(direct).values())
    assert again.counts == direct.counts != {}
    assert (again.frame_count, again.row_count, again.identity_count) == (
        direct.frame_count,
        direct.row_count,
        direct.identity_count,
    )
    assert calls == [("street", done, direct.frame_count) for done in range(1, direct.frame_count + 1)]
    assert noted(again) == noted(direct)
    assert [name.replace("again", "") for name in files(again.text.parent)] == files(direct.text.parent)
    # The twin: a shorter range gives others.
    (other,) = replay(
        [recording], output="other", outputs=SERVED, **{**selection, "end": selection.get("end", COUNT) - 2}
    )
    assert all(
        contents(other)[ending] != contents(direct)[ending] for ending in (".txt", ".csv", ".jsonl", ".counts.json")
    )


def test_moved_boxes_are_counted_elsewhere(recording):
    (plain,) = replay([recording], output="plain", outputs=SERVED)
    recording.rows.boxes_xyxy[:, [0, 2]] += 20
    (moved,) = replay([recording], output="moved", outputs=SERVED)
    assert all(contents(moved)[ending] != content for ending, content in contents(plain).items())


def test_classes_are_those_of_a_detector_that_keeps_them(source, recording):
    (direct,) = track(source, Finder((1,)), output="direct", outputs=SERVED)
    (again,) = replay([recording], output="again", outputs=SERVED, classes=[1])
    assert contents(again) == contents(direct)
    assert noted(again) == noted(direct)
    (other,) = replay([recording], output="other", outputs=SERVED, classes=[0, 1])
    assert (again.row_count, other.row_count) == (COUNT, 2 * COUNT)
    with pytest.raises(InputError, match=r"class -1: was not recorded"):
        replay([recording], classes=[-1])
    with pytest.raises(InputError, match="no class is selected"):
        replay([recording], classes=[])
    narrow = replace(recording, detector={"classes": [1]})
    with pytest.raises(InputError, match=r"class 0: was not recorded; the recording holds 1"):
        replay([narrow], classes=[0])


def test_classes_are_checked_against_what_the_detector_knows(source, tmp_path):
    finder = Finder()
    finder.class_count = 2
    (run,) = track(source, finder, output="two", video=False, save_detections=True)
    two = load_recording(run.detections)
    assert two.detector["class_count"] == 2
    with pytest.raises(InputError, match=r"class 2: was not recorded; the recording holds 0, 1"):
        replay([two], classes=[0, 2])
    (again,) = replay([two], output="one", classes=[1])
    assert again.row_count == COUNT
    text = tmp_path / "det.txt"
    text.write_text("1,-1,10,20,40,90,0.9,-1,-1,-1\n2,-1,10,20,40,90,0.9,-1,-1,-1\n")
    with pytest.raises(InputError, match=r"det\.txt: class 1: was not recorded; the recording holds 0"):
        replay([load_recording(text)], classes=[1])
    (people,) = replay([load_recording(text)], output="people", classes=[0])
    assert people.row_count == 2
    # Recordings of earlier versions do not say: every class is accepted.
    older = replace(two, detector={name: value for name, value in two.detector.items() if name != "class_count"})
    (none,) = replay([older], output="older", classes=[5])
    assert none.row_count == 0


@pytest.mark.parametrize("stop", [InputError("broken"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_what_is_tracked_before_a_stop_has_its_run_file(recording, tmp_path, stop):
    def progress(name, done, _):
        if name == "second" and done == 3:
            raise stop

    with pytest.raises(type(stop)):
        replay([recording, replace(recording, name="second")], output="stopped", progress=progress)
    content = json.loads((tmp_path / "stopped" / "run.json").read_text())
    assert list(content["sources"]) == ["street"]
    assert content["sources"]["street"]["frames"] == COUNT


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("where", ["street", "second"])
def test_a_signal_finishes_the_recording_under_way(recording, tmp_path, number, where):
    """All files hold the frames up to there, those of an undisturbed run; later recordings are missing."""

    def progress(name, done, _):
        if name == where and done == 7:
            os.kill(os.getpid(), number)

    three = [recording, replace(recording, name="second"), replace(recording, name="third")]
    with ended_by_signals():  # as the command has it
        runs = replay(three, output="stopped", outputs=SERVED, record=True, refine=True, progress=progress)
    names = ["street", "second"][: 1 + (where == "second")]
    assert [(run.name, run.interrupted) for run in runs] == [(name, name == where) for name in names]
    about = json.loads((tmp_path / "stopped" / "run.json").read_text())["sources"]
    assert {name: (each["frames"], each["interrupted"]) for name, each in about.items()} == {
        name: (7, True) if name == where else (COUNT, False) for name in names
    }
    (short,) = replay([recording], output="short", outputs=SERVED, refine=True, end=7)
    assert contents(runs[-1]) == contents(short)
    with pytest.raises(AssertionError):  # the twin: a frame more
        assert contents(runs[-1]) == contents(replay([recording], output="x", outputs=SERVED, refine=True, end=8)[0])
    assert not list((tmp_path / "stopped").glob(".*"))


def test_a_signal_before_the_first_recorded_frame_leaves_the_old_run(recording, tmp_path, monkeypatch):
    (run,) = replay([recording], output="kept", outputs=SERVED)
    before = contents(run)
    monkeypatch.setattr(replay_module, "TrackerRecord", lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        replay([recording], output="kept", outputs=SERVED, overwrite=True, record=True)
    assert contents(run) == before


def test_a_second_signal_drops_the_recording_under_way(recording, tmp_path):
    def progress(name, done, _):
        if name == "second" and done == 7:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        replay([recording, replace(recording, name="second")], output="stopped", progress=progress)
    assert sorted(path.name for path in (tmp_path / "stopped").iterdir()) == ["run.json", "street.txt"]


def test_every_counts_recorded_frames(source, recording):
    (direct,) = track(source, Finder(), output="sparse", video=False, start=1, every=2, save_detections=True)
    sparse = load_recording(direct.detections)
    (again,) = replay([sparse], output="a", outputs=SERVED, every=2, start=4)
    (whole,) = replay([recording], output="b", outputs=SERVED, every=4, start=5)
    assert contents(again) == contents(whole)
    # Frames that could not be read are missing from both.
    kept = np.arange(COUNT) != 9
    rows = recording.rows.select(np.repeat(kept, np.diff(recording.starts)))
    starts = np.concatenate([[0], np.cumsum(np.diff(recording.starts)[kept])])
    gap = replace(
        recording,
        frame_indices=recording.frame_indices[kept],
        starts=starts,
        rows=rows,
        seconds=recording.seconds[kept],
    )
    (run,) = replay([gap], output="c", every=3)
    assert sorted(set(np.loadtxt(run.text, delimiter=",")[:, 0] - 1)) == [i for i in range(0, COUNT, 3) if i != 9]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"start": COUNT}, f"holds no frames from {COUNT} on"),
        ({"start": 5, "end": 5}, "expected 0 <= start < end"),
        ({"every": 0}, "expected 1"),
    ],
)
def test_ranges_without_frames_are_named(recording, tmp_path, selection, message):
    with pytest.raises(InputError, match=message):
        replay([recording], output=tmp_path / "never", **selection)
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("name", ["video", "images", "crops", "heatmap", "blur", "show"])
def test_outputs_that_need_images_are_refused_by_name(recording, tmp_path, name):
    wanted = Outputs(**{"video": False, name: True})
    with pytest.raises(InputError, match=rf"street\.detections\.npz: {name} needs images"):
        replay([recording], output=tmp_path / "never", outputs=wanted)
    assert not (tmp_path / "never").exists()


def test_places_need_the_size_of_the_frames(recording, tmp_path):
    unknown = replace(recording, image_size=None)
    for wanted in (Outputs(video=False, lines=SERVED.lines), Outputs(video=False, zones=SERVED.zones)):
        with pytest.raises(InputError, match="lines and zones need the size of the frames, which is not recorded"):
            replay([unknown], output=tmp_path / "never", outputs=wanted)
    assert not (tmp_path / "never").exists()
    (run,) = replay([unknown], output="rows", outputs=Outputs(video=False, csv=True))
    assert run.row_count == 2 * COUNT


def test_each_recording_is_tracked_with_its_own_parameters(recording):
    fused = TrackerConfig.preset("fused", confidence=0.95)
    own = replace(recording, name="fused", detector={**recording.detector, "tracker": json.loads(fused.note())})
    runs = replay([recording, own], output="both")
    (plain,), (alone,) = replay([recording], output="plain"), replay([recording], fused, output="alone")
    assert [run.text.read_bytes() for run in runs] == [plain.text.read_bytes(), alone.text.read_bytes()]
    assert runs[0].row_count > runs[1].row_count
    content = json.loads((runs[0].text.parent / "run.json").read_text())
    assert content["tracker"] is content["detector"] is None
    assert TrackerConfig(**content["sources"]["fused"]["tracker"]) == fused
    assert TrackerConfig(**content["sources"]["street"]["tracker"]) == TrackerConfig()
    # One configuration for all goes to the top.
    replay([recording, own], fused, output="same")
    shared = json.loads((runs[0].text.parent.parent / "same" / "run.json").read_text())
    assert shared["detector"] is None or TrackerConfig(**shared["tracker"]) == fused


def test_results_never_replace_the_recording(tmp_path):
    text = tmp_path / "det.txt"
    text.write_text("1,-1,10,20,40,90,0.9,-1,-1,-1\n")
    with pytest.raises(InputError, match=r"det\.txt: the results would replace what is tracked"):
        replay([load_recording(text)], output=tmp_path, overwrite=True)
    assert text.read_text().startswith("1,-1,")
    assert files(tmp_path) == ["det.txt"]
