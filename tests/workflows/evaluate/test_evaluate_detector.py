"""The workflow ``evaluate`` on real image folders, with a detector that returns the ground truth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.workflows.evaluate.evaluate import evaluate
from fairmot.workflows.evaluate.run import EvaluationRun
from fairmot.workflows.evaluate.score import score

SIZE = (320, 160)
COUNT = 12
PEOPLE = 4
BOXES = np.array([[10 + 75 * person, 20, 50 + 75 * person, 120] for person in range(PEOPLE)], float)
ONES = ("HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1", "IDP", "IDR", "CLR_Re", "CLR_Pr")


def present(frame: int) -> np.ndarray:
    """Who is there: one after the other goes, so that neighbouring frames differ in number of people."""
    return np.flatnonzero(frame < COUNT - 3 * np.arange(PEOPLE))


def true_count(frames) -> int:
    return sum(len(present(frame)) for frame in frames)


class KnowsTheTruth:
    """A detector: the image's brightness is the frame's index, and everybody of that frame is found.

    ``late`` frames earlier is what it tells about; ``right`` pixels further right.
    """

    def __init__(self, late: int = 0, right: float = 0) -> None:
        self.late, self.right = late, right
        self.calls = 0

    def __call__(self, image: np.ndarray) -> Detections:
        self.calls += 1
        people = present(round(float(image.mean()) / 10) - self.late)
        boxes = BOXES[people] + [self.right, 0, self.right, 0]
        return Detections(boxes, np.full(len(people), 0.9), np.eye(PEOPLE, dtype=np.float32)[people])


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Call with a name and the columns after the confidence: a sequence of images and its ground truth."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, tail: str = ",1,1", parent: str = "data") -> Path:
        folder = tmp_path / parent / name
        (folder / "gt").mkdir(parents=True)
        (folder / "img1").mkdir()
        lines = []
        for frame in range(COUNT):
            image = np.full((SIZE[1], SIZE[0], 3), 10 * frame, np.uint8)
            cv2.imwrite(str(folder / "img1" / f"{frame + 1:06d}.png"), image)
            lines += [f"{frame + 1},{person + 1},{BOXES[person, 0]},20,40,100,1{tail}" for person in present(frame)]
        (folder / "gt" / "gt.txt").write_text("\n".join(lines) + "\n")
        (folder / "seqinfo.ini").write_text(f"[Sequence]\nimDir=img1\nframeRate=25\nseqLength={COUNT}\n")
        return folder

    return write


def all_ones(report: dict) -> None:
    for scores in (*report["sequences"].values(), report["combined"]):
        assert [scores[name] for name in ONES] == pytest.approx([1.0] * len(ONES), abs=1e-9)
        assert (scores["IDSW"], scores["CLR_FP"], scores["CLR_FN"]) == (0, 0, 0)
    assert report["classic"]["combined"]["MOTA"] == 1
    for precision in (*report["detection"]["sequences"].values(), report["detection"]["combined"]):
        assert precision["AP50"] == pytest.approx(1.0, abs=1e-12)


def test_the_truth_scores_one(write):
    write("MOT17-02")
    write("MOT17-04")
    report = evaluate("data", KnowsTheTruth(), EvaluationRun("out"))
    all_ones(report)
    assert list(report["sequences"]) == list(report["detection"]["sequences"]) == ["MOT17-02", "MOT17-04"]
    assert (report["benchmark"], report["output"], report["problems"]) == ("MOT17", "out", [])
    assert report["speed"]["frames"] == 2 * COUNT
    assert json.loads(Path("out/scores.json").read_text()) == report
    assert score("data", "out")["combined"] == report["combined"]
    assert evaluate("data", KnowsTheTruth(), EvaluationRun("out"))["output"] == "out-2"


@pytest.mark.parametrize("detector", [KnowsTheTruth(late=1), KnowsTheTruth(late=-1), KnowsTheTruth(right=30)])
def test_a_shifted_twin_does_not(write, detector):
    write("MOT17-02")
    report = evaluate("data", detector, EvaluationRun("out"))
    with pytest.raises(AssertionError):
        all_ones(report)
    assert report["combined"]["MOTA"] < 0.95
    assert report["detection"]["combined"]["AP50"] < 0.99
    assert report["problems"] == []


def test_an_unreadable_image_costs_its_own_frame_and_no_other(write):
    broken = write("MOT17-02") / "img1" / "000003.png"
    broken.write_bytes(b"no image")
    write("MOT17-04")
    report = evaluate("data", KnowsTheTruth(), EvaluationRun("out"))
    share = 1 - len(present(2)) / true_count(range(COUNT))
    own = report["sequences"]["MOT17-02"]
    assert own["MOTA"] == own["CLR_Re"] == pytest.approx(share)
    assert (own["IDSW"], own["CLR_FP"], own["Frames"]) == (0, 0, COUNT)
    assert report["detection"]["sequences"]["MOT17-02"]["AP50"] == pytest.approx(share)
    assert report["detection"]["sequences"]["MOT17-04"]["AP50"] == 1
    (problem,) = report["problems"]
    assert "000003.png: not an image that can be read" in problem


def test_a_missing_image_costs_its_own_frame_and_no_other(write):
    folder = write("MOT17-02")
    (folder / "img1" / "000003.png").unlink()
    report = evaluate("data", KnowsTheTruth(), EvaluationRun("out"))
    share = 1 - len(present(2)) / true_count(range(COUNT))
    assert report["combined"]["MOTA"] == report["combined"]["CLR_Re"] == pytest.approx(share)
    assert (report["combined"]["IDSW"], report["combined"]["CLR_FP"]) == (0, 0)
    assert report["detection"]["combined"]["AP50"] == pytest.approx(share)
    (problem,) = report["problems"]
    assert "000003.png: this image is missing" in problem


def test_images_that_are_missing_at_the_end_count_as_frames_without_results(write):
    folder = write("MOT17-02")
    for number in (11, 12):
        (folder / "img1" / f"{number:06d}.png").unlink()
    report = evaluate(folder, KnowsTheTruth(), EvaluationRun("out"))
    share = true_count(range(10)) / true_count(range(COUNT))
    assert share < 1
    assert report["combined"]["MOTA"] == pytest.approx(share)
    assert report["detection"]["combined"]["AP50"] == pytest.approx(share)
    (problem,) = report["problems"]
    assert problem.startswith(f"{folder}: 10 of 12 frames read")


def test_a_linked_sequence_has_the_links_name(write):
    folder = write("street", parent="store")
    Path("data").mkdir()
    for name in ("MOT16-01", "MOT16-02"):
        Path("data", name).symlink_to(folder)
    report = evaluate("data", KnowsTheTruth(), EvaluationRun("out"))
    all_ones(report)
    assert list(report["sequences"]) == ["MOT16-01", "MOT16-02"]
    assert sorted(path.name for path in Path("out").glob("*.txt")) == ["MOT16-01.txt", "MOT16-02.txt"]
    assert score("data", "out")["combined"] == report["combined"]


@pytest.mark.parametrize("tail", [",-3.2,7.9,0", ",2.4,-8.1,0.5", ",12,8,0"])
def test_coordinates_in_the_world_are_no_classes(write, tail):
    write("TUD-Campus", tail)
    report = evaluate("data", KnowsTheTruth(), EvaluationRun("out"))
    assert report["benchmark"] == "MOT15"
    all_ones(report)


def test_boxes_that_do_not_count_are_neither_asked_for_nor_punished(write):
    folder = write("MOT17-02")
    file = folder / "gt" / "gt.txt"
    # The detector finds the last person too: marked 0, it is ignored.
    rows = [line.split(",") for line in file.read_text().splitlines()]
    file.write_text("\n".join(",".join([*row[:6], "0" if row[1] == "4" else "1", *row[7:]]) for row in rows))
    precision = evaluate(folder, KnowsTheTruth(), EvaluationRun("out"))["detection"]["combined"]["AP50"]
    assert precision == 1
    file.write_text("\n".join(",".join(row) for row in rows if row[1] != "4"))
    assert evaluate(folder, KnowsTheTruth(), EvaluationRun("out"))["combined"]["CLR_FP"] > 0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda gt: gt.write_text(gt.read_text() + "1,9,0,0,5\n"), r"MOT17-04/gt/gt.txt:\d+: 5 columns"),
        (lambda gt: gt.write_text(gt.read_text() + "1,9,0,0,5,5,1,99,1\n"), r"gt.txt:\d+: class 99 is none"),
        (lambda gt: (gt.parents[1] / "seqinfo.ini").unlink(), r"seqinfo.ini: missing"),
        (
            lambda gt: cv2.imwrite(str(gt.parents[1] / "img1" / "000013.png"), np.zeros((160, 320, 3), np.uint8)),
            "13 images, but seqLength in seqinfo.ini is 12",
        ),
    ],
)
def test_bad_ground_truth_is_told_before_anything_is_tracked(write, damage, message):
    write("MOT17-02")
    damage(write("MOT17-04") / "gt" / "gt.txt")
    detector = KnowsTheTruth()
    with pytest.raises(InputError, match=message):
        evaluate("data", detector, EvaluationRun("out"))
    assert detector.calls == 0
    assert not Path("out").exists()
