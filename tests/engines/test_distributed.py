"""Two processes with batch b do what one does with batch 2b, and none waits for one that is gone."""

import contextlib
import time
from pathlib import Path

import numpy as np
import pytest
import two_processes
from two_processes import SETTINGS, gradients, results, trainer_of, whole_batch

from fairmot.engines.training_rules import split_batch
from fairmot.training.launch import launch

SCRIPT = Path(two_processes.__file__)


def run(engine, folder, *arguments):
    lines = []
    # msrun leaves files of its own in the working directory.
    with contextlib.chdir(folder):
        code = launch([engine, str(folder), *arguments], engine, 2, folder / "logs", log=lines.append, script=SCRIPT)
    return code, "\n".join(lines)


@pytest.fixture(scope="module", params=["torch", pytest.param("mindspore", marks=pytest.mark.slow)])
def pair(request, tmp_path_factory):
    """Engine, what its two processes found (settings -> [first, second]), and the folder of what else they left."""
    pytest.importorskip(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    code, lines = run(request.param, folder)
    assert code == 0, lines
    found = {name: [dict(np.load(folder / f"{name}-{rank}.npz")) for rank in range(2)] for name in SETTINGS}
    return request.param, found, folder


def distance(first, second, kind):
    """Largest difference of arrays of this kind, relative to the longest of them."""
    names = [name for name in first if name.startswith(kind)]
    assert names
    length = max(np.linalg.norm(first[name]) for name in names)
    return max(np.linalg.norm(first[name].astype(np.float64) - second[name]) for name in names) / length


@pytest.mark.parametrize("settings", SETTINGS)
def test_two_processes_do_what_one_does(pair, settings):
    engine, found, _ = pair
    first, second = found[settings]
    # Both processes have the same numbers, to the last bit.
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    one = results(engine, settings, whole_batch(settings))
    for kind in ("loss.", "gradient.", "norm", "state."):
        assert distance(one, first, kind) < 2e-5, kind
    fresh = trainer_of(engine, settings)
    start = {f"state.{name}": array for name, array in fresh.state().items()}
    moved = {name: one[name] - start[name] for name in one if name.startswith("state.net")}
    assert max(np.abs(array).max() for array in moved.values()) > 1e-3
    # Each half by itself, as if normalisers were not shared, is far from it.
    halves = [gradients(fresh, half) for half in split_batch(whole_batch(settings), 2)]
    mean = {name: (halves[0][name] + halves[1][name]) / 2 for name in halves[0]}
    assert distance(mean, one, "gradient.") > 1e-2
    assert distance(mean, one, "loss.") > 1e-2
    heaviest = max((name for name in first if name.startswith("gradient.")), key=lambda name: np.linalg.norm(one[name]))
    first[heaviest] *= np.float32(1.001)
    assert distance(one, first, "gradient.") > 2e-5


@pytest.mark.parametrize(
    ("engine", "kind", "line"),
    [
        ("torch", "fail", "ValueError: an image of nothing"),
        pytest.param("torch", "kill", "", marks=pytest.mark.slow),
        pytest.param("mindspore", "fail", "ValueError: an image of nothing", marks=pytest.mark.slow),
        pytest.param("mindspore", "kill", "", marks=pytest.mark.slow),
    ],
)
def test_a_process_that_goes_ends_the_run_with_its_last_lines(engine, kind, line, tmp_path):
    pytest.importorskip(engine)
    began = time.monotonic()
    code, lines = run(engine, tmp_path, kind)
    assert code == 1
    assert line in lines
    assert str(tmp_path / "logs") in lines
    assert time.monotonic() - began < 120


@pytest.mark.parametrize("pair", ["torch"], indirect=True)
def test_the_first_process_may_work_for_longer_than_the_others_wait(pair):
    waited = [float((pair[2] / f"waited-{rank}.txt").read_text()) for rank in range(2)]
    assert min(waited) > two_processes.PATIENCE_SECONDS


@pytest.mark.slow
def test_without_signs_of_life_the_others_give_up(tmp_path):
    """The twin: the same work, and the others wait in silence."""
    pytest.importorskip("torch")
    code, lines = run("torch", tmp_path, "silent")
    assert code == 1
    assert "the last lines of process 1" in lines
    assert "imed out" in lines


@pytest.mark.slow
def test_a_first_process_that_dies_in_its_work_ends_the_others(tmp_path):
    pytest.importorskip("torch")
    began = time.monotonic()
    code, _ = run("torch", tmp_path, "die")
    assert code == 1
    assert time.monotonic() - began < 120  # the others would wait for ten minutes
