"""The sdist: it holds everything that is committed, and its tests can be collected where nothing else lies."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from clean_shell import call

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    pytest.importorskip("hatchling", reason="pip install 'fairmot[test]'")
    folder = tmp_path_factory.mktemp("sdist")
    result = call(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder, folder=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    (archive,) = folder.glob("fairmot-*.tar.gz")
    with tarfile.open(archive) as tar:
        # Early releases of Python 3.11 know no filters.
        tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / archive.name.removesuffix(".tar.gz")


def test_it_holds_what_is_committed(unpacked):
    if not ((ROOT / ".git").exists() and shutil.which("git")):
        pytest.skip("no checkout: what is committed is not known")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    committed = {name for name in listed.split("\0") if name and (ROOT / name).exists()}
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert committed - held == set()
    assert "fairmot/py.typed" in held


def collect(folder, tests="tests"):
    """What pytest prints when it collects tests of this folder, with the package of this folder."""
    words = ("-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", tests)
    return call(sys.executable, *words, folder=folder, PYTHONPATH=str(folder))


@pytest.mark.parametrize(
    ("tests", "least"), [("tests/tracking", 200), pytest.param("tests", 3000, marks=pytest.mark.slow)]
)
def test_its_tests_are_collected(unpacked, tests, least):
    result = collect(unpacked, tests)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert int(re.search(r"(\d+)(?:/\d+)? tests collected", result.stdout)[1]) > least


def test_a_file_that_is_left_out_is_noticed(unpacked, tmp_path):
    poor = shutil.copytree(unpacked, tmp_path / "poor", ignore=shutil.ignore_patterns("README.md"))
    result = collect(poor, "tests/project/test_readme.py")
    assert result.returncode != 0
    assert "README.md" in result.stdout
