import zipfile

import pytest

from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import BENCHMARKS
from fairmot.workflows.evaluate.submission import write_submission

ROW = "{frame},1,0,0,5,5,1,-1,-1,-1\n"


@pytest.fixture
def pack(tmp_path):
    """Call with names of sequences and a benchmark: the archive."""

    def pack(names, benchmark, frame=3):
        files = {}
        for number, name in enumerate(names):
            files[name] = tmp_path / f"{name}.txt"
            files[name].write_text(ROW.format(frame=frame) * (1 if number == 0 else 0))
        return write_submission(files, dict.fromkeys(names, 3), BENCHMARKS[benchmark], tmp_path / "out")

    return pack


def test_motchallenge_wants_the_files_in_the_root(pack):
    path = pack(["MOT20-04", "MOT20-06"], "MOT20")
    assert path.name == "MOT20.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["MOT20-04.txt", "MOT20-06.txt"]
        assert archive.read("MOT20-04.txt").decode() == ROW.format(frame=3)
        assert archive.read("MOT20-06.txt") == b""
    first = path.read_bytes()
    assert pack(["MOT20-04", "MOT20-06"], "MOT20").read_bytes() == first


def test_dancetrack_wants_the_folder_tracker(pack):
    path = pack(["dancetrack0003"], "DanceTrack")
    assert path.name == "tracker.zip"
    assert zipfile.ZipFile(path).namelist() == ["tracker/dancetrack0003.txt"]


def test_mot17_is_asked_for_once_a_public_detector(pack):
    names = zipfile.ZipFile(pack(["MOT17-01-FRCNN", "MOT17-03"], "MOT17")).namelist()
    assert names == [f"MOT17-{n}-{detector}.txt" for n in ("01", "03") for detector in ("DPM", "FRCNN", "SDP")]
    own = ["MOT17-01-DPM", "MOT17-01-SDP"]
    assert zipfile.ZipFile(pack(own, "MOT17")).namelist() == [f"{name}.txt" for name in own]
    assert zipfile.ZipFile(pack(["street"], "none")).namelist() == ["street.txt"]


def test_a_wrong_line_is_named_and_nothing_is_written(pack, tmp_path):
    with pytest.raises(InputError, match=r"MOT20-04.txt:1: the frame is outside the sequence"):
        pack(["MOT20-04"], "MOT20", frame=4)
    assert not (tmp_path / "out").exists()
