"""The workflow doctor: it finds what is wrong, and says so in its exit code."""

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.workflows import doctor
from fairmot.workflows.doctor import convolution_gflops, examine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def only_onnx_runtime(monkeypatch):
    monkeypatch.setattr(doctor, "known_engines", lambda: ("onnxruntime",))


def states(findings):
    return {finding.topic: finding.state for finding in findings}


def test_this_installation_is_well(only_onnx_runtime):
    seen = []
    findings = examine(seen.append)
    assert "bad" not in states(findings).values(), findings
    assert seen == ["onnxruntime", "video", "weights"]
    text = {finding.topic: finding.text for finding in findings}
    assert "GFLOP/s in a 3x3 convolution; devices cpu" in text["engine onnxruntime"]
    assert "lite, 576 x 320" in text["shipped weights"]
    assert "read, and written by" in text["H.264"]


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_other_engines_are_measured(engine):
    pytest.importorskip(engine)
    assert convolution_gflops(engine) > doctor.LEAST_GFLOPS


def test_a_reference_build_is_noticed(only_onnx_runtime, monkeypatch):
    monkeypatch.setattr(doctor, "convolution_gflops", lambda engine: 0.4)
    (finding,) = [each for each in examine() if each.topic == "engine onnxruntime"]
    assert finding.state == "bad"
    assert "reference kernels" in finding.text
    assert "\n" not in finding.text


def test_an_engine_that_breaks_is_noticed(only_onnx_runtime, monkeypatch):
    def broken(engine):
        raise RuntimeError("libgomp.so.1 is missing\nsecond line")

    monkeypatch.setattr(doctor, "convolution_gflops", broken)
    (finding,) = [each for each in examine() if each.topic == "engine onnxruntime"]
    assert (finding.state, finding.text) == ("bad", "libgomp.so.1 is missing")


def test_what_is_not_installed_is_no_fault(monkeypatch, only_onnx_runtime):
    monkeypatch.setattr(doctor, "installed_engines", lambda: ())
    monkeypatch.setattr(doctor, "LIBRARIES", ("no-such-library",))
    found = states(examine())
    assert found["engine onnxruntime"] == found["no-such-library"] == "absent"
    assert "bad" not in found.values()


@pytest.mark.parametrize(
    ("supported", "text", "inside", "outside"),
    [
        (("2.10.0", "2.10.0"), "2.10.0", ["2.10.0", "2.10.0.post1"], ["2.9.0", "2.10.1", "2.11.0"]),
        (("2.9.0", "2.10.0"), "2.9.0 to 2.10.0", ["2.9.0", "2.9.1", "2.10.0"], ["2.8.0", "2.10.1", "2.11.0"]),
    ],
)
def test_a_version_outside_the_range_is_said_to_be_there(monkeypatch, supported, text, inside, outside):
    monkeypatch.setattr(doctor, "known_engines", tuple)
    monkeypatch.setattr(doctor, "LIBRARIES", ("mindspore",))
    monkeypatch.setattr(doctor, "SUPPORTED_VERSIONS", {"mindspore": supported})
    for version in (*inside, *outside):
        monkeypatch.setattr(importlib.metadata, "version", lambda name, version=version: version)
        (finding,) = [each for each in examine() if each.topic == "mindspore"]
        assert finding.state == "ok"  # it may well work
        note = "" if version in inside else f", not among the versions that were tried and work: {text}"
        assert finding.text == version + note


def test_the_supported_versions_are_those_that_are_required():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for library, (first, last) in doctor.SUPPORTED_VERSIONS.items():
        (line,) = [line for line in project["optional-dependencies"][library] if re.match(rf"{library}\b", line)]
        wanted = f"=={first}" if first == last else f">={first},<={last}"
        assert line.partition(";")[0] == library + wanted


def test_missing_weights_are_a_fault(only_onnx_runtime, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "SHIPPED_WEIGHTS", tmp_path / "lite.safetensors")
    assert states(examine())["shipped weights"] == "bad"


def test_the_exit_code_tells(only_onnx_runtime, monkeypatch):
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    assert {entry["state"] for entry in json.loads(result.stdout)} <= {"ok", "absent"}
    monkeypatch.setattr(doctor, "convolution_gflops", lambda engine: 0.4)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "bad     engine onnxruntime" in result.stdout
    assert "problems: engine onnxruntime" in result.stderr
