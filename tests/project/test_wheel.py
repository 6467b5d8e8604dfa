"""The wheel: what is in it, and that it runs outside the checkout, in an environment of its own (``conftest.py``)."""

import zipfile
from pathlib import Path

import pytest
from clean_shell import call

pytest.importorskip("hatchling", reason="pip install 'fairmot[test]'")

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    sources = [path for path in (ROOT / "fairmot").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(sources) > 150
    expected = {path.relative_to(ROOT).as_posix() for path in sources}
    expected |= {f"fairmot/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    assert expected <= held
    for needed in (
        "py.typed",
        "pretrained/lite.safetensors",
        "pretrained/lite.onnx",
        "configs/lite.yaml",
        "report/assets/page.html",
        "serve/assets/page.html",
    ):
        assert f"fairmot/{needed}" in held
    strangers = {name for name in held - expected if ".dist-info/" not in name}
    assert not strangers


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    assert "Requires-Python: <3.14,>=3.11" in text
    assert "License-Expression: Apache-2.0" in text
    assert "Project-URL: FairMOT (paper), https://arxiv.org/abs/2004.01888" in text
    assert text.count("Project-URL:") == 1
    assert text.count("mindspore==2.10.0") == text.count("mindspore==2.10.0; (python_version < '3.13')") > 0
    for extra in ("mindspore", "torch", "openvino", "serve", "docs"):
        assert f"Provides-Extra: {extra}\n" in text


def test_it_is_the_wheel_that_runs(installed):
    programs, work = installed
    result = call(programs / "python", "-c", "import fairmot; print(fairmot.__file__)", folder=work)
    assert Path(result.stdout.strip()).is_relative_to(programs.parent), result.stderr


def test_help(installed):
    programs, work = installed
    result = call(programs / "fairmot", "--help", folder=work)
    assert result.returncode == 0, result.stderr
    assert "Track people in videos" in result.stdout


def test_the_shipped_weights_are_described(installed):
    programs, work = installed
    result = call(programs / "fairmot", "describe", "lite", "--json", folder=work)
    assert result.returncode == 0, result.stderr
    assert '"parameters"' in result.stdout


def test_an_image_is_tracked(installed):
    import cv2
    import numpy as np

    programs, work = installed
    cv2.imwrite(str(work / "grey.png"), np.full((48, 64, 3), 128, np.uint8))
    words = ("track", "grey.png", "--no-video", "--quiet", "--engine", "onnxruntime", "--output", "out")
    result = call(programs / "fairmot", *words, folder=work)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (work / "out" / "grey.txt").read_text() == ""


def test_a_command_that_is_none_fails(installed):
    programs, work = installed
    assert call(programs / "fairmot", "no-such-command", folder=work).returncode == 2
