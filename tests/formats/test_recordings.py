"""Detections once, tracker often: the tracker alone gives the rows of the direct run, to the byte."""

import json

import numpy as np
import pytest
import walkers

from fairmot.config import TrackerConfig, load_tracker_config
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.formats.recordings import Recorder, load_recording
from fairmot.media.outputs.video import VideoWriter
from fairmot.tracking.record import load_record
from fairmot.workflows.track.replay import replay, tracked_frames
from fairmot.workflows.track.track import track


@pytest.fixture
def direct(tmp_path, monkeypatch):
    """A run with noise in the boxes, every second frame; with a description of the detector."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)

    class Noisy:
        architecture, input_size, confidence = "bright", (320, 160), 0.1

        def __call__(self, image):
            found = walkers.find_bright(image)
            shake = rng.normal(0, 1.5, found.boxes_xyxy.shape).astype(np.float32)
            scores = rng.uniform(0.2, 1, len(found)).astype(np.float32)
            return Detections(found.boxes_xyxy + shake, scores, found.embeddings, found.class_ids)

    film = walkers.film(tmp_path / "street.mp4")
    (run,) = track(film, Noisy(), output="direct", video=False, start=1, every=2, save_detections=True, record=True)
    return run


def test_the_tracker_alone_gives_the_same_rows(direct):
    recording = load_recording(direct.detections)
    assert (recording.name, recording.every, recording.image_size) == ("street", 2, walkers.SIZE)
    assert recording.frame_indices.tolist() == list(range(1, walkers.COUNT, 2))
    assert recording.detector == {"architecture": "bright", "input_size": [320, 160], "confidence": 0.1}
    (again,) = replay([recording], output="again", record=True)
    assert again.text.read_bytes() == direct.text.read_bytes()
    assert (again.row_count, again.identity_count, again.frame_count) == (
        direct.row_count,
        direct.identity_count,
        direct.frame_count,
    )
    for ours, theirs in zip(load_record("again/street.record.npz"), load_record(direct.record), strict=True):
        assert len(ours)
        np.testing.assert_array_equal(ours, theirs)


def test_another_threshold_or_a_moved_box_gives_others(direct):
    recording = load_recording(direct.detections)
    (other,) = replay([recording], TrackerConfig(confidence=0.7), output="other")
    assert other.text.read_bytes() != direct.text.read_bytes()
    recording.rows.boxes_xyxy[-1] += 0.01
    (moved,) = replay([recording], output="moved")
    assert moved.text.read_bytes() != direct.text.read_bytes()


def test_times_that_vary_are_followed_as_in_the_direct_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A camera that pauses twice and then sends what it held back.
    seconds = np.arange(walkers.COUNT) / 25 + np.repeat([0, 0.4, 1.3], [12, 9, walkers.COUNT - 21])
    seconds[30:33] -= [0.02, 0.04, 0.06]
    with VideoWriter(tmp_path / "street.mp4", walkers.SIZE, 25) as writer:
        for index, at in enumerate(seconds):
            writer.write(walkers.street(index), at)
    (direct,) = track("street.mp4", walkers.find_bright, output="direct", save_detections=True, record=True)
    recording = load_recording(direct.detections)
    np.testing.assert_allclose(recording.times(), seconds, atol=5e-4)
    (again,) = replay([recording], output="again", record=True)
    assert again.text.read_bytes() == direct.text.read_bytes()
    for ours, theirs in zip(load_record(again.record), load_record(direct.record), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # At an even rate the filter moves people too little over the pauses.
    (even,) = replay([load_recording(direct.detections, recording.frame_rate)], output="even")
    assert even.text.read_bytes() != direct.text.read_bytes()


def test_recordings_without_times_have_frames_at_their_rate(tmp_path, direct):
    with np.load(direct.detections) as arrays:
        content = {name: array for name, array in arrays.items() if name != "seconds"}
    np.savez(tmp_path / "older.npz", **content)
    recording = load_recording(tmp_path / "older.npz")
    np.testing.assert_allclose(recording.times(), np.arange(1, walkers.COUNT, 2) / 25)
    (again,) = replay([recording], output="again")
    assert again.text.read_bytes() == direct.text.read_bytes()


def test_what_is_saved_is_what_was_found(tmp_path):
    recorder = Recorder()
    rng = np.random.default_rng(1)
    frames = [
        Detections(rng.random((n, 4)) * 100, rng.random(n), rng.random((n, 8)), np.arange(n) % 2) for n in (3, 0, 2)
    ]
    for index, frame in zip((0, 1, 5), frames, strict=True):
        recorder.add(index, index / 12.5, frame)
    path = tmp_path / "a.npz"
    recorder.recording("a", path, 12.5, frame_count=9).save(path)
    recording = load_recording(path)
    assert (recording.frame_rate, recording.frame_count, len(recording)) == (12.5, 9, 3)
    np.testing.assert_array_equal(recording.times(), [0, 0.08, 0.4])
    for (index, found), expected, number in zip(recording, frames, (0, 1, 5), strict=True):
        assert index == number
        for name in ("boxes_xyxy", "scores", "class_ids"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        if len(expected):
            np.testing.assert_array_equal(found.embeddings, expected.embeddings)
    other = load_recording(path, frame_rate=30)
    assert other.frame_rate == 30
    np.testing.assert_allclose(other.times(), [0, 1 / 30, 5 / 30])


@pytest.fixture
def sequence(tmp_path):
    folder = tmp_path / "MOT15-01"
    (folder / "det").mkdir(parents=True)
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=x\nframeRate=14\nseqLength=20\nimWidth=640\nimHeight=480\n")
    lines = [f"{frame},-1,{10 + 3 * frame},20,40,90,37.5,-1,-1,-1\n" for frame in range(1, 13)]
    (folder / "det" / "det.txt").write_text("".join(reversed(lines)))
    return folder / "det" / "det.txt"


def test_any_detectors_text_is_tracked_without_embeddings(sequence):
    recording = load_recording(sequence)
    assert (recording.name, recording.frame_rate, recording.image_size) == ("MOT15-01", 14, (640, 480))
    assert len(recording) == recording.frame_count == 20
    (run,) = replay([recording], output=sequence.parent / "out")
    rows = np.loadtxt(run.text, delimiter=",")
    assert (run.identity_count, run.text.name, len(rows)) == (1, "MOT15-01.txt", 12)
    np.testing.assert_allclose(rows[:, 2], 10 + 3 * rows[:, 0], atol=1.5)
    lonely = sequence.parents[1].parent / "people.txt"
    sequence.rename(lonely)
    alone = load_recording(lonely)
    assert (alone.name, alone.frame_rate, alone.image_size, len(alone)) == ("people", 30, None, 12)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3,-1,1,2,3\n", r"det.txt:13: 5 columns, the first line has 10"),
        ("3,-1,1,2,-3,4,1,-1,-1,-1\n", r"det.txt:13: width and height must not be negative"),
        ("3,-1,1,2,nan,4,1,-1,-1,-1\n", r"det.txt:13: a value is not a finite number"),
        ("21,-1,1,2,3,4,1,-1,-1,-1\n", r"det.txt:13: the frame is outside the sequence \(1 to 20"),
        ("0,-1,1,2,3,4,1,-1,-1,-1\n", r"det.txt:13: the frame is outside the sequence"),
        ("1.5,-1,1,2,3,4,1,-1,-1,-1\n", r"det.txt:13: the frame must be a whole number"),
        ("3;-1;1;2;3;4;1;-1;-1;-1\n", r"det.txt:13: semicolons"),
    ],
)
def test_a_wrong_line_of_text_is_named(sequence, line, message):
    sequence.write_text(sequence.read_text() + line)
    with pytest.raises(InputError, match=message):
        load_recording(sequence)


def test_what_is_no_recording_is_said(tmp_path, direct):
    with pytest.raises(InputError, match="no such file"):
        load_recording(tmp_path / "absent.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(direct.detections.read_bytes()[:300])
    with pytest.raises(InputError, match="not a recording"):
        load_recording(broken)
    with np.load(direct.detections) as arrays:
        content = dict(arrays)
    for name, change in (
        ("counts", content["counts"] + 1),
        ("seconds", content["seconds"][1:]),
        ("seconds", content["seconds"] * np.nan),
        ("seconds", content["seconds"].astype(str)),
    ):
        np.savez(broken, **{**content, name: change})
        with pytest.raises(InputError, match="not a recording"):
            load_recording(broken)
    about = {**json.loads(str(content["about"])), "version": 99}
    np.savez(broken, **{**content, "about": np.array(json.dumps(about))})
    with pytest.raises(InputError, match="of version 1; track with saved detections to make one"):
        load_recording(broken)
    with pytest.raises(InputError, match="not a recording"):
        load_recording(direct.record)


def test_what_a_recording_does_not_hold_is_said_before_anything_is_tracked(sequence):
    recording = load_recording(sequence)
    for change in ({"camera_motion": "flow"}, {"score_noise": True}):
        with pytest.raises(InputError, match=f"det.txt: {next(iter(change))} needs"):
            next(tracked_frames(recording, TrackerConfig(**change)))
        with pytest.raises(InputError, match="needs"):
            replay([recording], TrackerConfig(**change), output=sequence.parent / "never")
    assert not (sequence.parent / "never").exists()


def test_tracker_parameters_by_name_and_from_yaml(tmp_path):
    assert load_tracker_config() == TrackerConfig()
    assert load_tracker_config("crowd") == TrackerConfig.preset("crowd")
    assert load_tracker_config("byte", 0.5).confidence == 0.5
    path = tmp_path / "mine.yaml"
    path.write_text("preset: byte\nmax_iou_distance: 0.6\n")
    assert load_tracker_config(path) == TrackerConfig.preset("byte", max_iou_distance=0.6)
    path.write_text("max_iou_distanc: 0.6\n")
    with pytest.raises(
        InputError, match=r"mine.yaml: tracker: unknown parameter 'max_iou_distanc' \(did you mean 'max_iou_distance'"
    ):
        load_tracker_config(path)
    for text in ("- 1\n", "a: [\n", "3: 4\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"mine\.yaml"):
            load_tracker_config(path)
    with pytest.raises(InputError, match="unknown tracker preset 'bite'"):
        load_tracker_config("bite")
    with pytest.raises(InputError, match=r"absent\.yaml: cannot be read"):
        load_tracker_config(tmp_path / "absent.yaml")
