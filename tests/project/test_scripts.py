"""The published scripts, run as published, on a processor, with a small street and a small network."""

import os
import re
import shutil
import subprocess
import sys
import time
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
TABLE = ("IDF1", "IDP", "IDR", "Rcll", "Prcn", "GT", "MT", "PT", "ML", "FP", "FN", "IDs", "FM", "MOTA", "MOTP")
TRANSFERS = ("IDt", "IDa", "IDm")


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
    finished = start(place, "run_standalone_train_gpu.sh", "small.yaml", DEVICE="CPU")
    assert finished.returncode == 0, finished.stderr
    weights = place / "output" / "weights.safetensors"
    assert weights.exists()

    finished = start(place, "run_eval.sh", "CPU", "small.yaml", weights, "streets", BENCHMARK="none")
    assert finished.returncode == 0, finished.stderr
    log = (place / "eval" / "eval.log").read_text()
    assert all(column in log for column in TABLE + TRANSFERS)
    assert re.search(r"4 frames in [0-9.]+ s, [0-9.]+ frames/s", log)
    assert len(list((place / "eval" / "results").glob("*/00000?.jpg"))) == 4

    finished = start(place, "run_infer.sh", "CPU", "small.yaml", weights, "streets")
    assert finished.returncode == 0, finished.stderr
    assert len(list((place / "infer" / "results").glob("*.mp4"))) == 1
    assert len(list((place / "infer" / "results").glob("*/00000?.jpg"))) == 4


def test_distributed_training_goes_on_in_the_background(place):
    finished = start(place, "run_distribute_train_gpu.sh", 2, "CPU", "small.yaml")
    assert finished.returncode == 0, finished.stderr
    wait_for(place / "train" / "ckpt" / "weights.safetensors")
    assert "2 processes" in (place / "train" / "tran.log").read_text()


def test_a_data_description_takes_the_place_of_the_default_one(place):
    (place / "mine.json").write_text('{"root": "nowhere", "train": {"mine": "mine.txt"}}')
    refused = start(place, "run_standalone_train_ascend.sh", "CPU", "mine.json")
    assert refused.returncode == 2
    assert "mine.txt" in refused.stderr


@pytest.mark.slow
def test_mindspore_on_the_processor(place):
    finished = start(place, "run_standalone_train_ascend.sh", "CPU", "small.yaml")
    assert finished.returncode == 0, finished.stderr
    assert (place / "output" / "weights.safetensors").exists()


@pytest.mark.slow
def test_distributed_mindspore(place):
    finished = start(place, "run_distribute_train_ascend.sh", 2, "small.yaml", DEVICE="CPU")
    assert finished.returncode == 0, finished.stderr
    wait_for(place / "train" / "ckpt" / "weights.safetensors")


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("run_*.sh")))
def test_too_many_arguments_show_the_usage(tmp_path, script):
    finished = start(tmp_path, script, *"123456")
    assert finished.returncode == 2
    assert f"Usage: scripts/{script}" in finished.stderr
    assert not list(tmp_path.iterdir())


def test_an_absent_device_is_one_line(place):
    finished = start(place, "run_standalone_train_gpu.sh", "small.yaml", CUDA_VISIBLE_DEVICES="")
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert "cuda" in finished.stderr
