"""Which engine ``auto`` means, from what is installed and which device is asked for; no framework is needed."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fairmot import engines
from fairmot.cli import app
from fairmot.engines import choice
from fairmot.engines.choice import (
    choose_export_engine,
    choose_inference_engine,
    choose_training_engine,
    slower_training_engines,
)
from fairmot.errors import InputError

EVERYTHING = ("onnxruntime", "openvino", "torch", "mindspore")


@pytest.fixture
def machine(monkeypatch):
    """Call with what is installed and whether PyTorch sees a CUDA device."""

    def set_up(installed: tuple[str, ...], has_cuda: bool = False, has_ascend: bool = False) -> None:
        monkeypatch.setattr(choice, "_has_ascend", lambda: has_ascend)
        monkeypatch.setattr(choice, "installed_engines", lambda: installed)
        monkeypatch.setattr(choice, "_has_cuda", lambda: has_cuda)

    return set_up


@pytest.mark.parametrize(
    ("device", "has_cuda", "trains", "detects"),
    [
        ("auto", False, "torch", "onnxruntime"),
        ("auto", True, "torch", "torch"),
        ("cpu", False, "torch", "onnxruntime"),
        ("cpu", True, "torch", "onnxruntime"),
        ("cuda", False, "torch", "torch"),
        ("cuda:1", True, "torch", "torch"),
        ("ascend", False, "mindspore", "mindspore"),
        ("ascend", True, "mindspore", "mindspore"),
        ("ascend:3", False, "mindspore", "mindspore"),
    ],
)
def test_the_device_decides(machine, device, has_cuda, trains, detects):
    machine(EVERYTHING, has_cuda)
    assert choose_training_engine("auto", device) == trains
    assert choose_inference_engine("auto", device) == detects
    assert choose_export_engine() == "onnxruntime"
    assert choose_export_engine("auto", ".xml") == "openvino"


def test_an_ascend_device_is_mindspores(machine):
    machine(EVERYTHING, has_ascend=True)
    assert choose_training_engine() == "mindspore"
    assert choose_training_engine("auto", "cpu") == "torch"
    machine(("torch",), has_ascend=True)
    assert choose_training_engine() == "torch"


@pytest.mark.parametrize(
    ("engine", "variables"),
    [
        ("torch", {"RANK": "0", "WORLD_SIZE": "2"}),
        ("mindspore", {"MS_ROLE": "MS_WORKER", "MS_WORKER_NUM": "2", "MS_NODE_ID": "0"}),
    ],
)
def test_a_launchers_process_takes_its_engine(machine, monkeypatch, engine, variables):
    machine(EVERYTHING)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert choose_training_engine("auto", "cpu") == engine


def test_the_slower_engines_are_named(machine):
    machine(EVERYTHING)
    assert slower_training_engines("torch") == ("mindspore",)
    assert slower_training_engines("torch", "cpu") == ("mindspore",)
    assert slower_training_engines("torch", "cuda") == ()
    assert slower_training_engines("mindspore") == ()
    machine(("onnxruntime", "torch"))
    assert slower_training_engines("torch") == ()


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_what_is_installed_decides_on_a_processor(machine, device):
    machine(("onnxruntime", "torch"))
    assert choose_training_engine("auto", device) == "torch"
    machine(("mindspore",))
    assert choose_training_engine("auto", device) == "mindspore"
    machine(("torch", "mindspore"))
    assert choose_inference_engine("auto", device) == "torch"
    machine(("onnxruntime",))
    with pytest.raises(InputError, match=r"no training framework is installed; run: pip install 'fairmot\[torch\]'"):
        choose_training_engine("auto", device)


def test_the_network_decides_between_the_engines_of_a_processor(machine):
    heavy, light = 90_000_000_000, 900_000_000
    machine(EVERYTHING)
    assert choose_inference_engine("auto", "cpu", heavy) == "openvino"
    assert choose_inference_engine("auto", "cpu", light) == "onnxruntime"
    assert choose_inference_engine("auto", "cuda", heavy) == "torch"
    machine(("onnxruntime", "torch"))
    assert choose_inference_engine("auto", "cpu", heavy) == "onnxruntime"


def test_a_named_engine_wins_over_the_device(machine):
    machine(EVERYTHING, has_cuda=True)
    for engine in ("torch", "mindspore"):
        for device in ("cpu", "cuda", "ascend", "auto"):
            assert choose_training_engine(engine, device) == choose_inference_engine(engine, device) == engine
    assert choose_inference_engine("onnxruntime", "cuda") == choose_export_engine("onnxruntime") == "onnxruntime"
    with pytest.raises(InputError, match="'onnxruntime' cannot train"):
        choose_training_engine("onnxruntime", "cuda")


def test_an_engine_that_a_device_needs_is_missed_by_name(machine, monkeypatch):
    machine(("onnxruntime",))
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"torch is not installed; run: pip install 'fairmot\[torch\]'"):
        engines.load_training(choose_training_engine("auto", "cuda"))


@pytest.mark.parametrize(("torch_is_there", "driver"), [(False, True), (True, False)])
def test_without_torch_or_driver_there_is_no_cuda_and_torch_is_not_imported(torch_is_there, driver):
    installed = EVERYTHING if torch_is_there else ("onnxruntime",)
    program = f"""
import sys
from fairmot.engines import choice
choice.installed_engines = lambda: {installed!r}
choice._has_cuda_driver = lambda: {driver}
assert choice.choose_inference_engine() == "onnxruntime"
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_run_says_why_it_takes_an_engine(machine, elsewhere):
    machine(EVERYTHING)
    for arguments, said in ((["--device", "cpu"], True), (["--engine", "torch"], False)):
        result = CliRunner().invoke(app, ["train", "lite", *arguments])  # it ends with absent data
        assert ("lite in torch (faster here than mindspore, which --engine mindspore takes)" in plain(result)) == said
        assert "lite in torch" in plain(result)


def plain(result):
    """What a command said, in one line."""
    return " ".join(result.stderr.split())


REFUSED = """
import os, sys
os.environ["CUDA_VISIBLE_DEVICES"] = ""
from fairmot.config import parse_config
from fairmot.detector import SHIPPED_WEIGHTS, load_detector, load_network
from fairmot.errors import InputError
from fairmot.training.self_check import self_check
from fairmot.weights import read_weights

open("notes.pth", "w").write("no checkpoint")
plain = parse_config({}, "test")
for refused in (
    lambda: load_detector(engine="mindspore", device="ascend"),
    lambda: load_detector(device="ascend"),
    lambda: load_detector(device="cuda"),
    lambda: load_network(SHIPPED_WEIGHTS, "torch", "cuda"),
    lambda: load_network("heads.mindir", device="ascend"),
    lambda: self_check(plain, "mindspore", "ascend"),
    lambda: self_check(plain, "torch", "cuda"),
    lambda: read_weights("notes.pth"),
):
    try:
        refused()
    except InputError as error:
        print(error)
assert not {"torch", "mindspore"} & sys.modules.keys()
"""


def test_an_absent_device_and_a_foreign_file_are_refused_before_a_framework_is_imported(tmp_path):
    """Importing one takes seconds, and a mistake in a script shall be told at once."""
    if choice._has_ascend() or choice._has_cuda():
        pytest.skip("there is a device here")
    done = subprocess.run([sys.executable, "-c", REFUSED], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    said = done.stdout.splitlines()
    assert [("no Ascend device" in each, "no CUDA device" in each) for each in said[:-1]] == [
        *((True, False), (True, False), (False, True), (False, True)),
        *((True, False), (True, False), (False, True)),
    ]
    assert said[-1].startswith("notes.pth: no PyTorch checkpoint")
