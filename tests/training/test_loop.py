"""What a training run leaves, and in which engine it runs."""

import json
import multiprocessing
import re
from functools import partial

import numpy as np
import pytest
from small_run import configuration
from training import create_trainer

from fairmot.config import TrackerConfig
from fairmot.engines import load_training
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.safetensors import load_weights
from fairmot.training.checkpoint import load_checkpoint
from fairmot.training.loop import train
from fairmot.training.metrics import read_metrics


def test_everything_that_is_trained_is_saved_and_the_averaged_weights_are_handed_over(images, tmp_path):
    pytest.importorskip("torch")
    byte = TrackerConfig.preset("byte")
    config = configuration(images, tmp_path / "run", epochs=1).model_copy(update={"tracker": byte})
    run = train(config, "torch", "cpu")
    checkpoint = load_checkpoint(run.checkpoint)
    trained = {"classifier.weight", "classifier.bias", "loss.s_det", "loss.s_id"}
    trained |= {f"network.{p.name}" for p in build_graph(checkpoint.config.network).parameters() if p.trainable}
    assert {
        name.removeprefix("optimizer.m.") for name in checkpoint.state if name.startswith("optimizer.m.")
    } == trained
    assert trained <= checkpoint.state.keys()
    assert checkpoint.identity_count == 5
    weights = load_weights(run.weights)
    assert weights.network == checkpoint.config.network
    assert TrackerConfig.from_note(weights.notes["tracker"], "here") == byte
    np.testing.assert_array_equal(weights.arrays["id.2.bias"], checkpoint.state["ema.id.2.bias"])
    assert not np.array_equal(weights.arrays["id.2.bias"], checkpoint.state["network.id.2.bias"])
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_progress_log_and_losses_are_reported(images, tmp_path):
    pytest.importorskip("torch")
    counts, lines, steps = [], [], []
    train(
        configuration(images, tmp_path / "run", epochs=1),
        "torch",
        "cpu",
        progress=lambda *each: counts.append(each),
        log=lines.append,
        on_step=steps.append,
    )
    assert counts == [("steps", number, len(steps)) for number in range(1, len(steps) + 1)]
    assert [each.step for each in steps] == [line["step"] for line in read_metrics(tmp_path / "run")]
    assert all(each.losses["total"] > 0 < each.images_per_second for each in steps)
    assert lines == [f"torch: begins at step 0 of {len(steps)}"]


def test_losses_fall(images, tmp_path):
    pytest.importorskip("torch")
    plain = {"augmentation": {"enabled": False}}
    config = configuration(images, tmp_path / "run", {"ema_decay": 0.0}, plain, epochs=12)
    train(config, "torch", "cpu")
    losses = [line["total"] for line in read_metrics(tmp_path / "run")]
    assert np.mean(losses[-6:]) < np.mean(losses[:6]) - 1


def test_a_second_run_does_not_overwrite_the_first(images, tmp_path):
    pytest.importorskip("torch")
    config = configuration(images, tmp_path / "run", epochs=1)
    train(config, "torch", "cpu")
    with pytest.raises(InputError, match="resume it"):
        train(config, "torch", "cpu")


def test_a_run_notes_its_environment(images, tmp_path):
    pytest.importorskip("torch")
    train(configuration(images, tmp_path / "run", epochs=1), "torch", "cpu")
    noted = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert (noted["engine"], noted["device"], noted["threads"]) == ("torch", "cpu", 1)
    assert noted["packages"]["numpy"] == np.__version__
    assert re.match(r"\d{4}-\d\d-\d\dT\S+ torch: begins at step 0 of 3\n", (tmp_path / "run" / "log.txt").read_text())


def distance(first, second):
    """Length of the difference of two states' numbers, batch counts aside."""
    names = [name for name, array in first.items() if array.dtype == np.float32]
    return np.sqrt(sum(np.square(first[name] - second[name], dtype=np.float64).sum() for name in names))


def assert_same_way(start, first, second):
    """Compare where two runs went: float32 sums in another order may part them by a thousandth of it."""
    assert first.keys() == second.keys()
    assert distance(first, second) <= 1e-3 * distance(start, first)


@pytest.mark.slow
def test_a_run_goes_on_in_another_engine_and_back(images, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("mindspore")
    # Operation by operation: compiling three steps takes half a minute, and test_mindspore.py compares both.
    monkeypatch.setattr(load_training("mindspore"), "create_trainer", partial(create_trainer, "mindspore"))
    # With Adam a gradient that is 0 up to rounding becomes a full step.
    plain = {"name": "sgd", "learning_rate": 2e-3, "clip_norm": 1.0}
    # Statistics of two tiny images would multiply every difference.
    steady = {"freeze_batch_norm": True, "keep_checkpoints": 9}
    whole = train(configuration(images, tmp_path / "whole", plain, epochs=3, **steady), "torch", "cpu")
    for epochs, engine in enumerate(("torch", "mindspore", "torch"), start=1):
        parts = configuration(images, tmp_path / "parts", plain, epochs=epochs, **steady)
        run = train(parts, engine, "cpu", resume=epochs > 1)
    lines = read_metrics(tmp_path / "parts")
    assert [line["step"] for line in lines] == list(range(1, 10))
    assert all(np.isfinite(line["total"]) for line in lines)
    kept = [load_checkpoint(tmp_path / "parts" / "checkpoints" / f"step-{n:08}.safetensors").state for n in (3, 6)]
    first, second = (load_checkpoint(each.checkpoint).state for each in (whole, run))
    assert_same_way(kept[0], first, second)
    with pytest.raises(AssertionError):
        assert_same_way(kept[0], first, kept[1])


def test_loader_processes_train_the_same_weights_and_end_with_the_run(images, tmp_path):
    pytest.importorskip("torch")
    states = []
    for processes in (False, True):
        data = {"worker_processes": processes}
        run = train(configuration(images, tmp_path / f"run-{processes}", data=data), "torch", "cpu")
        states.append(load_checkpoint(run.checkpoint).state)
        assert not [each for each in multiprocessing.active_children() if each.name.startswith("fairmot-loader")]
    for name, array in states[0].items():
        np.testing.assert_array_equal(states[1][name], array, err_msg=name)
