"""``fairmot train --processes N``: found places, one run for all, signals, errors."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_run import NETWORK

from fairmot.config import parse_config
from fairmot.engines.torch import launcher as torch_launcher
from fairmot.errors import InputError
from fairmot.files import locked
from fairmot.training.checkpoint import load_checkpoint
from fairmot.training.launch import _passing_signals_on, _watch, launch
from fairmot.training.loop import train
from fairmot.training.metrics import read_metrics
from fairmot.training.process import FOLDER_VARIABLE, Process, current_process


def test_a_process_finds_its_place():
    assert current_process({}) == Process(0, 1, launched=False)
    assert current_process({}).is_first
    second = current_process({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1"})
    assert second == Process(1, 4, launched=True)
    assert not second.is_first
    worker = current_process({"MS_ROLE": "MS_WORKER", "MS_WORKER_NUM": "8", "MS_NODE_ID": "3"})
    assert worker == Process(3, 8, launched=True)
    scheduler = current_process({"MS_ROLE": "MS_SCHED", "MS_WORKER_NUM": "8", "RANK_ID": "0"})
    assert scheduler.is_scheduler
    assert not scheduler.is_first
    with pytest.raises(InputError, match="--node_rank"):
        current_process({"MS_ROLE": "MS_WORKER", "MS_WORKER_NUM": "8"})


def ended_process():
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@contextmanager
def waiting_launcher():
    """A launcher that waits for minutes, as ``msrun`` does for its scheduler."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_run_that_cannot_go_on_ends_its_launcher(tmp_path):
    runs = {
        ("0.pid", "0.mistake"): True,  # one reports a mistake
        ("0.pid", "1.pid"): True,  # none lives
        ("0.pid", "0.done"): False,  # done: the launcher ends by itself
        (): False,  # none has begun
    }
    gone = ended_process()
    with ExitStack() as stack:
        watched = []
        for index, files in enumerate(runs):
            folder = tmp_path / str(index)
            folder.mkdir()
            for name in files:
                (folder / name).write_text(str(gone) if name.endswith(".pid") else "a line")
            launcher = stack.enter_context(waiting_launcher())
            watched.append((launcher, threading.Thread(target=_watch, args=(launcher, folder), daemon=True)))
        for _, thread in watched:
            thread.start()
        for (launcher, thread), ends in zip(watched, runs.values(), strict=True):
            thread.join(60 if ends else 3)
            assert thread.is_alive() != ends
            assert (launcher.poll() is None) != ends


@pytest.mark.own_process
def test_a_signal_ends_a_launcher_whose_processes_are_gone(tmp_path):
    (tmp_path / "0.pid").write_text(str(ended_process()))
    with waiting_launcher() as launcher, _passing_signals_on(launcher, tmp_path) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        launcher.wait(60)
    assert signals == [signal.SIGTERM]


def test_absent_devices_are_reported_before_anything_starts(tmp_path, monkeypatch):
    if list(Path("/dev").glob("davinci[0-9]*")) or shutil.which("npu-smi"):
        pytest.skip("there is an Ascend device")
    with pytest.raises(InputError, match="no Ascend device here"):
        launch([], "mindspore", 8, tmp_path / "logs", device="ascend")
    monkeypatch.setattr(torch_launcher, "cuda_device_count", lambda: 0)
    with pytest.raises(InputError, match="no CUDA device here"):
        launch([], "torch", 8, tmp_path / "logs", device="cuda")
    monkeypatch.setattr(torch_launcher, "cuda_device_count", lambda: 2)
    with pytest.raises(InputError, match="8 processes need 8 CUDA devices, and there are 2"):
        launch([], "torch", 8, tmp_path / "logs", device="cuda")
    assert not list(tmp_path.iterdir())


def test_an_engine_that_cannot_train_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"onnxruntime.* has no launching; engines that have it: torch, mindspore"):
        launch([], "onnxruntime", 2, tmp_path / "logs")


KILLED = """
import os
from pathlib import Path

folder = Path(os.environ["FAIRMOT_PROCESSES"])
if os.environ["RANK"] == "0":
    (folder.parent / f".last.{os.getpid()}.part.safetensors").write_text("half")
    (folder.parent / ".fairmot.lock").write_text("")
(folder / f"{os.environ['RANK']}.pid").write_text(str(os.getpid()))
os.kill(os.getpid(), 9)
"""


def test_half_written_files_of_killed_processes_do_not_stay(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "script.py").write_text(KILLED.replace("FAIRMOT_PROCESSES", FOLDER_VARIABLE))
    (tmp_path / "run").mkdir()
    code = launch([], "torch", 2, tmp_path / "run" / "processes", device="cpu", script=tmp_path / "script.py")
    assert code == 1
    assert (tmp_path / "run" / "processes" / "0.pid").exists()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["processes"]


@pytest.fixture
def settings(tmp_path):
    """A run of 6 steps on 12 images, as a function of the images that a process takes at once."""
    rng = np.random.default_rng(0)
    for name in ("images", "labels_with_ids"):
        (tmp_path / name).mkdir()
    for index in range(12):
        image = cv2.resize(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8), (160, 96))
        cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), image)
        # An uneven number of people, some without identity.
        rows = [f"0 {k - 1} {0.2 + 0.15 * k:.3f} 0.5 0.1 0.4\n" for k in range(1 + index % 5)]
        (tmp_path / "labels_with_ids" / f"{index}.txt").write_text("".join(rows))
    (tmp_path / "made.txt").write_text("".join(f"images/{index}.png\n" for index in range(12)))
    lists = {"train": {"made": "made.txt"}, "val": {"held": "made.txt"}}
    (tmp_path / "data.json").write_text(json.dumps({"root": ".", **lists}))

    def make(name, **train_settings):
        return parse_config(
            {
                "network": NETWORK | {"architecture": "yolo"},  # steady under SGD
                "data": {"description": str(tmp_path / "data.json"), "max_objects": 20, "workers": 1},
                "optimizer": {"name": "sgd", "learning_rate": 0.01},
                "train": {"epochs": 2, "threads": 1, "freeze_batch_norm": True, "output": str(tmp_path / name)}
                | train_settings,
            },
            "test",
        )

    return make


def start(config, engine, processes, *options):
    file = config.train.output.with_suffix(".json")
    file.write_text(config.model_dump_json())
    command = [sys.executable, "-m", "fairmot", "train", str(file), "--engine", engine, "--device", "cpu"]
    command += ["--processes", str(processes), *options]
    # msrun leaves files of its own in the working directory.
    return subprocess.Popen(
        command, cwd=config.train.output.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def difference(first, second):
    """Distance of all network parameters, relative to their length."""
    names = [name for name in first if name.startswith("network.")]
    apart = sum(float(((first[name].astype(np.float64) - second[name]) ** 2).sum()) for name in names)
    return (apart / sum(float((first[name].astype(np.float64) ** 2).sum()) for name in names)) ** 0.5


@pytest.mark.slow  # engines/test_distributed.py compares their steps
@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_two_processes_train_what_one_does(engine, settings, tmp_path):
    pytest.importorskip(engine)
    config = settings("two", batch_size=2, validate_every_epochs=1, best_score="AP50")
    finished = start(config, engine, 2)
    answer, notes = finished.communicate(timeout=300)
    assert finished.returncode == 0, notes
    assert f"checkpoint {tmp_path / 'two' / 'last.safetensors'}" in answer
    assert answer.count("checkpoint ") == 1  # one process speaks
    # Once more in a single process, with twice the batch, and with half of it in two passes a step.
    one = load_checkpoint(train(settings("one", batch_size=4), engine, "cpu").checkpoint)
    two = load_checkpoint(tmp_path / "two" / "last.safetensors")
    assert two.data["images a step"] == "4"
    assert [line["step"] for line in read_metrics(tmp_path / "two")] == [1, 2, 3, 4, 5, 6]
    # The first process validates, and the others wait.
    lines = (tmp_path / "two" / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [3, 6]
    moved = difference(one.state, {**one.state, **start_of(config)})
    assert moved > 1e-3
    assert difference(one.state, two.state) < 1e-3 * moved
    np.testing.assert_allclose(
        [line["total"] for line in read_metrics(tmp_path / "two")],
        [line["total"] for line in read_metrics(tmp_path / "one")],
        rtol=1e-5,
    )
    other = load_checkpoint(train(settings("half", batch_size=2), engine, "cpu").checkpoint)
    assert difference(one.state, other.state) > 1e-3 * moved


def start_of(config):
    from fairmot.network.architectures import build_graph
    from fairmot.network.initial import initial_weights

    return {f"network.{name}": array for name, array in initial_weights(build_graph(config.network)).items()}


def test_a_signal_saves_the_run_and_ends_all_processes(settings, tmp_path):
    pytest.importorskip("torch")
    config = settings("run", batch_size=2, epochs=1000)
    run = start(config, "torch", 2)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "metrics.jsonl").exists() or len(read_metrics(tmp_path / "run")) < 2:
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    processes = [int(file.read_text()) for file in (tmp_path / "run" / "processes").glob("*.pid")]
    assert len(processes) == 2
    run.send_signal(signal.SIGTERM)
    _, notes = run.communicate(timeout=120)
    assert run.returncode == 130, notes
    step = int(re.search(r"stopped after step (\d+) of 3000", notes)[1])
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").state["step"] == step
    for number in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
    # A single process would take other steps.
    with pytest.raises(InputError, match=r"images a step: '4' -> '2'"):
        train(settings("run", batch_size=2, epochs=1000), "torch", "cpu", resume=True)


@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_a_mistake_is_one_line_before_a_launcher_starts(engine, settings, tmp_path):
    pytest.importorskip(engine)
    run = start(settings("run", batch_size=20), engine, 2)
    _, notes = run.communicate(timeout=120)
    assert run.returncode == 2, notes
    (line,) = notes.splitlines()
    assert "12 images in made, fewer than one batch of 20 in each of 2 processes" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("engine", ["torch", pytest.param("mindspore", marks=pytest.mark.slow)])
def test_a_mistake_that_a_process_finds_is_the_last_line(engine, settings, tmp_path):
    pytest.importorskip(engine)
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run"):
        begun = time.monotonic()
        run = start(settings("run", batch_size=2), engine, 2)
        _, notes = run.communicate(timeout=120)
        # msrun alone waits ten minutes.
        assert time.monotonic() - begun < 100
    assert run.returncode == 2, notes
    assert "writes into this folder" in notes.splitlines()[-1]
    assert "Traceback" not in notes
    assert not list((tmp_path / "run").iterdir())
