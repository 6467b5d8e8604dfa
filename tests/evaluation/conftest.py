"""Loads the generator that the golden numbers were made with, and compares scores field by field."""

from pathlib import Path

import numpy as np
import pytest
import synthetic as synthetic_module


@pytest.fixture(scope="session")
def synthetic():
    """The module ``synthetic.py``."""
    return synthetic_module


def compare_fields(ours: dict, reference: dict, tolerance: float = 1e-9) -> None:
    """Every field of the reference is there, equal to ``tolerance``; its whole numbers are integers here too."""
    missing = reference.keys() - ours.keys()
    assert not missing
    assert reference
    for name, expected in reference.items():
        difference = np.abs(np.asarray(ours[name], dtype=float) - np.asarray(expected, dtype=float))
        assert difference.max() <= tolerance, f"{name}: {ours[name]} instead of {expected}"
        if isinstance(expected, int) and expected > 1:
            assert isinstance(ours[name], int), name


@pytest.fixture
def compare_reports():
    """Call with a report and a reference: the same sequences, and equal fields in each and combined."""

    def compare(report: dict, reference: dict, tolerance: float = 1e-9) -> None:
        assert report["sequences"].keys() == reference["sequences"].keys()
        for name, fields in reference["sequences"].items():
            compare_fields(report["sequences"][name], fields, tolerance)
        compare_fields(report["combined"], reference["combined"], tolerance)

    return compare


@pytest.fixture
def write_sequence(tmp_path):
    """Call with rows of gt.txt and of results: one sequence in MOTChallenge layout; returns folder and file."""

    def write(truth: str, results: str, frames: int, name: str = "MOT15-99") -> tuple[Path, Path]:
        folder = tmp_path / "truth" / name
        (folder / "gt").mkdir(parents=True)
        (folder / "gt" / "gt.txt").write_text(truth)
        (folder / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nseqLength={frames}\n")
        (tmp_path / "results").mkdir(exist_ok=True)
        (tmp_path / "results" / f"{name}.txt").write_text(results)
        return folder, tmp_path / "results" / f"{name}.txt"

    return write
