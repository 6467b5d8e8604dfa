"""A run that is killed with SIGKILL at random moments and resumed ends like one that nobody disturbed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from prepared import Prepared

from fairmot.training.checkpoint import load_checkpoint

spec = importlib.util.spec_from_file_location(
    "kill_and_resume", Path(__file__).resolve().parents[2] / "benchmarks" / "kill_and_resume.py"
)
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)


@pytest.mark.parametrize(("kills", "epochs"), [(2, 4), pytest.param(10, 20, marks=pytest.mark.slow)])
def test_killed_and_resumed_equals_undisturbed_bit_for_bit(kills, epochs, tmp_path, write_people):
    pytest.importorskip("torch")
    description = write_people(tmp_path / "people")
    whole, killed = (program.configuration(description, tmp_path / name, epochs) for name in ("whole", "killed"))
    prepared = Prepared(program.command(whole), tmp_path)  # runs it
    steps = program.steps_taken(whole)
    assert steps == 3 * epochs
    assert len(program.kill_and_resume(killed, steps, kills, prepared=prepared)) == kills
    prepared.close()
    assert program.differences(whole.train.output, killed.train.output) == []
    # A resumed run's lines are those of one run.
    assert program.steps_taken(killed) == steps


def test_a_single_bit_is_a_difference(tmp_path, write_people):
    pytest.importorskip("torch")
    description = write_people(tmp_path / "people")
    for name in ("one", "other"):
        config = program.configuration(description, tmp_path / name, 1)
        from fairmot.training.loop import train

        train(config, "torch", "cpu")
    assert program.differences(tmp_path / "one", tmp_path / "other") == []
    path = tmp_path / "other" / "last.safetensors"
    checkpoint = load_checkpoint(path)
    checkpoint.state["loss.s_det"][0] = np.nextafter(checkpoint.state["loss.s_det"][0], np.float32(9))
    checkpoint.save(path)
    assert program.differences(tmp_path / "one", tmp_path / "other") == ["loss.s_det"]
