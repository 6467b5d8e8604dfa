import json
import os
import re
import signal
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from fairmot.checkpoint import load_checkpoint
from fairmot.config import parse_config
from fairmot.engines import load_engine
from fairmot.errors import InputError
from fairmot.metrics import MetricsLog, read_metrics
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.weights import load_weights, read_arrays, save_weights, write_arrays
from fairmot.train import train
from fairmot.training.start import start_weights

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


def signal_inside(monkeypatch, engine, steps, number, times=1):
    """Signal this process inside these steps (counted from 1 over all runs), between gradients and their use."""
    module = load_engine(engine)
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


def assert_same_state(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("engine", ENGINES)
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(engine, number, pictures, tmp_path, monkeypatch):
    pytest.importorskip(engine)
    whole = train(configuration(pictures, tmp_path / "whole"), engine, "cpu")
    parts = configuration(pictures, tmp_path / "parts")
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    signal_inside(monkeypatch, engine, (2, 4), number)
    for step in (2, 4):
        notes = []
        with pytest.raises(KeyboardInterrupt):
            train(parts, engine, "cpu", resume=step > 2, note=notes.append)
        assert notes[-1:] == [f"stopped after step {step} of 6, which is saved; go on with --resume"]
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


def test_a_second_signal_aborts_at_once_and_saves_nothing(pictures, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    config = configuration(pictures, tmp_path / "run", checkpoint_every_steps=1)
    signal_inside(monkeypatch, "torch", (3,), signal.SIGINT, times=2)
    with pytest.raises(KeyboardInterrupt):
        train(config, "torch", "cpu")
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").state["step"] == 2


def test_training_outside_the_main_thread_leaves_signals_alone(pictures, tmp_path):
    pytest.importorskip("torch")
    seen = []
    config = configuration(pictures, tmp_path / "run", epochs=1)
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(
        target=train, args=(config, "torch", "cpu", False, lambda _: seen.append(signal.getsignal(signal.SIGINT)))
    )
    thread.start()
    thread.join()
    assert seen == [before] * 3


def test_a_full_disk_is_one_line_and_the_checkpoint_before_it_stays(pictures, tmp_path):
    pytest.importorskip("torch")
    run = tmp_path / "run"
    config = configuration(pictures, run, epochs=1)
    train(config, "torch", "cpu")
    before = {name: (run / name).read_bytes() for name in ("last.safetensors", "weights.safetensors")}
    (tmp_path / "config.yaml").write_text(configuration(pictures, run).model_dump_json())
    # Small files may still be written: no room for a checkpoint is what this is about.
    program = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from fairmot.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "train", str(tmp_path / "config.yaml")]
    full = subprocess.run(
        [*command, "--resume", "--engine", "torch", "--device", "cpu"], capture_output=True, text=True, check=False
    )
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    assert sum("File too large" in line for line in full.stderr.splitlines()) == 1
    assert {name: (run / name).read_bytes() for name in before} == before
    assert not list(run.glob(".*"))
    # Without the limit the same run goes on.
    assert train(configuration(pictures, run), "torch", "cpu", resume=True).steps == 6


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_metrics_that_cannot_be_written_are_one_line(pictures, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    original = MetricsLog.__init__

    def on_a_full_disk(log, *arguments):
        original(log, *arguments)
        log.steps.file = open("/dev/full", "ab", buffering=0)  # noqa: PTH123, SIM115

    monkeypatch.setattr(MetricsLog, "__init__", on_a_full_disk)
    with pytest.raises(InputError, match="run: cannot be written: No space left on device"):
        train(configuration(pictures, tmp_path / "run", epochs=1), "torch", "cpu")


@pytest.mark.parametrize("file", ["config.json", "metrics.jsonl"])
def test_a_crash_while_a_run_begins_leaves_the_old_files(file, tmp_path, pictures, monkeypatch):
    pytest.importorskip("torch")
    run = tmp_path / "run"
    train(configuration(pictures, run, epochs=1), "torch", "cpu")
    before = (run / file).read_bytes()
    original = type(run).write_text

    def crash(path, text, **options):
        original(path, text[: len(text) // 2], **options)
        if file.partition(".")[0] in path.name:
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(type(run), "write_text", crash)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        train(configuration(pictures, run), "torch", "cpu", resume=True)
    assert (run / file).read_bytes() == before


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


def test_other_data_cannot_be_resumed(pictures, tmp_path):
    pytest.importorskip("torch")
    run, folder = tmp_path / "run", pictures.parent
    train(configuration(pictures, run, epochs=1), "torch", "cpu")

    def resume():
        return train(configuration(pictures, run), "torch", "cpu", resume=True)

    listed, labels = folder / "made.txt", folder / "labels_with_ids" / "3.txt"
    names, rows = listed.read_text(), labels.read_text()
    listed.write_text("\n".join(reversed(names.splitlines())))  # another order: another epoch
    with pytest.raises(InputError, match=r"^\S+ was made .*list of training pictures: '6 \(\w+\)' -> '6 \(\w+\)'"):
        resume()
    listed.write_text(names)
    labels.write_text(rows.replace("0 3 ", "0 9 "))
    with pytest.raises(InputError, match=r"identity_count: 5 -> 11; label rows: '12 \(\w+\)' -> '12 \(\w+\)'") as error:
        resume()
    assert "\n" not in str(error.value)
    assert "list of training" not in str(error.value)
    labels.write_text(rows)
    assert resume().steps == 6


def test_a_checkpoint_that_knows_nothing_of_its_data_can_be_resumed(pictures, tmp_path):
    pytest.importorskip("torch")
    run = train(configuration(pictures, tmp_path / "run", epochs=1), "torch", "cpu")
    metadata, arrays = read_arrays(run.checkpoint)
    del metadata["data"]
    write_arrays(run.checkpoint, arrays, metadata)
    assert load_checkpoint(run.checkpoint).data == {}
    train(configuration(pictures, tmp_path / "run"), "torch", "cpu", resume=True)
    assert load_checkpoint(run.checkpoint).data.keys() == {"list of training pictures", "label rows", "pictures a step"}


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
    notes = []
    taken = start_weights(graph, partial, notes.append)
    assert len(notes) == 1
    assert re.search(r"start\.safetensors: (\d+) of (\d+) arrays taken, .*drawn or left out: ", notes[0])
    assert "id.2.weight has shape [64, 64, 1, 1], expected [8, 16, 1, 1]" in notes[0]
    assert "stem" not in notes[0]
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
