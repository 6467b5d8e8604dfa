"""The Dockerfile without Docker: its steps are read, and what they do to files is done in a folder."""

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"}


def steps(text):
    """Instruction and argument of each line; continued lines are joined."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip() and not line.startswith("#")]


STEPS = steps((ROOT / "Dockerfile").read_text("utf-8"))
IGNORE = [
    line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and not line.startswith("#")
]


def is_ignored(path):
    """Whether the build context lacks a path: the last pattern that matches it, or a folder above it, decides."""
    parts = Path(path).parts
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for line in IGNORE:
        pattern = line.removeprefix("!")
        anywhere = pattern.removeprefix("**/")
        candidates = parts if anywhere != pattern else above
        # Docker's * does not cross a slash.
        if any(fnmatch.fnmatch(each, anywhere) and each.count("/") == anywhere.count("/") for each in candidates):
            ignored = not line.startswith("!")
    return ignored


def copies():
    for instruction, argument in STEPS:
        if instruction == "COPY":
            *sources, target = shlex.split(argument)
            for source in sources:
                yield source, target


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The folder in which the COPY steps have been done, without what is ignored."""
    folder = tmp_path_factory.mktemp("image")
    for source, target in copies():
        path = ROOT / source
        if path.is_dir():
            skipped = shutil.ignore_patterns(*(line.removeprefix("**/") for line in IGNORE if line.startswith("**/")))
            shutil.copytree(path, folder / target, ignore=skipped)
        else:
            shutil.copy(path, folder / target)
    return folder


def test_every_instruction_is_known_and_the_base_is_a_python_that_the_package_takes():
    assert {instruction for instruction, _ in STEPS} == KNOWN
    version = re.fullmatch(r"python:(3\.\d+)-slim", dict(STEPS)["FROM"])[1]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"Programming Language :: Python :: {version}" in settings["classifiers"]


@pytest.mark.parametrize(("source", "target"), list(copies()))
def test_what_is_copied_exists_is_committed_and_not_ignored(source, target):
    assert (ROOT / source).exists()
    assert not is_ignored(source)
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True)
        assert listed.stdout


def test_the_rest_is_ignored():
    for name in (".git", "tests", "docs", "runs", "demo", "fairmot/__pycache__", "fairmot/cli/__pycache__"):
        assert is_ignored(name), name
    assert not is_ignored("fairmot/pretrained/lite.safetensors")


def test_the_command_installs_as_the_readme_says():
    (install,) = (argument for instruction, argument in STEPS if instruction == "RUN" and "pip install" in argument)
    command = install.split(" && ")[0].replace(" --no-cache-dir", "")
    assert f"{command} && fairmot demo" in (ROOT / "README.md").read_text("utf-8")


def test_what_is_copied_is_enough_for_a_wheel(image, tmp_path):
    pytest.importorskip("hatchling", reason="pip install 'fairmot[test]'")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=image, check=True, capture_output=True, timeout=120)
    assert len(list(tmp_path.glob("fairmot-*.whl"))) == 1


def test_the_command_that_starts_is_one_of_the_package():
    (program,) = json.loads(dict(STEPS)["ENTRYPOINT"])
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert program in scripts
    assert json.loads(dict(STEPS)["CMD"]) == ["--help"]


def test_nothing_runs_as_root():
    user = dict(STEPS)["USER"]
    assert user != "root"
    after = STEPS[[instruction for instruction, _ in STEPS].index("USER") :]
    assert "RUN" not in {instruction for instruction, _ in after}
    assert any(f"useradd --create-home {user}" in argument for _, argument in STEPS)


def test_a_file_that_is_left_out_is_noticed(image, tmp_path):
    pytest.importorskip("hatchling", reason="pip install 'fairmot[test]'")
    poor = shutil.copytree(image, tmp_path / "poor", ignore=shutil.ignore_patterns("configs"))
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    assert subprocess.run(command, cwd=poor, capture_output=True, timeout=120).returncode != 0
