from pathlib import Path

import pytest

from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import BENCHMARKS, benchmark_of, choose_benchmark


@pytest.mark.parametrize(
    ("name", "benchmark"),
    [
        ("MOT17-02-FRCNN", "MOT17"),
        ("MOT17-02-FRCNN-mini", "MOT17"),
        ("MOT16-11", "MOT16"),
        ("MOT20-05", "MOT20"),
        ("MOT20", "MOT20"),
        ("mot17", "MOT17"),
        ("2DMOT2015", "MOT15"),
        ("MOT15_val", "MOT15"),
        ("TUD-Campus", "MOT15"),
        ("TUD-Stadtmitte", "MOT15"),
        ("TUD-Crossing", "MOT15"),
        ("PETS09-S2L1", "MOT15"),
        ("ETH-Bahnhof", "MOT15"),
        ("ETH-Jelmoli", "MOT15"),
        ("ADL-Rundle-8", "MOT15"),
        ("KITTI-13", "MOT15"),
        ("Venice-2", "MOT15"),
        ("AVG-TownCentre", "MOT15"),
        ("dancetrack0001", "DanceTrack"),
        ("DanceTrack", "DanceTrack"),
        ("dancetracker", None),
        ("street", None),
        ("MOT", None),
        ("MOT17Labels", "MOT17"),
        ("REMOT17", None),
        ("MOT171", None),
        ("KITTI-tracking", None),
        ("TUD-Campuses", None),
    ],
)
def test_names(name, benchmark):
    assert benchmark_of(name) == benchmark


def test_auto_takes_sequence_names_then_folders():
    assert choose_benchmark("auto", [Path("/data/MOT17/train/MOT20-01")]).name == "MOT20"
    assert choose_benchmark("auto", [Path("/data/MOT17/train/a"), Path("/data/MOT17/train/b")]).name == "MOT17"
    assert choose_benchmark("auto", [Path("/MOT15/MOT16-labels/train/street")]).name == "MOT16"
    assert choose_benchmark("auto", [Path("/data/TUD-Campus"), Path("/data/Venice-2")]).name == "MOT15"


def test_auto_is_an_error_where_it_is_unclear():
    with pytest.raises(InputError, match=r"'street' belongs to no known benchmark; .*MOT15"):
        choose_benchmark("auto", [Path("/data/street")])
    with pytest.raises(InputError, match="'street' belongs to no known benchmark"):
        choose_benchmark("auto", [Path("/data/MOT17-02"), Path("/data/street")])
    with pytest.raises(InputError, match="sequences of MOT17 and MOT20"):
        choose_benchmark("auto", [Path("/data/MOT17-02"), Path("/data/MOT20-01")])
    assert choose_benchmark("auto", [Path("/data/dancetrack/val/street")]).name == "DanceTrack"


def test_a_named_benchmark_wins_over_names():
    assert choose_benchmark("none", [Path("/data/MOT17-02")]) is BENCHMARKS["none"]
    assert choose_benchmark("mot20", [Path("/data/MOT17-02")]) is BENCHMARKS["MOT20"]
    with pytest.raises(InputError, match=r"'MOT18': unknown \(did you mean"):
        choose_benchmark("MOT18", [])


def test_distractors():
    assert BENCHMARKS["MOT17"].distractors == BENCHMARKS["MOT16"].distractors == (2, 7, 8, 12)
    assert sorted(BENCHMARKS["MOT20"].distractors) == [2, 6, 7, 8, 12]
    assert not BENCHMARKS["MOT15"].has_classes


def test_links_keep_their_names(tmp_path):
    (tmp_path / "store" / "a").mkdir(parents=True)
    link = tmp_path / "MOT16-02"
    link.symlink_to(tmp_path / "store" / "a")
    assert choose_benchmark("auto", [link]).name == "MOT16"
    (tmp_path / "street").symlink_to(tmp_path / "store" / "a")
    with pytest.raises(InputError, match="'street' belongs to no known benchmark"):
        choose_benchmark("auto", [tmp_path / "street"])
