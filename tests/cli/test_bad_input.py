"""Input that is wrong, through the commands: one line that names file and line, or the rule that applies."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.errors import InputError

DETECTIONS = [f"{frame},-1,{10 + frame},20,30,60,0.9" for frame in range(1, 6)]
RESULTS = [f"{frame},1,{10 + frame},20,30,60,1,-1,-1,-1" for frame in range(1, 6)]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Call with words: what the command printed; an error comes through. Ground truth lies in ``data``."""
    monkeypatch.chdir(tmp_path)
    truth = tmp_path / "data" / "MOT15-01"
    (truth / "gt").mkdir(parents=True)
    (truth / "gt" / "gt.txt").write_text("\n".join(RESULTS))
    (truth / "seqinfo.ini").write_text("[Sequence]\nseqLength=6\n")
    (tmp_path / "results").mkdir()

    def call(*words):
        done = CliRunner().invoke(app, list(words), standalone_mode=False, catch_exceptions=True)
        if done.exception is not None:
            raise done.exception
        return done.stdout

    return call


def rows_of(command, tmp_path, lines):
    (tmp_path / "det.txt").write_text("\n".join(lines))
    command("track", "--detections", "det.txt", "--output", "out", "--overwrite", "--quiet")
    return (tmp_path / "out" / "det.txt").read_text()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("6,-1,nan,20,30,60,0.9", r"det\.txt:6: a value is not a finite number"),
        ("6,-1,inf,20,30,60,0.9", r"det\.txt:6: a value is not a finite number"),
        ("6,-1,1,20,-30,60,0.9", r"det\.txt:6: width and height must not be negative"),
        ("6,-1,1e12,20,30,60,0.9", r"det\.txt:6: the box is beyond any image"),
        ("2000000000,-1,1,20,30,60,0.9", r"det\.txt:6: the frame number is too large"),
        ("6;-1;1;20;30;60;0.9", r"det\.txt:6: semicolons"),
        ("6,-1,1", r"det\.txt:6: 3 columns"),
    ],
)
def test_detections_that_are_wrong(command, tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        rows_of(command, tmp_path, [*DETECTIONS, line])
    with pytest.raises(InputError, match=message):
        command("tune", "data", "det.txt", "--trials", "1")
    assert len(rows_of(command, tmp_path, DETECTIONS).splitlines()) == 5


def test_detections_that_are_odd(command, tmp_path):
    plain = rows_of(command, tmp_path, DETECTIONS)
    assert rows_of(command, tmp_path, DETECTIONS[::-1]) == plain
    assert rows_of(command, tmp_path, [line.replace(",", "\t") for line in DETECTIONS]) == plain
    assert rows_of(command, tmp_path, [*DETECTIONS, "3,-1,1,20,0,60,0.9"]) == plain  # without area: takes no part
    assert rows_of(command, tmp_path, []) == ""
    late = rows_of(command, tmp_path, [*DETECTIONS, "1200,-1,14,20,30,60,0.9", "1201,-1,14,20,30,60,0.9"])
    assert late.splitlines()[-1].startswith("1201,2,")  # no people for a thousand frames: a new identity
    twice = rows_of(command, tmp_path, DETECTIONS * 2)
    keys = [tuple(row.split(",")[:2]) for row in twice.splitlines()]
    assert len(keys) == len(set(keys)) == 2 * len(plain.splitlines())


def save(path, about=(), **changes):
    recorded = {"version": 1, "name": "x", "frame_rate": 30.0, "every": 1, "frame_count": 3, "image_size": None}
    arrays = {
        "about": np.array(json.dumps({**recorded, "detector": None, **dict(about)})),
        "frame_indices": np.arange(3),
        "counts": np.ones(3, np.int64),
        "boxes_xyxy": np.tile(np.float32([10, 10, 40, 80]), (3, 1)),
        "scores": np.full(3, 0.9, np.float32),
        "class_ids": np.zeros(3, np.int64),
        "embeddings": np.eye(3, dtype=np.float32),
    }
    np.savez(path, **{**arrays, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes_xyxy": np.float32([[10, 10, 40, 80], [10, 10, np.nan, 80], [1, 1, 2, 2]])}, "frame 2.*not finite"),
        ({"boxes_xyxy": np.float32([[10, 10, 40, 80], [10, 10, 5, 80], [1, 1, 2, 2]])}, "frame 2.*negative size"),
        ({"scores": np.full(3, np.nan, np.float32)}, "frame 1.*score nan is not finite"),
        ({"embeddings": np.zeros((3, 4), np.float32)}, "frame 1.*embedding is zero or not finite"),
        ({"embeddings": np.eye(2, 4, dtype=np.float32)}, "not a recording"),
        ({"frame_indices": np.array([2, 1, 0])}, "not a recording"),
        ({"class_ids": np.array([0.5, 1, 2])}, "not a recording"),
        ({"about": {"every": 0}}, "not a recording"),
        ({"about": {"frame_rate": -1}}, "not a recording"),
        ({"about": {"name": "../../elsewhere"}}, "not a recording"),
    ],
)
def test_a_recording_that_is_wrong(command, tmp_path, changes, message):
    words = ["track", "--detections", "x.npz", "--output", "out", "--quiet", "--overwrite"]
    save(tmp_path / "x.npz")
    command(*words)
    save(tmp_path / "x.npz", **changes)
    with pytest.raises(InputError, match=message):
        command(*words)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("6,1,nan,20,30,60,1,-1,-1,-1", r"MOT15-01\.txt:6: a value is not a finite number"),
        ("6,1,1,20,inf,60,1,-1,-1,-1", r"MOT15-01\.txt:6: a value is not a finite number"),
        ("6,1,1,20,30,-60,1,-1,-1,-1", r"MOT15-01\.txt:6: width and height must not be negative"),
        ("6,1,1e300,20,1e300,60,1,-1,-1,-1", r"MOT15-01\.txt:6: the box is beyond any image"),
        ("5,1,1,20,30,60,1,-1,-1,-1", r"MOT15-01\.txt:6: the identity occurs twice in this frame"),
        ("7,1,1,20,30,60,1,-1,-1,-1", r"MOT15-01\.txt:6: the frame is outside the sequence"),
        ("6;1;1;20;30;60;1;-1;-1;-1", r"MOT15-01\.txt:6: semicolons"),
    ],
)
def test_results_that_are_wrong(command, tmp_path, line, message):
    (tmp_path / "results" / "MOT15-01.txt").write_text("\n".join([*RESULTS, line]))
    for name in (["score", "data", "results"], ["explain", "data", "results"]):
        with pytest.raises(InputError, match=message):
            command(*name)


def test_results_that_are_odd(command, tmp_path):
    file = tmp_path / "results" / "MOT15-01.txt"
    answers = []
    for lines in (RESULTS, RESULTS[::-1], [line.replace(",", " ") for line in RESULTS], ["", *RESULTS, ""]):
        file.write_text("\n".join(lines))
        command("score", "data", "results", "--save-json", "s.json")
        answers.append(json.loads((tmp_path / "s.json").read_text()))
    assert answers[0]["combined"]["HOTA"] == 1
    assert answers[1:] == answers[:1] * 3


@pytest.mark.parametrize(
    ("text", "message"), [("gate: .nan", "gate"), ("max_appearance_cost: .nan", "max_appearance_cost")]
)
def test_constants_that_are_no_numbers(command, tmp_path, text, message):
    (tmp_path / "det.txt").write_text("\n".join(DETECTIONS))
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"t\.yaml: tracker: {message}.*nan"):
        command("track", "--detections", "det.txt", "--tracker", "t.yaml")


def test_a_sequence_longer_than_any_video(command, tmp_path):
    (tmp_path / "data" / "MOT15-01" / "seqinfo.ini").write_text("[Sequence]\nseqLength=1000000000000\n")
    (tmp_path / "results" / "MOT15-01.txt").write_text("\n".join(RESULTS))
    with pytest.raises(InputError, match=r"seqinfo\.ini: seqLength 1000000000000 is too large"):
        command("score", "data", "results")
