"""The workflow ``score``: what it accepts, returns and refuses."""

import json

import pytest

import fairmot

RATIOS = (
    *("HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA", "OWTA", "HOTA(0)", "LocA(0)", "HOTALocA(0)"),
    *("MOTA", "MOTP", "MODA", "CLR_Re", "CLR_Pr", "CLR_F1", "sMOTA", "MOTAL", "MTR", "IDF1", "IDR", "IDP"),
)


@pytest.fixture
def walk(tmp_path):
    """Two people crossing in MOT17's layout, of 30 frames; boxes in the last ten only of one of them."""

    def rows(tail: str) -> str:
        lines = [f"{f},1,{10 * f},50,40,100,1{tail}" for f in range(1, 31)]
        lines += [f"{f},2,{300 - 10 * f},60,40,100,1{tail}" for f in range(1, 21)]
        return "\n".join(lines) + "\n"

    for name in ("MOT17-02", "MOT17-04"):
        folder = tmp_path / "train" / name
        (folder / "gt").mkdir(parents=True)
        ignored = "3,3,900,60,40,100,0,1,1\n3,4,700,60,40,100,1,7,1\n"
        (folder / "gt" / "gt.txt").write_text(rows(",1,1") + ignored)
        (folder / "seqinfo.ini").write_text("[Sequence]\nseqLength=35\n")
        (tmp_path / "results").mkdir(exist_ok=True)
        (tmp_path / "results" / f"{name}.txt").write_text(rows(",-1,-1,-1"))
    return tmp_path / "train", tmp_path / "results"


def test_perfect_input_scores_one(walk):
    seen = []
    report = fairmot.score(*walk, progress=lambda *call: seen.append(call))
    assert report["benchmark"] == "MOT17"
    assert seen == [("sequences", 1, 2), ("sequences", 2, 2)]
    assert list(report["sequences"]) == ["MOT17-02", "MOT17-04"]
    for scores in (*report["sequences"].values(), report["combined"]):
        for name in RATIOS:
            assert scores[name] == pytest.approx(1.0, abs=1e-12), name
        assert set(scores["HOTA_alpha"]) == {1.0}
        for name in ("CLR_FP", "CLR_FN", "IDSW", "Frag", "IDFP", "IDFN", "PT", "ML"):
            assert scores[name] == 0
    assert report["combined"]["Frames"] == 70
    assert report["combined"]["CLR_TP"] == 100


def test_an_imperfect_result_does_not_score_one(walk):
    file = walk[1] / "MOT17-02.txt"
    file.write_text(file.read_text().replace("30,1,300,", "30,1,330,"))
    report = fairmot.score(*walk)
    for name in ("HOTA", "MOTA", "IDF1", "AssA", "DetA"):
        assert report["sequences"]["MOT17-02"][name] < 1
        assert report["combined"][name] < 1
        assert report["sequences"]["MOT17-04"][name] == pytest.approx(1.0, abs=1e-12)


def test_results_on_distractors_and_ignored_people(walk):
    file = walk[1] / "MOT17-02.txt"
    file.write_text(file.read_text() + "3,9,700,60,40,100,1,-1,-1,-1\n")
    assert fairmot.score(*walk)["combined"]["CLR_FP"] == 0
    assert fairmot.score(*walk, benchmark="none")["sequences"]["MOT17-02"]["CLR_FP"] == 0
    assert fairmot.score(*walk, benchmark="none")["sequences"]["MOT17-04"]["CLR_FN"] == 1
    file.write_text(file.read_text() + "3,10,900,60,40,100,1,-1,-1,-1\n")
    assert fairmot.score(*walk)["combined"]["CLR_FP"] == 1


def test_one_sequence_and_one_file(walk):
    report = fairmot.score(str(walk[0] / "MOT17-04"), str(walk[1] / "MOT17-04.txt"), "mot17")
    assert list(report["sequences"]) == ["MOT17-04"]
    both = dict(report["combined"])
    assert both == report["sequences"]["MOT17-04"]


def test_the_report_is_plain_json(walk):
    report = fairmot.score(*walk, classic=True)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["classic"]["combined"]["IDF1"] == 1.0
    assert "classic" not in fairmot.score(*walk)


def test_mistakes_are_input_errors_with_file_and_line(walk):
    truth, results = walk
    file = results / "MOT17-02.txt"
    good = file.read_text()
    file.write_text(good + "36,1,0,0,5,5,1,-1,-1,-1\n")
    with pytest.raises(fairmot.InputError, match=r"MOT17-02.txt:51: the frame is outside the sequence \(1 to 35"):
        fairmot.score(truth, results)
    file.write_text(good + "1,1,0,0,5\n")
    with pytest.raises(fairmot.InputError, match=r"MOT17-02.txt:51: 5 columns"):
        fairmot.score(truth, results)
    file.unlink()
    with pytest.raises(fairmot.InputError, match=r"missing result file MOT17-02.txt"):
        fairmot.score(truth, results)
    file.write_text(good)
    (truth / "MOT17-02").rename(truth / "street")
    file.rename(results / "street.txt")
    with pytest.raises(fairmot.InputError, match=r"'street' belongs to no known benchmark"):
        fairmot.score(truth, results)
    assert fairmot.score(truth, results, "MOT17")["combined"]["MOTA"] == 1.0
