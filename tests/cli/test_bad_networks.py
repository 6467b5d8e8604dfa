"""Networks that cannot be used, through the commands: one line, exit code 2, and nothing written or touched."""

import pickle
import sys
import zipfile

import numpy as np
import pytest
from onnx import TensorProto, helper, save_model
from safetensors.numpy import save_file

from fairmot.cli import main
from fairmot.config import NetworkConfig
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import save_weights

SMALL = NetworkConfig(architecture="lite", embedding=8, head_width=16, input_width_px=64, input_height_px=32)
TARGETS = ("made.safetensors", "made.onnx", "made.xml", "made.bin")


class Command:
    """A pickle of it would create a file when it is loaded."""

    def __reduce__(self):
        return open, ("executed", "w")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    good = folder / "good.safetensors"
    save_weights(good, SMALL, initial_weights(build_graph(SMALL)), {})
    content = good.read_bytes()
    (folder / "cut.safetensors").write_bytes(content[: len(content) // 2])
    save_file({"encoder.weight": np.zeros((4, 4), np.float32)}, folder / "foreign.safetensors")
    (folder / "cut.ckpt").write_bytes(b"\x0a\x40encoder.weight")
    (folder / "code.pth").write_bytes(pickle.dumps({"state_dict": Command()}))
    with zipfile.ZipFile(folder / "code_zip.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"state_dict": Command()}))
        archive.writestr("archive/version", "3")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "foreign", values[:1], values[1:])
    save_model(helper.make_model(graph), folder / "foreign.onnx")
    (folder / "cut.onnx").write_bytes((folder / "foreign.onnx").read_bytes()[:-9])
    return folder


def refusal(monkeypatch, capsys, arguments):
    """Run a command that must refuse its input; return what it says."""
    monkeypatch.setattr(sys, "argv", ["fairmot", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    printed = capsys.readouterr()
    assert stopped.value.code == 2
    assert printed.out == ""
    return printed.err.strip()


CASES = [
    (("convert", "cut.safetensors", "made.safetensors"), "cut.safetensors"),
    (("convert", "foreign.safetensors", "made.safetensors"), "foreign.safetensors"),
    (("convert", "cut.ckpt", "made.safetensors"), "cut off"),
    (("convert", "code.pth", "made.safetensors"), "code.pth"),
    (("convert", "code_zip.pth", "made.safetensors"), "code_zip.pth"),
    (("convert", "foreign.onnx", "made.safetensors"), "foreign.onnx"),
    (("convert", "cut.onnx", "made.safetensors"), "cut.onnx"),
    (("export", "cut.safetensors", "made.onnx"), "cut.safetensors"),
    (("export", "foreign.safetensors", "made.onnx"), "foreign.safetensors"),
    (("export", "good.safetensors", "made.onnx", "--input-size", "100x64"), "multiples of 32"),
    (("export", "good.safetensors", "made.xml", "--input-size", "64x33"), "multiples of 32"),
    (("benchmark", "good.safetensors", "--input-size", "100x64"), "multiples of 32"),
    (("benchmark", "good.safetensors", "--training", "--input-size", "100x64"), "multiples of 32"),
    (("benchmark", "cut.safetensors"), "cut.safetensors"),
    (("benchmark", "foreign.onnx"), "is exported already"),
    (("describe", "cut.safetensors"), "cut.safetensors"),
]


@pytest.mark.parametrize("occupied", [False, True])
@pytest.mark.parametrize(("arguments", "message"), CASES, ids=[" ".join(arguments) for arguments, _ in CASES])
def test_one_line_and_nothing_written(inputs, tmp_path, monkeypatch, capsys, arguments, message, occupied):
    if any(argument.endswith(".pth") for argument in arguments):
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    if occupied:
        for name in TARGETS:
            (tmp_path / name).write_text("old")
        arguments = (*arguments, "--overwrite") if arguments[0] in ("export", "convert") else arguments
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    line = refusal(monkeypatch, capsys, [inputs / part if (inputs / part).is_file() else part for part in arguments])
    assert message in line
    assert line.startswith("fairmot: ")
    assert "\n" not in line
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_good_weights_are_written(inputs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fairmot", "convert", str(inputs / "good.safetensors"), "made.safetensors"])
    with pytest.raises(SystemExit) as stopped:  # the twin: the same command with a good file
        main()
    assert stopped.value.code == 0
    assert (tmp_path / "made.safetensors").is_file()
    assert "lite" in capsys.readouterr().out


def test_the_pickle_would_run_code(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads((inputs / "code.pth").read_bytes())["state_dict"].close()
    assert (tmp_path / "executed").is_file()
