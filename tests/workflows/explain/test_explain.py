"""Errors and their reasons on a made street where it is known what goes wrong."""

import json
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
import synthetic
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import BENCHMARKS
from fairmot.evaluation.errors import find_tracking_errors
from fairmot.formats.recordings import Recorder
from fairmot.formats.run_file import write_run
from fairmot.formats.sequences import load_sequence
from fairmot.workflows.evaluate.score import score
from fairmot.workflows.explain.contact_sheets import TILE_PX, write_sheets
from fairmot.workflows.explain.explain import explain
from fairmot.workflows.track.replay import replay

FIELDS = {"switch": "IDSW", "fragmentation": "Frag", "miss": "CLR_FN", "false positive": "CLR_FP"}
COUNT = 30
GAP = range(12, 15)


def box(person, index):
    left = 20 + 4 * index if person == 0 else 400 - 4 * index
    return np.array([left, 50 + 160 * person, left + 40, 150 + 160 * person], np.float32)


@pytest.fixture
def street(tmp_path):
    """Two people; the first is not found for three frames and then has another appearance; one false box."""
    recorder = Recorder()
    appearances = np.eye(4, dtype=np.float32)
    truth = []
    for index in range(COUNT):
        people = [0, 1]
        for person in people:
            left, top, right, bottom = box(person, index)
            truth.append(f"{index + 1},{person + 1},{left},{top},{right - left},{bottom - top},1,1,1\n")
        seen = [1] if index in GAP else people
        boxes = [box(person, index) for person in seen]
        found_appearances = [appearances[2 if person == 0 and index >= GAP.stop else person] for person in seen]
        if index in (20, 21, 22):
            boxes.append(np.array([500, 300, 540, 400], np.float32))
            found_appearances.append(appearances[3])
        recorder.add(
            index, index / 30, Detections(np.array(boxes), np.full(len(boxes), 0.9), np.array(found_appearances))
        )
    folder = tmp_path / "data" / "MOT17-01"
    (folder / "gt").mkdir(parents=True)
    (folder / "gt" / "gt.txt").write_text("".join(truth))
    (folder / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={COUNT}\nimWidth=640\nimHeight=480\nframeRate=30\n")
    recording = recorder.recording("MOT17-01", tmp_path / "x", 30, image_size=(640, 480))
    replay(
        [recording], TrackerConfig(max_iou_distance=0.1, duplicate_iou_distance=0), output=tmp_path / "out", record=True
    )
    return folder, tmp_path / "out"


def test_every_error_is_named_and_they_add_up_to_the_scores(street):
    folder, out = street
    errors = [one.error for one in explain(folder, out)["MOT17-01"]]
    combined = score(folder, out)["combined"]
    for kind, field in FIELDS.items():
        found = [error for error in errors if error.kind == kind]
        assert len(found) == combined[field] > 0, kind
    (switch,) = [error for error in errors if error.kind == "switch"]
    assert (switch.person, switch.identity_before, switch.last_frame) == (1, 1, GAP.start)
    assert switch.identity not in (1, 2)
    # A new track shows from its second frame on.
    assert switch.frame == GAP.stop + 2
    assert switch.iou > 0.8
    assert switch.true_box == (20 + 4 * (switch.frame - 1), 50, 40, 100)
    misses = [error for error in errors if error.kind == "miss"]
    assert [error.frame for error in misses] == list(range(GAP.start + 1, switch.frame))
    assert {(error.person, error.identity, error.identity_before, error.last_frame) for error in misses} == {
        (1, None, 1, GAP.start)
    }
    assert {error.box for error in errors if error.kind == "false positive"} == {(500, 300, 40, 100)}


def test_the_record_says_why(street):
    folder, out = street
    (one,) = explain(folder, out, frame=GAP.stop + 1, kinds=("miss",))["MOT17-01"]
    tracks = {row["identity"]: row for row in one.tracks}
    assert tracks[1]["state"] == "lost"
    assert tracks[1]["reason"] == "too_different"
    (pair,) = [pair for pair in one.pairs if pair["identity"] == 1]
    # Another appearance: cosine distance 1, though it is where the track was expected.
    assert pair["appearance"] == pytest.approx(1, abs=1e-5)
    assert pair["in_gate"]
    assert pair["iou"] > 0.7
    assert pair["cost"] > TrackerConfig().max_appearance_cost
    assert pair["matched_in"] is None
    (found,) = one.detections
    assert found["fate"] == "started"
    assert {"identity": found["identity"], "event": "born", "other": found["detection"]} in one.events
    assert one.as_json()["frame"] == GAP.stop + 1


def test_filters(street):
    folder, out = street
    everything = explain(folder, out)["MOT17-01"]
    of_one = explain(folder, out, identity=1)["MOT17-01"]
    assert 0 < len(of_one) < len(everything)
    assert all(1 in (x.error.identity, x.error.identity_before, x.error.person) for x in of_one)
    (one,) = explain(folder, out, kinds=("switch",), sequence="MOT17-01")["MOT17-01"]
    assert one.error.kind == "switch"
    with pytest.raises(InputError, match="no such error: swap"):
        explain(folder, out, kinds=("swap",))
    with pytest.raises(InputError, match="no sequence 'x'"):
        explain(folder, out, sequence="x")


def test_without_a_record_there_are_errors_without_costs(street):
    folder, out = street
    (out / "MOT17-01.record.npz").rename(out / "elsewhere.npz")
    bare = explain(folder, out)["MOT17-01"]
    assert bare
    assert all(one.tracks == one.pairs == [] for one in bare)
    with_record = explain(folder, out, record=out / "elsewhere.npz")["MOT17-01"]
    assert [one.error for one in with_record] == [one.error for one in bare]
    assert any(one.pairs for one in with_record)


def test_a_record_of_other_results_is_refused(street):
    folder, out = street
    with np.load(out / "MOT17-01.record.npz") as arrays:
        content = dict(arrays)
    np.savez(out / "MOT17-01.record.npz", **{**content, "frames": content["frames"][:20]})
    with pytest.raises(InputError, match="it has no frame 21"):
        explain(folder, out)


@pytest.mark.parametrize("benchmark", ["MOT15", "MOT17", "MOT20", "none"])
def test_errors_add_up_on_made_sequences(benchmark, tmp_path):
    truth, results = synthetic.make_benchmark(tmp_path, benchmark, 7)
    report = score(truth, results, benchmark)
    for name, scores in report["sequences"].items():
        errors = find_tracking_errors(load_sequence(truth / name, results / f"{name}.txt"), BENCHMARKS[benchmark])
        for kind, field in FIELDS.items():
            assert sum(error.kind == kind for error in errors) == scores[field], (name, kind)


def test_classes_are_compared_one_by_one_as_the_scores_are(tmp_path):
    truth, results = synthetic.make_classes(tmp_path)
    scores = score(truth, results, "none", classes=[1, 2, 3])["sequences"]
    explained = explain(truth, results, "none")
    rows = synthetic.read_rows(truth / "a" / "gt" / "gt.txt")
    for name, ones in explained.items():
        for kind, field in FIELDS.items():
            assert sum(one.error.kind == kind for one in ones) == scores[name][field] > 0, (name, kind)
    misses = {
        (one.error.frame, one.error.person, one.error.true_box) for one in explained["a"] if one.error.box is None
    }
    assert misses < {(int(row[0]), int(row[1]), tuple(row[2:6])) for row in rows.tolist()}
    one_class = explain(truth, results, "none", classes=[2])
    stated = score(truth, results, "none", classes=[2])["sequences"]
    assert sum(one.error.kind == "miss" for one in one_class["a"]) == stated["a"]["CLR_FN"] < scores["a"]["CLR_FN"]
    with pytest.raises(InputError, match="expected different class numbers"):
        explain(truth, results, "none", classes=[2, 2])
    result = CliRunner().invoke(app, [*map(str, ("explain", truth, results)), "--benchmark", "none", "--classes", "1"])
    assert f"{stated['a']['CLR_FN']} miss" in result.stdout.splitlines()[0]


def test_a_contact_sheet_shows_the_frames_around(street):
    folder, out = street
    (folder / "img1").mkdir()
    for index in range(COUNT):
        image = np.full((480, 640, 3), 30, np.uint8)
        left, top, right, bottom = box(0, index).astype(int)
        image[top:bottom, left:right] = (10 * (index % 20), 200, 60)
        cv2.imwrite(str(folder / "img1" / f"{index + 1:06}.png"), image)
    pair = load_sequence(folder, out / "MOT17-01.txt")
    (switch,) = [one.error for one in explain(folder, out, kinds=("switch",))["MOT17-01"]]
    (path,) = write_sheets([switch], pair.truth, pair.results, folder, out / "sheets")
    assert path.name == f"{switch.frame:06}-switch-{switch.identity}.jpg"
    sheet = cv2.imread(str(path))
    # Six frames around the error, and the one of the last match.
    assert sheet.shape[1] == 7 * TILE_PX
    # Three times the box's height is shown, moved into the image.
    own = sheet[:TILE_PX, 4 * TILE_PX : 5 * TILE_PX]
    left, top, width, height = map(int, switch.true_box)
    assert 3 * height == TILE_PX
    middle = own[top + height // 2, left + width // 2].astype(int)
    assert abs(middle - (10 * ((switch.frame - 1) % 20), 200, 60)).max() < 25
    assert write_sheets([], pair.truth, pair.results, folder, out / "none") == []
    # A run that hid the people shows none of them here either.
    for blur, count in ((True, 0), (False, 1)):
        write_run(out, {"sources": {"MOT17-01": {"blur": blur}}})
        hidden = pytest.raises(InputError, match="the run hid the people in it") if blur else nullcontext()
        with hidden:
            write_sheets([switch], pair.truth, pair.results, folder, out / "again")
        assert len(list(out.glob("again/*"))) == count


def test_links_of_the_refinement_are_shown_with_the_errors_of_their_identity(street):
    folder, out = street
    (switch,) = explain(folder, out, kinds=("switch",))["MOT17-01"]
    assert switch.links == []
    link = {
        "identity": switch.error.identity,
        "earlier": 1,
        "later": 9,
        "last_frame": 10,
        "first_frame": 14,
        "round": 2,
    }
    other = {**link, "identity": 77}
    costs = {"cost": 0.25, "motion": 0.2, "height": 0.01, "appearance": None}
    record = out / "MOT17-01.refined.json"
    record.write_text(json.dumps({"links": [{**link, **costs}, {**other, **costs}]}))
    (switch,) = explain(folder, out, kinds=("switch",))["MOT17-01"]
    assert switch.links == [{**link, **costs}]
    shown = CliRunner().invoke(app, ["explain", str(folder), str(out), "--kind", "switch"]).output
    assert "9 (from frame 14) linked to 1 (to frame 10), round 2: cost 0.250" in shown
    record.write_text("{}")
    with pytest.raises(InputError, match=r"refined\.json: not the record of a refinement"):
        explain(folder, out)
