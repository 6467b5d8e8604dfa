"""Benchmarks and recipes are run by hand; here each is only started, so that none rots."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("recipes/lite/*.py")]


@pytest.mark.parametrize(
    "path", sorted(path for path in SCRIPTS if path.name not in ("pasting.py", "people.py")), ids=lambda path: path.name
)
def test_a_script_starts_and_explains_itself(path):
    finished = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "usage" in finished.stdout.lower()
