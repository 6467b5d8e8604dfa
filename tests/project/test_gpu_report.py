"""The report on a card: a step that fails or hangs leaves the others alone, and all of them run without a card."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from gpu import STEPS, TOTAL_SECONDS, run  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))


def test_the_steps_fit_into_ten_minutes():
    assert sum(step.seconds for step in STEPS) <= TOTAL_SECONDS == 600


def test_a_step_that_fails_or_hangs_is_reported_with_what_it_had_printed():
    python = [sys.executable, "-u", "-c"]
    assert run([*python, "print('| 1 |')"], 60) == "| 1 |\n"
    failed = run([*python, "print('| 2 |'); raise SystemError('the card is gone')"], 60)
    assert failed.startswith("| 2 |\n")
    assert "**failed with 1**" in failed
    assert "SystemError: the card is gone" in failed
    began = time.monotonic()
    child = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(200)'])"
    hung = run([*python, f"{child}; print('| 3 |'); time.sleep(200)"], 5)
    assert "| 3 |" in hung
    assert "**ended after its limit of 5 s**" in hung
    assert time.monotonic() - began < 100


@pytest.mark.slow
def test_every_step_runs_on_a_processor(tmp_path):
    pytest.importorskip("torch")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        ROOT / "benchmarks/gpu.py",
        "--device",
        "cpu",
        "--quick",
        "--output",
        tmp_path / "gpu.md",
    ]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    report = (tmp_path / "gpu.md").read_text()
    assert "**" not in report, report
    for step in STEPS:
        assert f"## {step.title}" in report
    assert report.count("| dla_34 |") == 2 + 2 + 8
