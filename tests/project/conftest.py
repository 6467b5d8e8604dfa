"""The wheel, and an environment that holds it.

The environment borrows the libraries of this one; that the declared dependencies suffice is shown by ``.ci/run``,
which installs the wheel into an empty one.
"""

import sys
import sysconfig
from pathlib import Path

import pytest
from clean_shell import call

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="pip install 'fairmot[test]'")
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    result = call(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT, folder=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob("fairmot-*.whl")
    return path


@pytest.fixture(scope="session")
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
