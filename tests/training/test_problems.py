"""What ``train`` does where something goes wrong: full disks, losses that are not finite, memory."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from small_run import assert_same_state, configuration

from fairmot.data.loader import Loader
from fairmot.engines import load_training
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import save_weights
from fairmot.training.checkpoint import load_checkpoint
from fairmot.training.loop import train
from fairmot.training.metrics import MetricsLog, read_metrics
from fairmot.training.run import Run


def test_a_full_disk_is_one_line_and_the_checkpoint_before_it_stays(images, tmp_path):
    pytest.importorskip("torch")
    run = tmp_path / "run"
    config = configuration(images, run, epochs=1)
    train(config, "torch", "cpu")
    before = {name: (run / name).read_bytes() for name in ("last.safetensors", "weights.safetensors")}
    (tmp_path / "config.yaml").write_text(configuration(images, run).model_dump_json())
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
    assert train(configuration(images, run), "torch", "cpu", resume=True).steps == 6


def test_a_second_training_in_one_folder_is_refused(images, tmp_path):
    """It names the process that trains there; the first goes on as if nothing had been."""
    pytest.importorskip("torch")
    refused = []

    def second(*_):
        if not refused:
            with pytest.raises(InputError) as error:
                train(configuration(images, tmp_path / "run", seed=2), "torch", "cpu")
            refused.append(str(error.value))

    outcome = train(configuration(images, tmp_path / "run"), "torch", "cpu", on_step=second)
    (line,) = refused
    assert line.startswith(f"{tmp_path / 'run'}: another run (process {os.getpid()} on ")
    assert line.endswith(") writes into this folder; wait for it, or choose another")
    assert outcome.steps == len(read_metrics(tmp_path / "run")) == 6
    train(configuration(images, tmp_path / "alone"), "torch", "cpu")
    states = [load_checkpoint(tmp_path / name / "last.safetensors").state for name in ("run", "alone")]
    assert_same_state(*states)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_metrics_that_cannot_be_written_are_one_line(images, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    original = MetricsLog.__init__

    def on_a_full_disk(log, *arguments):
        original(log, *arguments)
        log.steps.file = open("/dev/full", "ab", buffering=0)  # noqa: PTH123, SIM115

    monkeypatch.setattr(MetricsLog, "__init__", on_a_full_disk)
    with pytest.raises(InputError, match="run: cannot be written: No space left on device"):
        train(configuration(images, tmp_path / "run", epochs=1), "torch", "cpu")


@pytest.mark.parametrize("file", ["config.json", "metrics.jsonl"])
def test_a_crash_while_a_run_begins_leaves_the_old_files(file, tmp_path, images, monkeypatch):
    pytest.importorskip("torch")
    run = tmp_path / "run"
    train(configuration(images, run, epochs=1), "torch", "cpu")
    before = (run / file).read_bytes()
    original = type(run).write_text

    def crash(path, text, **options):
        original(path, text[: len(text) // 2], **options)
        if file.partition(".")[0] in path.name:
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(type(run), "write_text", crash)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        train(configuration(images, run), "torch", "cpu", resume=True)
    assert (run / file).read_bytes() == before


def test_weights_that_are_not_finite_are_no_start(images, tmp_path):
    config = configuration(images, tmp_path / "run")
    weights = initial_weights(build_graph(config.network))
    weights["bbox_head.rtm_cls.0.bias"][...] = np.nan
    save_weights(tmp_path / "nan.safetensors", config.network, weights, {})
    for partial in (False, True):
        settings = {"start_weights": str(tmp_path / "nan.safetensors"), "partial_start": partial}
        with pytest.raises(InputError, match=r"nan\.safetensors: bbox_head\.rtm_cls\.0\.bias holds numbers"):
            train(configuration(images, tmp_path / "run", **settings), "torch", "cpu")
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_a_loss_that_is_not_finite_names_the_images(images, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    spoil(monkeypatch, 1, 2, 3)
    config = configuration(images, tmp_path / "run", max_bad_batches=3)
    with pytest.raises(FloatingPointError, match=r"images/made-\d\.png, \S+; 3 such batches in a row"):
        train(config, "torch", "cpu")
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_a_network_that_is_not_finite_is_named_and_not_saved(images, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    state = Run._checkpoint

    def spoilt(run):
        made = state(run)
        made.state["network.bbox_head.rtm_cls.0.bias"][...] = np.inf
        return made

    train(configuration(images, tmp_path / "run", epochs=1), "torch", "cpu")
    before = (tmp_path / "run" / "last.safetensors").read_bytes()
    monkeypatch.setattr(Run, "_checkpoint", spoilt)
    with pytest.raises(FloatingPointError, match=r"bbox_head\.rtm_cls\.0\.bias is not finite; what was saved before"):
        train(
            configuration(
                images,
                tmp_path / "run",
                epochs=2,
            ),
            "torch",
            "cpu",
            resume=True,
        )
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == before


def spoil(monkeypatch, *numbers):
    """Make the targets of these batches (from 1) not finite."""
    original = Loader.epoch

    def epoch(loader, number, first_step=0):
        for step, batch in enumerate(original(loader, number, first_step), start=first_step + 1):
            if step in numbers:
                batch.boxes_xyxy[batch.is_object] = -1e30, -1e30, 1e30, 1e30  # its area is infinite
            yield batch

    monkeypatch.setattr(Loader, "epoch", epoch)


def test_a_batch_whose_loss_is_not_finite_is_named_and_changes_nothing(images, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    spoil(monkeypatch, 2)
    run, notes = tmp_path / "run", []
    config = configuration(images, run, epochs=1, checkpoint_every_steps=1, keep_checkpoints=3, max_bad_batches=2)
    train(config, "torch", "cpu", log=notes.append)
    line = next(each for each in notes if "left out" in each)
    assert re.fullmatch(r"step 2: the loss is nan; images: \S+png, \S+png; the batch is left out", line)
    before, after, last = (load_checkpoint(run / "checkpoints" / f"step-{n:08}.safetensors").state for n in (1, 2, 3))
    assert_same_state(before, after)
    assert last["step"] == 2
    assert all(np.isfinite(array).all() for array in last.values())
    assert not np.array_equal(before["loss.s_det"], last["loss.s_det"])
    skipped = read_metrics(run)[1]
    assert (skipped["step"], len(skipped["skipped"])) == (2, 2)
    assert line in (run / "log.txt").read_text()


def test_bad_batches_count_only_in_a_row(images, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    spoil(monkeypatch, 1, 3)
    train(configuration(images, tmp_path / "one", epochs=1, max_bad_batches=2), "torch", "cpu")
    spoil(monkeypatch, 2)
    with pytest.raises(FloatingPointError, match=r"step 2: .* 2 such batches in a row, so training stops"):
        train(configuration(images, tmp_path / "two", epochs=1, max_bad_batches=2), "torch", "cpu")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("Memory not enough: alloc memory size: 12 GB"),
    ],
)
def test_out_of_memory_is_one_line_with_the_batch_size_to_try(error, images, tmp_path, monkeypatch):
    module = load_training("torch")

    def create_trainer(*_):
        raise error

    monkeypatch.setattr(module, "create_trainer", create_trainer)
    with pytest.raises(InputError, match=r"^out of memory with 2 images of 96 x 64 .*batch_size=1, .*accumulate=2"):
        train(configuration(images, tmp_path / "run"), "torch", "cpu")
    with pytest.raises(InputError, match="with one image of 96 x 64 a batch; try a smaller"):
        train(configuration(images, tmp_path / "run", batch_size=1), "torch", "cpu")


def test_other_errors_stay_what_they_are(images, tmp_path, monkeypatch):
    def create_trainer(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(load_training("torch"), "create_trainer", create_trainer)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(configuration(images, tmp_path / "run"), "torch", "cpu")
