import json
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from fairmot.checkpoint import load_checkpoint
from fairmot.config import parse_config
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.weights import load_weights, save_weights
from fairmot.train import read_metrics, start_weights, train

# Compiling a training step three times takes MindSpore more than a minute.
ENGINES = ["torch", pytest.param("mindspore", marks=pytest.mark.slow)]


@pytest.fixture
def pictures(tmp_path):
    """Six small pictures with two people each, four identities, as ``data.json``."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "people"
    (folder / "images").mkdir(parents=True)
    (folder / "labels_with_ids").mkdir()
    for index in range(6):
        image = rng.integers(0, 60, (96, 160, 3), dtype=np.uint8)
        rows = []
        for person in range(2):
            left, top = 20 + 70 * person + 2 * index, 20 + 3 * index
            cv2.rectangle(image, (left, top), (left + 16, top + 40), (60 * person + 90, 200, 40 * index), -1)
            centre = ((left + 8) / 160, (top + 20) / 96)
            rows.append(f"0 {(index + person) % 4} {centre[0]:.6f} {centre[1]:.6f} {16 / 160:.6f} {40 / 96:.6f}")
        cv2.imwrite(str(folder / "images" / f"{index}.png"), image)
        (folder / "labels_with_ids" / f"{index}.txt").write_text("\n".join(rows) + "\n")
    (folder / "made.txt").write_text("".join(f"images/{index}.png\n" for index in range(6)))
    (folder / "data.json").write_text(json.dumps({"root": ".", "train": {"made": "made.txt"}}))
    return folder / "data.json"


def configuration(pictures, output, **train_settings):
    return parse_config(
        {
            "network": {
                "architecture": "lite",
                "embedding": 8,
                "head_width": 16,
                "input_width_px": 96,
                "input_height_px": 64,
            },
            "data": {"description": str(pictures), "max_objects": 20, "workers": 1},
            "optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01, "ema_decay": 0.9},
            "train": {"epochs": 2, "batch_size": 2, "threads": 1, "output": str(output), **train_settings},
        },
        "test",
    )


def interrupt_at(step):
    def report(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    return report


def assert_same_state(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(engine, pictures, tmp_path):
    pytest.importorskip(engine)
    whole = train(configuration(pictures, tmp_path / "whole"), engine, "cpu")
    parts = configuration(pictures, tmp_path / "parts")
    for step in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            train(parts, engine, "cpu", resume=step > 2, report=interrupt_at(step))
    resumed = train(parts, engine, "cpu", resume=True)
    first, second = load_checkpoint(whole.checkpoint), load_checkpoint(resumed.checkpoint)
    assert_same_state(first.state, second.state)
    assert (first.epoch, first.step_in_epoch) == (second.epoch, second.step_in_epoch) == (2, 0)
    assert [line["step"] for line in read_metrics(tmp_path / "parts")] == [1, 2, 3, 4, 5, 6]
    second.state["loss.s_det"][0] += np.float32(1e-6)
    with pytest.raises(AssertionError):
        assert_same_state(first.state, second.state)


def test_everything_that_is_trained_is_saved_and_the_averaged_weights_are_handed_over(pictures, tmp_path):
    pytest.importorskip("torch")
    run = train(configuration(pictures, tmp_path / "run", epochs=1), "torch", "cpu")
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
    np.testing.assert_array_equal(weights.arrays["hm.2.bias"], checkpoint.state["ema.hm.2.bias"])
    assert not np.array_equal(weights.arrays["hm.2.bias"], checkpoint.state["network.hm.2.bias"])
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_mindspore_trains_by_the_same_command(pictures, tmp_path):
    pytest.importorskip("mindspore")
    run = train(configuration(pictures, tmp_path / "run", epochs=1), "mindspore", "cpu")
    losses = read_metrics(tmp_path / "run")
    assert len(losses) == 3
    assert all(np.isfinite(line["total"]) for line in losses)
    assert load_checkpoint(run.checkpoint).state["step"] == 3


def test_losses_fall(pictures, tmp_path):
    pytest.importorskip("torch")
    config = configuration(pictures, tmp_path / "run", epochs=25)
    train(config, "torch", "cpu")
    losses = [line["heatmap"] for line in read_metrics(tmp_path / "run")]
    assert np.mean(losses[-6:]) < 0.5 * np.mean(losses[:6])


def test_a_second_run_does_not_overwrite_the_first(pictures, tmp_path):
    pytest.importorskip("torch")
    config = configuration(pictures, tmp_path / "run", epochs=1)
    train(config, "torch", "cpu")
    with pytest.raises(InputError, match="--resume"):
        train(config, "torch", "cpu")


def test_other_settings_cannot_be_resumed(pictures, tmp_path):
    pytest.importorskip("torch")
    train(configuration(pictures, tmp_path / "run", epochs=1), "torch", "cpu")
    with pytest.raises(InputError, match=r"train\.seed: 0 -> 5"):
        train(configuration(pictures, tmp_path / "run", epochs=2, seed=5), "torch", "cpu", resume=True)
    train(configuration(pictures, tmp_path / "run", epochs=2), "torch", "cpu", resume=True)
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").epoch == 2


def test_start_weights_must_fit_unless_a_part_is_asked_for(pictures, tmp_path):
    other = build_graph(LITE)
    save_weights(tmp_path / "start.safetensors", LITE, initial_weights(other, seed=9), {})
    config = configuration(pictures, tmp_path / "run", start_weights=str(tmp_path / "start.safetensors"))
    graph = build_graph(config.network)
    with pytest.raises(InputError, match=r"id\.2\.weight has shape \[64, 64, 1, 1\], expected \[8, 16, 1, 1\]"):
        start_weights(graph, config)
    partial = configuration(
        pictures, tmp_path / "run", start_weights=str(tmp_path / "start.safetensors"), partial_start=True
    )
    taken = start_weights(graph, partial)
    given = load_weights(tmp_path / "start.safetensors").arrays
    np.testing.assert_array_equal(
        taken["backbone.backbone.stem.conv.conv.weight"], given["backbone.backbone.stem.conv.conv.weight"]
    )
    assert taken["id.2.weight"].shape == (8, 16, 1, 1)


def test_a_killed_run_is_resumed_from_its_last_checkpoint(pictures, tmp_path):
    pytest.importorskip("torch")
    whole = train(configuration(pictures, tmp_path / "whole"), "torch", "cpu")
    config = configuration(pictures, tmp_path / "killed", checkpoint_every_steps=1)
    (tmp_path / "config.yaml").write_text(config.model_dump_json())
    program = (
        "import os, signal, sys\n"
        "from fairmot.config import load_config\n"
        "from fairmot.train import train\n"
        "def report(p):\n"
        "    if p.step == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train(load_config(sys.argv[1]), 'torch', 'cpu', report=report)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "config.yaml")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert load_checkpoint(tmp_path / "killed" / "last.safetensors").step_in_epoch == 0
    resumed = train(config, "torch", "cpu", resume=True)
    assert_same_state(load_checkpoint(whole.checkpoint).state, load_checkpoint(resumed.checkpoint).state)


def test_a_loss_that_is_not_finite_names_the_pictures(pictures, tmp_path):
    pytest.importorskip("torch")
    config = configuration(pictures, tmp_path / "run")
    weights = initial_weights(build_graph(config.network))
    weights["hm.2.bias"][...] = np.nan
    save_weights(tmp_path / "nan.safetensors", config.network, weights, {})
    broken = configuration(pictures, tmp_path / "run", start_weights=str(tmp_path / "nan.safetensors"))
    with pytest.raises(FloatingPointError, match=r"images/\d\.png"):
        train(broken, "torch", "cpu")
    assert not (tmp_path / "run" / "last.safetensors").exists()
