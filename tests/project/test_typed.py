"""A user's program sees types: ``mypy --strict`` accepts it without an ignore, and finds an error in it."""

import itertools
import sys

import pytest
from clean_shell import call

pytest.importorskip("mypy", reason="pip install 'fairmot[test]'")

PROGRAM = """\
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fairmot


def count(video: Path) -> int:
    detector = fairmot.load_detector()
    tracker = fairmot.Tracker(detector.tracker, frame_rate=25)
    seen: set[int] = set()
    for frame in fairmot.read_frames(video):
        detections: fairmot.Detections = detector(frame.image)
        tracks: fairmot.Tracks = tracker.update(detections, frame_index=frame.index)
        seen.update(tracks.ids.tolist())
    return len(seen)


def own_detections(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> fairmot.Detections:
    return fairmot.Detections(boxes, scores=scores)


def hota(truth: Path, results: Path) -> float:
    try:
        return float(fairmot.score(truth, results, benchmark="none")["combined"]["HOTA"])
    except fairmot.InputError as problem:
        print(problem)
        return 0.0


config: fairmot.TrackerConfig = fairmot.TrackerConfig.preset("byte")
print(count(Path("street.mp4")), config.confidence)
"""


# Libraries that no type of the public functions comes from: following them takes nine tenths of the time.
BRIEF = """\
[mypy]
[mypy-torch.*,onnx.*,onnxruntime.*,openvino.*,mindspore.*,scipy.*,cv2.*,matplotlib.*,supervision.*,IPython.*,rich.*]
follow_imports = skip
follow_imports_for_stubs = True
"""


@pytest.fixture(scope="module")
def check(installed, tmp_path_factory):
    """Call with a program: what mypy prints about it, where only the wheel is installed."""
    folder = tmp_path_factory.mktemp("typed")

    names = (f"program_{count}.py" for count in itertools.count())

    def run(program, settings=BRIEF):
        name = next(names)  # mypy takes a file of the same size and second for the same
        (folder / name).write_text(program)
        (folder / "mypy.ini").write_text(settings)
        words = ("--strict", "--python-executable", installed[0] / "python", "--cache-dir", folder / "cache")
        return call(sys.executable, "-m", "mypy", *words, name, folder=folder).stdout

    return run


def test_a_program_passes_without_ignores(check):
    assert "ignore" not in PROGRAM
    assert "Success: no issues found in 1 source file" in check(PROGRAM)


@pytest.mark.parametrize(
    ("right", "wrong", "error"),
    [
        ("-> int:", "-> str:", "Incompatible return value type"),
        ("frame_index=frame.index", "frame_index=frame.image", "No overload variant"),
        ("tracks.ids", "tracks.identities", "[attr-defined]"),
        ("config.confidence", "config.confidense", "[attr-defined]"),
    ],
)
def test_an_error_in_it_is_found(check, right, wrong, error):
    assert PROGRAM.count(right) == 1
    printed = check(PROGRAM.replace(right, wrong))
    assert error in printed
    assert "Found 1 error in 1 file" in printed


@pytest.mark.slow
def test_a_program_passes_without_settings(check):
    assert "Success: no issues found in 1 source file" in check(PROGRAM, settings="")
