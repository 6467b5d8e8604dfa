"""The wheel: what is in it, and that it runs outside the checkout, in an environment of its own.

The environment borrows the libraries of this one; that the declared dependencies suffice is shown by ``.ci/run``,
which installs the wheel into an empty one.
"""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="pip install 'fairmot[test]'")

ROOT = Path(__file__).resolve().parents[2]


def call(*words, folder):
    # Neither the checkout nor somebody's settings may help.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [str(word) for word in words], cwd=folder, env=environment, capture_output=True, text=True, timeout=180
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    result = call(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT, folder=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob("fairmot-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder with the programs of an environment that holds the wheel; another folder to work in."""
    environment, work = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("work")
    assert call(sys.executable, "-m", "venv", "--without-pip", environment, folder=work).returncode == 0
    (site,) = environment.glob("lib/python*/site-packages")
    libraries = dict.fromkeys([sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]])
    # Lines of a .pth file come after the environment's own packages, and bring no editable install with them.
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n")
    options = ["--no-deps", "--no-index", "--ignore-installed", "--disable-pip-version-check"]
    python = environment / "bin" / "python"
    result = call(python, "-m", "pip", "install", *options, "--prefix", environment, wheel, folder=work)
    assert result.returncode == 0, result.stdout + result.stderr
    return environment / "bin", work


def test_the_wheel_holds_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    sources = [path for path in (ROOT / "fairmot").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(sources) > 150
    expected = {path.relative_to(ROOT).as_posix() for path in sources}
    expected |= {f"fairmot/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    assert expected <= held
    for needed in (
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
    assert "Requires-Python: <3.13,>=3.11" in text
    assert "License-Expression: Apache-2.0" in text
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
