"""Benchmarks are run by hand; here each is only started, so that none rots."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_a_benchmark_starts_and_explains_itself(path):
    finished = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "usage" in finished.stdout.lower()
