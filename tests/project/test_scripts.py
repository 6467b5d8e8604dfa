"""The published scripts, run as published, on a processor, with a small street and a small network."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from fairmot.data.converters import convert_dataset
from fairmot.street import write_street

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONFIG = """
network: {architecture: lite, embedding: 16, head_width: 16, input_width_px: 128, input_height_px: 96}
data: {description: mix/data.json, workers: 0}
train: {epochs: 1, batch_size: 2, threads: 1}
inference: {save_videos: true, save_images: true}
"""
COLUMNS = "IDF1 IDP IDR Rcll Prcn GT MT PT ML FP FN IDs FM MOTA MOTP IDt IDa IDm"
"""As published, beside the name of the sequence."""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A street of four frames, and what the converter makes of it."""
    folder = tmp_path_factory.mktemp("rendered")
    write_street(folder / "streets", people=3, frames=4)
    convert_dataset("motchallenge", folder / "streets", folder / "mix", name="street")
    return folder


@pytest.fixture
def place(tmp_path, rendered):
    """A folder with the street and a configuration."""
    shutil.copytree(rendered, tmp_path, dirs_exist_ok=True)
    (street,) = (path for path in (tmp_path / "streets").iterdir() if path.is_dir())
    for split, number in (("train", "01"), ("test", "04")):
        sequence = tmp_path / "MOT20" / split / f"MOT20-{number}"
        shutil.copytree(street, sequence)
        info = (sequence / "seqinfo.ini").read_text()
        (sequence / "seqinfo.ini").write_text(re.sub("name=.*", f"name={sequence.name}", info))
    shutil.rmtree(tmp_path / "MOT20" / "test" / "MOT20-04" / "gt")
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


def start(folder, script, *arguments, **variables):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    return subprocess.run(
        ["bash", SCRIPTS / script, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def wait_for(path, seconds=300):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.2)


def test_train_track_and_score(place):
    finished = start(place, "run_standalone_train_gpu.sh", "small.yaml", DEVICE="cpu")
    assert finished.returncode == 0, finished.stderr
    weights = place / "output" / "weights.safetensors"
    assert weights.exists()

    finished = start(place, "run_eval.sh", "cpu", "small.yaml", weights, ".")
    assert finished.returncode == 0, finished.stderr
    log = (place / "eval" / "eval.log").read_text()
    assert log == finished.stdout
    check_published(log)
    with pytest.raises(AssertionError):
        check_published(re.sub(r"MOTP", "MOTA", log))
    with pytest.raises(AssertionError):
        check_published(log.replace("OVERALL", "COMBINED"))
    assert len(list((place / "eval" / "results").glob("*/00000?.jpg"))) == 4

    finished = start(place, "run_infer.sh", "CPU", "small.yaml", weights, "MOT20/test/MOT20-04")
    assert finished.returncode == 0, finished.stderr
    assert [path.name for path in (place / "infer" / "results").glob("*.mp4")] == ["MOT20-04.mp4"]
    assert len(list((place / "infer" / "results").glob("MOT20-04/00000?.jpg"))) == 4

    finished = start(place, "run_standalone_train_gpu.sh", "small.yaml", DEVICE="CPU")
    assert finished.returncode == 0
    assert "output holds a finished run of 1 epochs" in finished.stderr


def test_a_data_set_is_found_as_it_is_distributed(place):
    (place / "loose" / "MOT20-01").mkdir(parents=True)
    (place / "half" / "train" / "MOT20-01").mkdir(parents=True)
    for given, split, found in (
        (".", "train", "./MOT20/train"),
        ("MOT20", "test", "MOT20/test"),
        ("MOT20/", "test", "MOT20/test"),
        ("MOT20", "test train", "MOT20/test"),
        ("half", "test train", "half/train"),
        ("MOT20/train", "train", "MOT20/train"),
        ("MOT20/test/MOT20-04/", "test", "MOT20/test/MOT20-04"),  # one sequence
        ("loose", "test", "loose"),
        ("small.yaml", "test", "small.yaml"),  # a video may be named too
    ):
        command = f'source "{SCRIPTS}/arguments.sh"; find_split "{given}" {split}'
        answer = subprocess.run(["bash", "-c", command], cwd=place, capture_output=True, text=True, check=True)
        assert answer.stdout.strip() == found


def check_published(log):
    """One table of nineteen columns that ends in OVERALL, then the time."""
    lines = log.splitlines()
    (head,) = (number for number, line in enumerate(lines) if "IDF1" in line)
    assert lines[head].split() == COLUMNS.split()
    rows = [line.split() for line in lines[head + 1 : head + 3]]
    assert [row[0] for row in rows] == ["MOT20-01", "OVERALL"]
    assert {len(row) for row in rows} == {19}
    for row in rows:
        values = dict(zip(COLUMNS.split(), row[1:], strict=True))
        for name, value in values.items():
            ratio = {"MOTP": r"0\.\d{3}"} | dict.fromkeys(("IDF1", "IDP", "IDR", "Rcll", "Prcn", "MOTA"), r"-?[0-9.]+%")
            assert re.fullmatch(ratio.get(name, r"\d+"), value), (name, value)
    assert re.fullmatch(r"Time elapsed: \d+\.\d\d seconds, FPS: \d+\.\d\d", lines[head + 3])


def test_a_mistake_leaves_nothing_behind(place):
    (place / "bad.safetensors").write_text("no weights")
    before = sorted(place.iterdir())
    for script, folder in (("run_eval.sh", "eval"), ("run_infer.sh", "infer")):
        finished = start(place, script, "CPU", "small.yaml", "bad.safetensors", "MOT20")
        assert finished.returncode == 2
        assert "bad.safetensors" in finished.stdout.splitlines()[-1]
        assert not (place / folder).exists()
    finished = start(place, "run_standalone_train_gpu.sh", "small.yaml", "bad.safetensors", DEVICE="CPU")
    assert finished.returncode == 2
    assert "bad.safetensors" in finished.stderr.splitlines()[-1]
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("script", "arguments", "variables", "line"),
    [
        ("run_distribute_train_ascend.sh", ["0"], {}, "RANK_SIZE 0: expected a number from 1"),
        ("run_distribute_train_ascend.sh", ["two"], {}, "RANK_SIZE two: expected a number from 1"),
        ("run_distribute_train_ascend.sh", ["2", "no.json"], {}, "DATA_CFG no.json: no such file"),
        ("run_distribute_train_ascend.sh", ["2", "a.yaml", "no.ckpt"], {}, "weights no.ckpt: no such file"),
        ("run_distribute_train_gpu.sh", ["3", "0,1"], {}, "DEVICE_NUM 3, but VISIBLE_DEVICES names 2: 0,1"),
        ("run_distribute_train_gpu.sh", ["1", "first"], {}, "VISIBLE_DEVICES first: expected numbers"),
        ("run_standalone_train_ascend.sh", [], {}, "DEVICE_ID is missing"),
        ("run_standalone_train_ascend.sh", ["a.yaml"], {}, "DEVICE_ID a.yaml: expected the number of a device"),
        (
            *("run_standalone_train_ascend.sh", ["2"], {"ASCEND_RT_VISIBLE_DEVICES": "4,5"}),
            "DEVICE_ID 2 is not among ASCEND_RT_VISIBLE_DEVICES=4,5",
        ),
        ("run_eval.sh", ["TPU"], {}, "DEVICE TPU: expected Ascend, GPU or CPU"),
        ("run_eval.sh", ["CPU", "no.yaml"], {}, "CONFIG no.yaml: no such file"),
        ("run_eval.sh", ["CPU", "", "no.ckpt"], {}, "LOAD_CKPT no.ckpt: no such file"),
        ("run_infer.sh", ["ASCEND", "", "", "nowhere"], {}, "DATASET_DIR nowhere: no such folder"),
        ("run_eval.sh", ["Gpu", "", "", "."], {}, "DATASET_DIR .: no ground truth (SEQUENCE/gt/gt.txt) in it"),
    ],
)
def test_a_mistake_is_one_line_before_anything_starts(tmp_path, script, arguments, variables, line):
    finished = start(tmp_path, script, *arguments, **variables)
    assert finished.returncode == 2
    assert finished.stderr.splitlines()[0].startswith(f"{script}: {line}")
    assert not list(tmp_path.iterdir())


def test_a_background_run_is_checked_before_it_starts(place):
    finished = start(place, "run_distribute_train_ascend.sh", 8, "small.yaml")
    assert finished.returncode == 2
    assert "no Ascend device here" in finished.stderr.splitlines()[-1]
    (place / "mix" / "data.json").unlink()
    finished = start(place, "run_distribute_train_gpu.sh", 2, "CPU", "small.yaml")
    assert finished.returncode == 2
    assert len(finished.stderr.splitlines()) == 1
    assert "mix/data.json" in finished.stderr.splitlines()[-1]
    assert not (place / "train").exists()


def test_the_requirements_are_those_of_the_package():
    project = tomllib.loads((SCRIPTS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {*project["dependencies"], *extras["mindspore"], *extras["torch"]}
    lines = (SCRIPTS.parent / "requirements.txt").read_text("utf-8").splitlines()
    assert {line for line in lines if not line.startswith("#")} == wanted


def test_distributed_training_goes_on_in_the_background(place):
    finished = start(place, "run_distribute_train_gpu.sh", 2, "CPU", "small.yaml")
    assert finished.returncode == 0, finished.stderr
    check_background_run(place)


def check_background_run(place):
    """Checkpoints and one whole log; called again, the run says that it is finished, and nothing starts."""
    log, checkpoints = place / "train" / "tran.log", place / "train" / "ckpt"
    wait_for(checkpoints / "weights.safetensors")
    end = time.monotonic() + 100
    while "\nweights    train/ckpt/weights.safetensors\n" not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)
    assert " in 2 processes, results in train/ckpt\n" in log.read_text()
    assert "step 0 of 1\n" in log.read_text()
    metrics = [json.loads(line) for line in (checkpoints / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in metrics] == [1]
    assert (checkpoints / "last.safetensors").exists()
    script = f"run_distribute_train_{'ascend' if 'mindspore' in log.read_text() else 'gpu'}.sh"
    finished = start(place, script, 2, *(["cpu"] if "gpu" in script else []), "small.yaml", DEVICE="CPU")
    assert finished.returncode == 0, finished.stderr
    (line,) = finished.stdout.splitlines()
    assert line == "finished: train/ckpt holds a finished run of 1 epochs; more train.epochs continue it"
    assert log.read_text().count("results in train/ckpt\n") == 1


def test_a_data_description_takes_the_place_of_the_default_one(place):
    (place / "mine.json").write_text('{"root": "nowhere", "train": {"mine": "mine.txt"}}')
    refused = start(place, "run_standalone_train_ascend.sh", "CPU", "mine.json")
    assert refused.returncode == 2
    assert "mine.txt" in refused.stderr


@pytest.mark.slow
def test_mindspore_on_the_processor(place):
    finished = start(place, "run_standalone_train_ascend.sh", "cpu", "small.yaml")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == "weights    output/weights.safetensors"
    assert {"last.safetensors", "weights.safetensors"} <= {path.name for path in (place / "output").iterdir()}
    finished = start(place, "run_standalone_train_ascend.sh", "Cpu", "small.yaml")
    assert finished.returncode == 0, finished.stderr
    assert "output holds a finished run of 1 epochs" in finished.stderr


@pytest.mark.slow
def test_the_distributed_folder_and_its_parent_are_scored_and_tracked_alike(place):
    logs = {}
    for given in ("MOT20", "MOT20/", ".", "MOT20/train", str(place / "MOT20")):
        finished = start(place, "run_eval.sh", "Cpu", "small.yaml", "", given)
        assert finished.returncode == 0, finished.stderr
        logs[given] = (place / "eval" / "eval.log").read_text()
        check_published(logs[given])
        shutil.rmtree(place / "eval")
    tables = {re.sub(r"(?s).*?(?= +IDF1)|Time elapsed.*", "", log) for log in logs.values()}
    assert len(tables) == 1
    for given in ("MOT20", ".", "MOT20/test", "MOT20/test/MOT20-04"):
        finished = start(place, "run_infer.sh", "cpu", "small.yaml", "", given)
        assert finished.returncode == 0, finished.stderr
        assert (place / "infer" / "infer.log").read_text() == finished.stdout
        results = place / "infer" / "results"
        assert [path.name for path in results.glob("*.mp4")] == ["MOT20-04.mp4"]
        assert len(list(results.glob("MOT20-04/00000?.jpg"))) == 4
        assert (results / "MOT20-04.txt").exists()
        shutil.rmtree(place / "infer")


@pytest.mark.slow
def test_distributed_mindspore(place):
    finished = start(place, "run_distribute_train_ascend.sh", 2, "small.yaml", DEVICE="CPU")
    assert finished.returncode == 0, finished.stderr
    check_background_run(place)


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("run_*.sh")))
def test_too_many_arguments_show_the_usage(tmp_path, script):
    finished = start(tmp_path, script, *"123456")
    assert finished.returncode == 2
    assert f"Usage: scripts/{script}" in finished.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("script", "arguments", "line"),
    [
        ("run_standalone_train_gpu.sh", [], "there is no CUDA device here"),
        ("run_standalone_train_ascend.sh", ["0"], "there is no Ascend device here"),
    ],
)
def test_an_absent_device_is_one_line(place, script, arguments, line):
    finished = start(place, script, *arguments, "small.yaml", CUDA_VISIBLE_DEVICES="")
    assert finished.returncode == 2
    begins, mistake = finished.stderr.splitlines()
    assert begins.endswith("results in output")
    assert line in mistake
    assert not (place / "output").exists()
