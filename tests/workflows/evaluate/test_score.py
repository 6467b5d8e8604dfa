"""What ``score`` takes beside a benchmark's name: DanceTrack, half-val, classes, processes; TrackEval referees."""

import json
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest

import fairmot
from fairmot.errors import InputError
from fairmot.formats.halves import first_index
from fairmot.workflows.evaluate import score as scoring

GOLDEN = Path(__file__).parents[2] / "evaluation" / "make_golden.py"


def table(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


@pytest.fixture
def dance(synthetic, tmp_path):
    """Dancers: ground truth of class 1 alone, as DanceTrack's."""
    rng = np.random.default_rng(3)
    truth, results = tmp_path / "dancetrack" / "val", tmp_path / "results"
    results.mkdir()
    for index in (1, 2):
        name = f"dancetrack{index:04}"
        rows = synthetic.make_truth(rng, frames=30, people=8, spread=300.0, marked=0.0)
        rows[:, 6:9] = 1
        synthetic.write_sequence(truth / name, rows, 30)
        synthetic.write_rows(results / f"{name}.txt", synthetic.perturb(rng, rows, frames=30))
    return truth, results


@pytest.fixture
def classes(synthetic, tmp_path):
    return synthetic.make_classes(tmp_path)


def only_class(synthetic, folders, folder: Path, class_id: int) -> tuple[Path, Path]:
    """The same files with the rows of one class alone, called pedestrians."""
    truth, results = folder / "truth", folder / "results"
    results.mkdir(parents=True)
    for sequence in sorted(folders[0].iterdir()):
        rows = table(sequence / "gt" / "gt.txt")
        rows = rows[rows[:, 7] == class_id]
        rows[:, 7] = 1
        found = table(folders[1] / f"{sequence.name}.txt")
        found = found[np.where(found[:, 7] == -1, 1, found[:, 7]) == class_id]
        found[:, 7] = 1
        synthetic.write_sequence(truth / sequence.name, rows, 25)
        synthetic.write_rows(results / f"{sequence.name}.txt", found)
    return truth, results


def second_halves(synthetic, folders, folder: Path) -> tuple[Path, Path]:
    """Files of the second half as published: ground truth cut and renumbered, results renumbered."""
    truth, results = folder / "truth", folder / "results"
    results.mkdir(parents=True)
    for sequence in sorted(folders[0].iterdir()):
        line = next(x for x in (sequence / "seqinfo.ini").read_text().splitlines() if x.startswith("seqLength"))
        count = int(line.split("=")[1])
        # CenterTrack's: indices n // 2 + 1 to n - 1, and the number is the index + 1 - the first one.
        first = count // 2 + 1
        for source, target in (
            (sequence / "gt" / "gt.txt", None),
            (folders[1] / f"{sequence.name}.txt", results / f"{sequence.name}.txt"),
        ):
            rows = table(source) if source.stat().st_size else np.empty((0, 10))
            rows = rows[rows[:, 0] - 1 >= first]
            rows[:, 0] -= first
            if target is None:
                synthetic.write_sequence(truth / sequence.name, rows, count - first)
            else:
                synthetic.write_rows(target, rows)
    return truth, results


def trackeval(truth: Path, results: Path, benchmark: str, folder: Path) -> dict:
    python = os.environ.get("FAIRMOT_TRACKEVAL_PYTHON")
    if not python:
        pytest.skip("FAIRMOT_TRACKEVAL_PYTHON does not name an interpreter that has TrackEval")
    answer = folder / "reference.json"
    command = [python, str(GOLDEN), "score", str(truth), str(results), benchmark, str(answer)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return json.loads(answer.read_text())


def must_differ(compare, report: dict, reference: dict) -> None:
    reference["combined"]["AssA"] += 1e-8
    with pytest.raises(AssertionError, match="AssA"):
        compare(report, reference)


def test_dancetrack_has_no_distractor_step(dance):
    report = fairmot.score(*dance)
    assert report["benchmark"] == "DanceTrack"
    assert 0.1 < report["combined"]["HOTA"] < 0.95
    # Class 7 would be a distractor in MOT17; here it is no dancer, and results on it are wrong.
    path = dance[0] / "dancetrack0001" / "gt" / "gt.txt"
    rows = table(path)
    rows[rows[:, 1] == 2, 7] = 7
    np.savetxt(path, rows, delimiter=",", fmt="%.10g")
    dancers, walkers = fairmot.score(*dance), fairmot.score(*dance, "MOT17")
    assert dancers["combined"]["CLR_FP"] > walkers["combined"]["CLR_FP"]
    assert dancers["combined"]["GT_Dets"] == walkers["combined"]["GT_Dets"] < report["combined"]["GT_Dets"]


def test_dancetrack_equals_trackeval_as_dancetrack_runs_it(dance, compare_reports, tmp_path):
    reference = trackeval(*dance, "MOT17", tmp_path)
    report = fairmot.score(*dance)
    compare_reports(report, reference)
    must_differ(compare_reports, report, reference)


@pytest.mark.parametrize(
    ("count", "length"), [(600, 299), (1050, 524), (837, 418), (525, 262), (654, 326), (900, 449), (750, 374), (3, 1)]
)
def test_lengths_of_the_second_halves_of_mot17_are_the_published_ones(count, length):
    assert count - first_index(count) == length


def test_half_val_equals_files_that_were_cut(synthetic, compare_reports, tmp_path):
    folders = synthetic.make_benchmark(tmp_path, "MOT17", 31)
    cut = second_halves(synthetic, folders, tmp_path / "cut")
    report = fairmot.score(folders[0], cut[1], half_val=True, classic=True)
    assert report.pop("half_val") is True
    assert report == fairmot.score(*cut, "MOT17", classic=True)
    assert 0.1 < report["combined"]["HOTA"] < 0.95
    reference = trackeval(*cut, "MOT17", tmp_path)
    compare_reports(report, reference)
    must_differ(compare_reports, report, reference)


def test_half_val_refuses_results_of_whole_sequences(synthetic, tmp_path):
    folders = synthetic.make_benchmark(tmp_path, "MOT17", 31)
    with pytest.raises(InputError, match=r"MOT17-01-street.txt:\d+: .*\(1 to 19, results of the second half count"):
        fairmot.score(*folders, half_val=True)
    ini = folders[0] / "MOT17-01-street" / "seqinfo.ini"
    (ini.parent / "gt" / "gt.txt").write_text("")
    ini.write_text("[Sequence]\nseqLength=2\n")
    with pytest.raises(InputError, match="2 frames have no second half"):
        fairmot.score(*folders, half_val=True)


def test_each_class_equals_files_with_that_class_alone(synthetic, classes, compare_reports, tmp_path):
    report = fairmot.score(*classes, "none", classes=[1, 2, 3], classic=True)
    for class_id in (1, 2, 3):
        alone = only_class(synthetic, classes, tmp_path / str(class_id), class_id)
        expected = fairmot.score(*alone, "none", classic=True)
        expected.pop("benchmark")
        assert report["classes"][str(class_id)] == expected
        assert 0.1 < expected["combined"]["HOTA"] < 0.95
    for field in ("CLR_TP", "IDSW", "IDTP", "Dets", "GT_IDs"):
        assert report["combined"][field] == sum(part["combined"][field] for part in report["classes"].values())
    means = [part["combined"]["MOTA"] for part in report["classes"].values()]
    assert report["class_mean"]["MOTA"] == pytest.approx(np.mean(means), abs=1e-12)
    assert "CLR_TP" not in report["class_mean"]
    assert report["classic"]["combined"]["FP"] == sum(
        part["classic"]["combined"]["FP"] for part in report["classes"].values()
    )
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    reference = trackeval(*alone, "none", tmp_path)
    compare_reports(report["classes"]["3"], reference)
    must_differ(compare_reports, report["classes"]["3"], reference)


def test_one_class_is_the_report(classes):
    report = fairmot.score(*classes, "none", classes=[2])
    assert report["sequences"] == report["classes"]["2"]["sequences"]
    assert report["combined"] == report["classes"]["2"]["combined"]


@pytest.mark.parametrize(
    ("benchmark", "wanted", "message"),
    [
        ("MOT15", [1], "MOT15 has none"),
        ("MOT17", [1, 3], "MOT17 scores pedestrians"),
        ("none", [], r"\(none\) of column 8: expected different"),
        ("none", [2, 2], "expected different class numbers"),
        ("none", [-1], "expected different class numbers"),
        ("none", None, "a.txt:.*only pedestrians"),
    ],
)
def test_classes_that_cannot_be_scored(classes, benchmark, wanted, message):
    with pytest.raises(InputError, match=message):
        fairmot.score(*classes, benchmark, classes=wanted)


def test_processes_change_nothing_but_the_time(dance):
    calls = []
    one = fairmot.score(*dance, classic=True, progress=lambda *call: calls.append(call))
    assert fairmot.score(*dance, jobs=2, classic=True, progress=lambda *call: calls.append(call)) == one
    assert calls == 2 * [("sequences", 1, 2), ("sequences", 2, 2)]
    # What a process raises travels as a pickle.
    assert str(pickle.loads(pickle.dumps(InputError("a.txt:1: wrong")))) == "a.txt:1: wrong"


def test_processes_are_started_where_they_pay_off(dance, monkeypatch):
    files = [dance[1] / f"{folder.name}.txt" for folder in sorted(dance[0].iterdir())]
    folders = sorted(dance[0].iterdir())
    assert scoring._jobs_that_pay_off(folders, files) == 1
    monkeypatch.setattr(scoring, "BYTES_WORTH_A_PROCESS", 1)
    assert scoring._jobs_that_pay_off(folders, files) == len(os.sched_getaffinity(0))
