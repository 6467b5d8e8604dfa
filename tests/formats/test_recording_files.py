"""Files of detections as people name them."""

import pytest

from fairmot.errors import InputError
from fairmot.formats.detections import load_detection_rows
from fairmot.formats.recording_files import find_recordings


@pytest.fixture
def folder(tmp_path):
    for name in ("a.detections.npz", "b.detections.npz", "set/X/det/det.txt", "set/Y/det/det.txt", "texts/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(folder, *words):
    return [path.relative_to(folder).as_posix() for path in find_recordings([folder / word for word in words])]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["b.detections.npz", "a.detections.npz"], ["b.detections.npz", "a.detections.npz"]),
        (["*.npz"], ["a.detections.npz", "b.detections.npz"]),
        (["."], ["a.detections.npz", "b.detections.npz"]),
        (["set"], ["set/X/det/det.txt", "set/Y/det/det.txt"]),
        (["set/*"], ["set/X/det/det.txt", "set/Y/det/det.txt"]),
        (["set/X", "texts"], ["set/X/det/det.txt", "texts/x.txt"]),
        (["a.detections.npz", "*.npz"], ["a.detections.npz", "b.detections.npz"]),
    ],
)
def test_files_folders_and_globs(folder, words, expected):
    assert names(folder, *words) == expected


def test_nothing_there_is_named(folder):
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no detections in it; expected NAME\.detections\.npz"):
        names(folder, "empty")
    with pytest.raises(InputError, match=r"\*\.tar: nothing matches"):
        names(folder, "*.tar")


def test_scores_that_are_all_minus_one_say_what_to_do(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,1,1,9,9,-1\n2,-1,1,1,9,9,-1\n")
    with pytest.raises(InputError, match=r"every score \(column 7\) is -1.* or 1 in every line to track them all"):
        load_detection_rows(path)
    path.write_text("1,-1,1,1,9,9,-1\n2,-1,1,1,9,9,-0.5\n")  # the twin: a detector's own scale
    assert len(load_detection_rows(path).scores) == 2
