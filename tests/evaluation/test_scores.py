"""Scores equal TrackEval's: golden numbers, and its own code where an interpreter that has it is named."""

import copy
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import fairmot

FOLDER = Path(__file__).parent
GOLDEN = sorted((FOLDER / "golden").glob("*.json"))


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def golden(request, synthetic, shared, tmp_path):
    """Golden numbers beside our report on the same files."""
    reference = json.loads(request.param.read_text())
    benchmark = reference["benchmark"]
    if request.param.stem.startswith("synthetic_"):
        folders = synthetic.make_benchmark(tmp_path, benchmark, reference["seed"])
    else:
        source, names = next((s, n) for stem, s, n, _ in synthetic.SHARED if stem == request.param.stem)
        folders = synthetic.make_shared(tmp_path, shared("data", source), names)
    assert synthetic.fingerprint(*folders) == reference["fingerprint"], "the generator made other files"
    return fairmot.score(*folders, benchmark), reference


def test_equal_to_golden_and_a_change_is_noticed(golden, compare_reports):
    report, reference = golden
    compare_reports(report, reference)
    for place, field in (("combined", "HOTA"), ("combined", "MOTA"), ("combined", "IDF1"), ("combined", "AssA")):
        changed = copy.deepcopy(reference)
        changed[place][field] += 1e-8
        with pytest.raises(AssertionError, match=field):
            compare_reports(report, changed)
    changed = copy.deepcopy(reference)
    next(iter(changed["sequences"].values()))["LocA_alpha"][7] += 1e-8
    with pytest.raises(AssertionError, match="LocA_alpha"):
        compare_reports(report, changed)


def test_every_benchmark_and_the_shared_data_have_golden_numbers(synthetic):
    expected = {f"synthetic_{name}" for name in synthetic.SEEDS} | {entry[0] for entry in synthetic.SHARED}
    assert {path.stem for path in GOLDEN} == expected


def test_golden_sequences_are_not_trivial():
    for path in GOLDEN:
        combined = json.loads(path.read_text())["combined"]
        for field in ("CLR_TP", "CLR_FP", "CLR_FN", "IDSW", "Frag"):
            assert combined[field] > 0, (path.stem, field)
        assert 0.05 < combined["HOTA"] < 0.95


@pytest.mark.parametrize("benchmark", ["MOT15", "MOT16", "MOT17", "MOT20", "none"])
def test_equal_to_trackeval_itself(benchmark, synthetic, compare_reports, tmp_path):
    python = os.environ.get("FAIRMOT_TRACKEVAL_PYTHON")
    if not python:
        pytest.skip("FAIRMOT_TRACKEVAL_PYTHON does not name an interpreter that has TrackEval")
    for seed in (101, 102, 103):
        folder = tmp_path / str(seed)
        truth, results = synthetic.make_benchmark(folder, benchmark, seed)
        answer = folder / "reference.json"
        command = [python, str(FOLDER / "make_golden.py"), "score", str(truth), str(results), benchmark, str(answer)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        reference = json.loads(answer.read_text())
        report = fairmot.score(truth, results, benchmark)
        compare_reports(report, reference)
        reference["combined"]["DetPr_alpha"][3] -= 1e-8
        with pytest.raises(AssertionError, match="DetPr_alpha"):
            compare_reports(report, reference)


def test_combining_adds_counts_and_does_not_average(synthetic, tmp_path):
    report = fairmot.score(*synthetic.make_benchmark(tmp_path, "MOT17", 1), "MOT17")
    parts, combined = list(report["sequences"].values()), report["combined"]
    for field in ("CLR_TP", "CLR_FP", "CLR_FN", "IDSW", "IDTP", "Dets", "GT_Dets", "Frames"):
        assert combined[field] == sum(part[field] for part in parts)
    assert combined["HOTA_TP_alpha"] == np.sum([part["HOTA_TP_alpha"] for part in parts], axis=0).tolist()
    boxes = combined["CLR_TP"] + combined["CLR_FN"]
    assert combined["MOTA"] == pytest.approx(
        (combined["CLR_TP"] - combined["CLR_FP"] - combined["IDSW"]) / boxes, abs=1e-12
    )
    assert abs(combined["MOTA"] - np.mean([part["MOTA"] for part in parts])) > 0.01


def test_mean_and_list_over_alpha_belong_together(synthetic, tmp_path):
    combined = fairmot.score(*synthetic.make_benchmark(tmp_path, "MOT17", 1), "MOT17")["combined"]
    lists = [name for name in combined if name.endswith("_alpha")]
    assert len(lists) == 12
    for name in lists:
        assert len(combined[name]) == 19
        assert combined[name.removesuffix("_alpha")] == pytest.approx(np.mean(combined[name]), abs=1e-12)
    assert all(isinstance(value, int) for value in combined["HOTA_FP_alpha"])
