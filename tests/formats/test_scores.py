import csv
import json

import pytest

import fairmot
from fairmot.formats.scores import load_scores, write_scores, write_scores_csv


@pytest.fixture
def report(synthetic, tmp_path):
    return fairmot.score(*synthetic.make_benchmark(tmp_path, "MOT17", 2), classic=True)


def test_csv_holds_full_precision(report, tmp_path):
    write_scores_csv(report, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sequence"] for row in rows] == [*report["sequences"], "COMBINED"]
    assert float(rows[-1]["HOTA"]) == report["combined"]["HOTA"]
    assert rows[0]["IDSW"] == str(next(iter(report["sequences"].values()))["IDSW"])
    write_scores_csv(report["classic"], tmp_path / "classic.csv")
    assert (tmp_path / "classic.csv").read_text().startswith("sequence,IDF1,IDP,IDR,Rcll")


def test_json_comes_back_equal_and_replaces_whole_files(report, tmp_path):
    path = tmp_path / "deep" / "scores.json"
    write_scores(report, path)
    assert json.loads(path.read_text()) == load_scores(path) == report
    with pytest.raises(ValueError, match="JSON"):
        write_scores({"combined": float("nan")}, path)
    assert json.loads(path.read_text()) == report
    assert [entry.name for entry in path.parent.iterdir()] == ["scores.json"]
