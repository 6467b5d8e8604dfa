import json
import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from small_run import configuration

from fairmot.checkpoint import load_checkpoint
from fairmot.config import TrackerConfig
from fairmot.data.loader import Loader
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
def pictures(tmp_path, write_people):
    """Six small pictures with two people each, four identities, as ``data.json``."""
    return write_people(tmp_path / "people")


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
    byte = TrackerConfig.preset("byte")
    config = configuration(pictures, tmp_path / "run", epochs=1).model_copy(update={"tracker": byte})
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
    np.testing.assert_array_equal(weights.arrays["hm.2.bias"], checkpoint.state["ema.hm.2.bias"])
    assert not np.array_equal(weights.arrays["hm.2.bias"], checkpoint.state["network.hm.2.bias"])
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def distance(first, second):
    """Length of the difference of two states' numbers, batch counts aside."""
    names = [name for name, array in first.items() if array.dtype == np.float32]
    return np.sqrt(sum(np.square(first[name] - second[name], dtype=np.float64).sum() for name in names))


def assert_same_way(start, first, second):
    """Compare where two runs went: float32 sums in another order may part them by a thousandth of it."""
    assert first.keys() == second.keys()
    assert distance(first, second) <= 1e-3 * distance(start, first)


def test_a_run_goes_on_in_another_engine_and_back(pictures, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("mindspore")
    # With Adam a gradient that is 0 up to rounding becomes a full step.
    plain = {"name": "sgd", "learning_rate": 2e-3}
    # Statistics of two tiny pictures would multiply every difference.
    steady = {"freeze_batch_norm": True, "keep_checkpoints": 9}
    whole = train(configuration(pictures, tmp_path / "whole", plain, epochs=3, **steady), "torch", "cpu")
    for epochs, engine in enumerate(("torch", "mindspore", "torch"), start=1):
        parts = configuration(pictures, tmp_path / "parts", plain, epochs=epochs, **steady)
        run = train(parts, engine, "cpu", resume=epochs > 1)
    lines = read_metrics(tmp_path / "parts")
    assert [line["step"] for line in lines] == list(range(1, 10))
    assert all(np.isfinite(line["total"]) for line in lines)
    kept = [load_checkpoint(tmp_path / "parts" / "checkpoints" / f"step-{n:08}.safetensors").state for n in (3, 6)]
    first, second = (load_checkpoint(each.checkpoint).state for each in (whole, run))
    assert_same_way(kept[0], first, second)
    with pytest.raises(AssertionError):
        assert_same_way(kept[0], first, kept[1])


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
    with pytest.raises(InputError, match=r"taken 6 steps, 2 epochs, and train\.epochs is 1: give at least as many"):
        train(configuration(pictures, tmp_path / "run", epochs=1), "torch", "cpu", resume=True)


def test_other_data_cannot_be_resumed(pictures, tmp_path):
    pytest.importorskip("torch")
    run, folder = tmp_path / "run", pictures.parent
    train(configuration(pictures, run, epochs=1), "torch", "cpu")

    def resume():
        return train(configuration(pictures, run), "torch", "cpu", resume=True)

    listed, labels = folder / "made.txt", folder / "labels_with_ids" / "made-3.txt"
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
    broken = configuration(
        pictures, tmp_path / "run", start_weights=str(tmp_path / "nan.safetensors"), max_bad_batches=3
    )
    with pytest.raises(FloatingPointError, match=r"images/made-\d\.png, \S+; 3 such batches in a row"):
        train(broken, "torch", "cpu")
    assert not (tmp_path / "run" / "last.safetensors").exists()


def spoil(monkeypatch, *numbers):
    """Make the targets of these batches (from 1) not finite."""
    original = Loader.epoch

    def epoch(loader, number, first_step=0):
        for step, batch in enumerate(original(loader, number, first_step), start=first_step + 1):
            if step in numbers:
                batch.extents[batch.is_object] = np.nan
            yield batch

    monkeypatch.setattr(Loader, "epoch", epoch)


def test_a_batch_whose_loss_is_not_finite_is_named_and_changes_nothing(pictures, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    spoil(monkeypatch, 2)
    run, notes = tmp_path / "run", []
    config = configuration(pictures, run, epochs=1, checkpoint_every_steps=1, keep_checkpoints=3, max_bad_batches=2)
    train(config, "torch", "cpu", note=notes.append)
    line = next(each for each in notes if "left out" in each)
    assert re.fullmatch(r"step 2: the loss is nan; pictures: \S+png, \S+png; the batch is left out", line)
    before, after, last = (load_checkpoint(run / "checkpoints" / f"step-{n:08}.safetensors").state for n in (1, 2, 3))
    assert_same_state(before, after)
    assert last["step"] == 2
    assert all(np.isfinite(array).all() for array in last.values())
    assert not np.array_equal(before["loss.s_det"], last["loss.s_det"])
    skipped = read_metrics(run)[1]
    assert (skipped["step"], len(skipped["skipped"])) == (2, 2)
    assert line in (run / "log.txt").read_text()


def test_bad_batches_count_only_in_a_row(pictures, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    spoil(monkeypatch, 1, 3)
    train(configuration(pictures, tmp_path / "one", epochs=1, max_bad_batches=2), "torch", "cpu")
    spoil(monkeypatch, 2)
    with pytest.raises(FloatingPointError, match=r"step 2: .* 2 such batches in a row, so training stops"):
        train(configuration(pictures, tmp_path / "two", epochs=1, max_bad_batches=2), "torch", "cpu")


def test_the_newest_checkpoints_are_kept_and_an_older_one_can_be_gone_back_to(pictures, tmp_path):
    pytest.importorskip("torch")
    run = tmp_path / "run"
    config = configuration(pictures, run, checkpoint_every_steps=1, keep_checkpoints=3)
    train(config, "torch", "cpu")
    kept = sorted((run / "checkpoints").iterdir())
    assert [path.name for path in kept] == [f"step-{step:08}.safetensors" for step in (4, 5, 6)]
    end = load_checkpoint(run / "last.safetensors").state
    assert_same_state(load_checkpoint(kept[-1]).state, end)
    (run / "last.safetensors").write_bytes(kept[0].read_bytes())
    train(config, "torch", "cpu", resume=True)
    assert_same_state(load_checkpoint(run / "last.safetensors").state, end)
    assert [line["step"] for line in read_metrics(run)] == [1, 2, 3, 4, 5, 6]


def test_a_run_notes_its_environment(pictures, tmp_path):
    pytest.importorskip("torch")
    train(configuration(pictures, tmp_path / "run", epochs=1), "torch", "cpu")
    noted = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert (noted["engine"], noted["device"], noted["threads"]) == ("torch", "cpu", 1)
    assert noted["packages"]["numpy"] == np.__version__
    assert re.match(r"\d{4}-\d\d-\d\dT\S+ torch: begins at step 0 of 3\n", (tmp_path / "run" / "log.txt").read_text())


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("Memory not enough: alloc memory size: 12 GB"),
    ],
)
def test_out_of_memory_is_one_line_with_the_batch_size_to_try(error, pictures, tmp_path, monkeypatch):
    module = load_engine("torch")

    def create_trainer(*_):
        raise error

    monkeypatch.setattr(module, "create_trainer", create_trainer)
    with pytest.raises(InputError, match=r"^out of memory with 2 pictures of 96 x 64 .*batch_size=1, .*accumulate=2"):
        train(configuration(pictures, tmp_path / "run"), "torch", "cpu")
    with pytest.raises(InputError, match="with one picture of 96 x 64 a batch; try a smaller"):
        train(configuration(pictures, tmp_path / "run", batch_size=1), "torch", "cpu")


def test_other_errors_stay_what_they_are(pictures, tmp_path, monkeypatch):
    def create_trainer(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(load_engine("torch"), "create_trainer", create_trainer)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(configuration(pictures, tmp_path / "run"), "torch", "cpu")
