"""The commands as a stranger runs them: in a process of their own, from an empty folder, with good and bad input."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from walk import write_walk

import fairmot
from fairmot.cli import main
from fairmot.media.outputs.video import VideoWriter
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.safetensors import save_weights


def run(folder, *arguments):
    """Run ``fairmot`` in ``folder``."""
    program = [sys.executable, "-c", "from fairmot.cli import main; main()", *map(str, arguments)]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def failure(folder, *arguments):
    """Run a command that must fail as a user's mistake does, and return its one line."""
    finished = run(folder, *arguments)
    assert finished.returncode == 2, finished
    return only_line(finished.stderr)


def only_line(printed):
    """What a command says of a mistake on the standard error output: one line, no traceback."""
    assert "Traceback" not in printed
    lines = [line for line in printed.splitlines() if line.startswith("fairmot: ")]
    assert len(lines) == 1, printed
    return lines[0]


@pytest.fixture
def sequence(tmp_path):
    """Eight frames."""
    return write_walk(tmp_path, 8)


def processor_seconds(start):
    """Processor time of a child process: waiting for others does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert start().returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_quick():
    # The same library printing the help of a program that does nothing.
    empty = "import typer; app = typer.Typer(); app.command()(lambda: None); app(['--help'])"
    printer = [sys.executable, "-c", empty]
    ours, reference = [], []
    for _ in range(4):  # in turns, so that both see the same machine
        ours.append(processor_seconds(lambda: run(".", "--help")))
        reference.append(processor_seconds(lambda: subprocess.run(printer, check=False, stdout=subprocess.DEVNULL)))
    # As a ratio in one run: the help may cost little more than the library that prints it.
    assert min(ours) < 2 * min(reference)


def test_version():
    assert run(".", "--version").stdout.strip() == fairmot.__version__


def test_track_writes_rows_and_a_video_and_a_second_run_its_own_folder(tmp_path, sequence):
    for folder in ("walk", "walk-2"):
        finished = run(tmp_path, "track", sequence, "--json")
        assert finished.returncode == 0, finished.stderr
        (result,) = json.loads(finished.stdout)
        assert result["frame_count"] == 8
        assert (tmp_path / "runs" / "track" / folder / "walk.txt").exists()
        assert (tmp_path / "runs" / "track" / folder / "walk.mp4").stat().st_size > 500


def test_evaluate_prints_the_three_families(tmp_path, sequence):
    finished = run(tmp_path, "evaluate", sequence, "--benchmark", "none", "--output", "out")
    assert finished.returncode == 0, finished.stderr
    for word in ("HOTA", "MOTA", "IDF1", "AP@0.5", "frames/s"):
        assert word in finished.stdout
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert report["combined"]["Frames"] == 8


def test_score_needs_no_network_and_perfect_results_score_1(tmp_path, sequence):
    rows = [line.split(",")[:6] for line in (sequence / "gt" / "gt.txt").read_text().splitlines()]
    (tmp_path / "walk.txt").write_text("".join(",".join(row) + ",1,-1,-1,-1\n" for row in rows))
    finished = run(
        tmp_path,
        "score",
        sequence,
        "walk.txt",
        "--benchmark",
        "none",
        "--save-json",
        "s.json",
        "--save-csv",
        "s.csv",
        "--classic",
    )
    assert finished.returncode == 0, finished.stderr
    combined = json.loads((tmp_path / "s.json").read_text())["combined"]
    assert combined["HOTA"] == combined["MOTA"] == combined["IDF1"] == 1.0
    assert (tmp_path / "s.csv").read_text().startswith("sequence,")


def test_describe_convert_and_synthesize(tmp_path):
    described = json.loads(run(tmp_path, "describe", "dla_34", "--json").stdout)
    assert described["outputs"]["embedding"] == [128, 152, 272]
    made = run(tmp_path, "data", "synthesize", "streets", "--people", "2", "--frames", "2")
    assert made.returncode == 0, made.stderr
    converted = run(tmp_path, "data", "convert", "motchallenge", "streets", "people", "--name", "streets")
    assert converted.returncode == 0, converted.stderr
    assert "2 images" in converted.stdout
    assert json.loads((tmp_path / "people" / "data.json").read_text())["train"] == {"streets": "streets.txt"}


def test_demo(tmp_path):
    finished = run(tmp_path, "demo", "--frames", "6", "--people", "3")
    assert finished.returncode == 0, finished.stderr
    video = Path(finished.stdout.splitlines()[-1].removeprefix("video: "))
    assert (tmp_path / video).stat().st_size > 1000
    assert "IDF1" in finished.stdout


@pytest.mark.slow
def test_a_second_demo_replaces_the_first(tmp_path):
    for frames in ("6", "4"):
        assert run(tmp_path, "demo", "--frames", frames, "--people", "3").returncode == 0
    assert json.loads((tmp_path / "demo/results/run.json").read_text())["sources"]["street"]["frames"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("track", "absent.mp4"), "absent.mp4"),
        (("track", "empty"), "empty"),
        (("track", "noise.mp4"), "noise.mp4"),
        (("track", "empty", "--weights", "absent.safetensors"), "absent.safetensors: no such weight file"),
        (("track", "empty", "--input-size", "100x100"), "32"),
        (("track", "empty", "--input-size", "large"), "--input-size large: expected WIDTHxHEIGHT"),
        (("track", "empty", "--engine", "onxruntime"), "did you mean 'onnxruntime'"),
        (("train", "lite", "--set", "train.epoch=3"), "did you mean 'epochs'"),
        (("train", "lite", "--engine", "torch"), "data.json"),
        (("train", "lite", "--set", "train.epochs=[3"), "train.epochs=[3"),
        (("train", "absent"), "absent: no such configuration"),
        (("track", "empty", "--device", "quantum"), "quantum"),
        (("track", "empty", "--engine", "torch", "--device", "ascend"), "ascend"),
        (("score", "empty", "empty"), "empty"),
        (("convert", "noise.mp4", "out.safetensors"), "known: .safetensors, .pth"),
        (("convert", "noise.onnx", "out.safetensors"), "noise.onnx"),
        (("data", "convert", "pennfudn", "empty", "out"), "did you mean 'pennfudan'"),
        (("data", "convert", "pennfudan", "empty", "out"), "empty"),
        (("describe", "dla34"), "dla34"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(elsewhere, tmp_path, monkeypatch, capsys, arguments, message):
    """In this process: the start of another one for each costs more than all the rest."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "noise.mp4").write_bytes(b"no video" * 100)
    (tmp_path / "noise.onnx").write_bytes(b"no network")
    monkeypatch.setattr("sys.argv", ["fairmot", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert message in only_line(capsys.readouterr().err)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_mistake_is_one_line_and_exit_code_2_of_a_process_too(tmp_path):
    assert "absent.mp4" in failure(tmp_path, "track", "absent.mp4")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_an_absent_device_is_one_line(tmp_path, sequence):
    assert "cuda" in failure(tmp_path, "track", sequence, "--engine", "torch", "--device", "cuda")


def test_a_folder_named_like_a_shipped_configuration_is_not_taken_for_it(tmp_path):
    (tmp_path / "lite").mkdir()
    assert "data.json" in failure(tmp_path, "train", "lite", "--engine", "torch")


def test_weights_of_another_architecture_are_listed_by_name(tmp_path, sequence):
    config = LITE.model_copy(update={"architecture": "dlaconv_34"})
    save_weights(tmp_path / "mixed.safetensors", config, initial_weights(build_graph(LITE)), {})
    line = failure(tmp_path, "track", sequence, "--weights", "mixed.safetensors")
    assert "base.base_layer.0.weight is missing" in line
    assert "backbone.stem.0.conv.weight is unexpected" in line


def test_a_label_line_with_five_columns_is_named(tmp_path):
    for name in ("images", "labels_with_ids"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "labels_with_ids" / "a.txt").write_text("0 1 .5 .5 .1 .1\n0 1 .5 .5 .1\n")
    (tmp_path / "set.txt").write_text("images/a.png\n")
    (tmp_path / "data.json").write_text('{"root": ".", "train": {"set": "set.txt"}}')
    line = failure(tmp_path, "train", "lite", "--set", "data.description=data.json", "--engine", "torch")
    assert "a.txt line 2: 5 columns, expected 6" in line


def test_a_video_cut_off_is_tracked_as_far_as_it_goes(tmp_path):
    rng = np.random.default_rng(0)
    whole = tmp_path / "whole.mp4"
    with VideoWriter(whole, (160, 96), 25) as writer:
        for _ in range(40):
            writer.write(rng.integers(0, 256, (96, 160, 3), dtype=np.uint8))
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    line = failure(tmp_path, "track", "cut.mp4", "--no-video")
    assert "cut.mp4" in line
    assert (tmp_path / "runs" / "track" / "cut" / "cut.txt").exists()


def test_a_full_disk_is_one_line_and_nothing_half_written(tmp_path, sequence):
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from fairmot.cli import main; main()"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, "evaluate", str(sequence), "--benchmark", "none", "--output", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2, finished
    assert "Traceback" not in finished.stderr
    assert not [path for path in (tmp_path / "out").glob("**/*") if path.is_file() and path.stat().st_size]
