"""Runs that are interrupted, killed and resumed, and those that cannot be."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from small_run import assert_same_state, configuration

from fairmot.engines import load_training
from fairmot.errors import InputError
from fairmot.network.safetensors import read_arrays, write_arrays
from fairmot.training.checkpoint import load_checkpoint
from fairmot.training.loop import train
from fairmot.training.metrics import read_metrics

pytestmark = pytest.mark.own_process


def signal_inside(monkeypatch, engine, steps, number, times=1):
    """Signal this process inside these steps (counted from 1 over all runs), between gradients and their use."""
    module = load_training(engine)
    original = module.create_trainer
    taken = []

    def create_trainer(*arguments):
        trainer = original(*arguments)
        inner = trainer.optimizer.step if engine == "torch" else trainer.run_step

        def step(*arguments):
            taken.append(None)
            if len(taken) in steps:
                for _ in range(times):
                    os.kill(os.getpid(), number)
            return inner(*arguments)

        if engine == "torch":
            trainer.optimizer.step = step
        else:
            trainer.run_step = step
        return trainer

    monkeypatch.setattr(module, "create_trainer", create_trainer)


@pytest.mark.slow  # test_kill_and_resume.py compares a killed run bit for bit
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(engine, number, images, tmp_path, monkeypatch):
    pytest.importorskip(engine)
    whole = train(configuration(images, tmp_path / "whole"), engine, "cpu")
    parts = configuration(images, tmp_path / "parts")
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    signal_inside(monkeypatch, engine, (2, 4), number)
    for step in (2, 4):
        notes = []
        with pytest.raises(KeyboardInterrupt):
            train(parts, engine, "cpu", resume=step > 2, log=notes.append)
        assert notes[-1:] == [f"stopped after step {step} of 6, which is saved; resume to go on"]
        assert load_checkpoint(tmp_path / "parts" / "last.safetensors").state["step"] == step
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    resumed = train(parts, engine, "cpu", resume=True)
    first, second = load_checkpoint(whole.checkpoint), load_checkpoint(resumed.checkpoint)
    assert_same_state(first.state, second.state)
    assert (first.epoch, first.step_in_epoch) == (second.epoch, second.step_in_epoch) == (2, 0)
    assert [line["step"] for line in read_metrics(tmp_path / "parts")] == [1, 2, 3, 4, 5, 6]
    second.state["loss.s_det"][0] += np.float32(1e-6)
    with pytest.raises(AssertionError):
        assert_same_state(first.state, second.state)


def test_a_second_signal_aborts_at_once_and_saves_nothing(images, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    config = configuration(images, tmp_path / "run", checkpoint_every_steps=1)
    signal_inside(monkeypatch, "torch", (3,), signal.SIGINT, times=2)
    with pytest.raises(KeyboardInterrupt):
        train(config, "torch", "cpu")
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").state["step"] == 2


def test_training_outside_the_main_thread_leaves_signals_alone(images, tmp_path):
    pytest.importorskip("torch")
    seen = []
    config = configuration(images, tmp_path / "run", epochs=1)
    before = signal.getsignal(signal.SIGINT)
    on_step = lambda _: seen.append(signal.getsignal(signal.SIGINT))  # noqa: E731
    thread = threading.Thread(target=train, args=(config, "torch", "cpu"), kwargs={"on_step": on_step})
    thread.start()
    thread.join()
    assert seen == [before] * 3


def test_a_killed_run_is_resumed_from_its_last_checkpoint(images, tmp_path):
    pytest.importorskip("torch")
    whole = train(configuration(images, tmp_path / "whole"), "torch", "cpu")
    config = configuration(images, tmp_path / "killed", checkpoint_every_steps=1)
    (tmp_path / "config.yaml").write_text(config.model_dump_json())
    program = (
        "import os, signal, sys\n"
        "from fairmot.config import load_config\n"
        "from fairmot.training.loop import train\n"
        "def report(p):\n"
        "    if p.step == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train(load_config(sys.argv[1]), 'torch', 'cpu', on_step=report)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "config.yaml")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert load_checkpoint(tmp_path / "killed" / "last.safetensors").step_in_epoch == 0
    resumed = train(config, "torch", "cpu", resume=True)
    assert_same_state(load_checkpoint(whole.checkpoint).state, load_checkpoint(resumed.checkpoint).state)


def test_the_newest_checkpoints_are_kept_and_an_older_one_can_be_gone_back_to(images, tmp_path):
    pytest.importorskip("torch")
    run = tmp_path / "run"
    config = configuration(images, run, checkpoint_every_steps=1, keep_checkpoints=3)
    train(config, "torch", "cpu")
    kept = sorted((run / "checkpoints").iterdir())
    assert [path.name for path in kept] == [f"step-{step:08}.safetensors" for step in (4, 5, 6)]
    end = load_checkpoint(run / "last.safetensors").state
    assert_same_state(load_checkpoint(kept[-1]).state, end)
    (run / "last.safetensors").write_bytes(kept[0].read_bytes())
    train(config, "torch", "cpu", resume=True)
    assert_same_state(load_checkpoint(run / "last.safetensors").state, end)
    assert [line["step"] for line in read_metrics(run)] == [1, 2, 3, 4, 5, 6]


def test_other_settings_cannot_be_resumed(images, tmp_path):
    pytest.importorskip("torch")
    train(configuration(images, tmp_path / "run", epochs=1), "torch", "cpu")
    with pytest.raises(InputError, match=r"train\.seed: 0 -> 5"):
        train(configuration(images, tmp_path / "run", epochs=2, seed=5), "torch", "cpu", resume=True)
    train(configuration(images, tmp_path / "run", epochs=2), "torch", "cpu", resume=True)
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").epoch == 2
    with pytest.raises(InputError, match=r"taken 6 steps, 2 epochs, and train\.epochs is 1: give at least as many"):
        train(configuration(images, tmp_path / "run", epochs=1), "torch", "cpu", resume=True)


def test_other_data_cannot_be_resumed(images, tmp_path):
    pytest.importorskip("torch")
    run, folder = tmp_path / "run", images.parent
    train(configuration(images, run, epochs=1), "torch", "cpu")

    def resume():
        return train(configuration(images, run), "torch", "cpu", resume=True)

    listed, labels = folder / "made.txt", folder / "labels_with_ids" / "made-3.txt"
    names, rows = listed.read_text(), labels.read_text()
    listed.write_text("\n".join(reversed(names.splitlines())))  # another order: another epoch
    with pytest.raises(InputError, match=r"^\S+ was made .*list of training images: '6 \(\w+\)' -> '6 \(\w+\)'"):
        resume()
    listed.write_text(names)
    labels.write_text(rows.replace("0 3 ", "0 9 "))
    with pytest.raises(InputError, match=r"identity_count: 5 -> 11; label rows: '12 \(\w+\)' -> '12 \(\w+\)'") as error:
        resume()
    assert "\n" not in str(error.value)
    assert "list of training" not in str(error.value)
    labels.write_text(rows)
    assert resume().steps == 6


def test_a_checkpoint_that_knows_nothing_of_its_data_can_be_resumed(images, tmp_path):
    pytest.importorskip("torch")
    run = train(configuration(images, tmp_path / "run", epochs=1), "torch", "cpu")
    metadata, arrays = read_arrays(run.checkpoint)
    del metadata["data"]
    write_arrays(run.checkpoint, arrays, metadata)
    assert load_checkpoint(run.checkpoint).data == {}
    train(configuration(images, tmp_path / "run"), "torch", "cpu", resume=True)
    assert load_checkpoint(run.checkpoint).data.keys() == {"list of training images", "label rows", "images a step"}
