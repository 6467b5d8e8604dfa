"""Where the shared oracles, the data and a browser are, and what happens where they are absent."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import people
import pytest
import synthetic as synthetic_module

ROOT = Path(__file__).resolve().parents[1]


def shared_folder() -> Path:
    """``FAIRMOT_SHARED``, or ``shared`` beside the checkout."""
    return Path(os.environ.get("FAIRMOT_SHARED", ROOT.parent / "shared"))


def require_shared(*parts: str) -> Path:
    """A path in the shared folder; skips the test where it is absent, fails where CI demands it."""
    path = shared_folder().joinpath(*parts)
    if not path.exists():
        reason = f"{path} is absent (set FAIRMOT_SHARED to the folder with oracles and data)"
        if os.environ.get("FAIRMOT_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture
def shared():
    """Call with path parts: ``shared("data", "mot")``."""
    return require_shared


@pytest.fixture
def oracle():
    """Call with a file name: the arrays of one reference file."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(require_shared("oracles", name)) as arrays:
            return {key: arrays[key] for key in arrays.files}

    return load


@pytest.fixture(scope="session")
def write_people():
    """The function of people.py: call with a folder."""
    return people.write_people


@pytest.fixture
def images(tmp_path, write_people):
    """Six small images with two people each, four identities, as ``data.json``."""
    return write_people(tmp_path / "people")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The test runs in an empty folder, ``tmp_path``."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_new_threads():
    """Fails a test that leaves a thread of this package behind."""
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("fairmot")] == []


@pytest.fixture(scope="session")
def recipe():
    """The module that makes the oracles' inputs and weights."""
    spec = importlib.util.spec_from_file_location("recipe", require_shared("oracles", "recipe.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic():
    """The module ``synthetic.py``."""
    return synthetic_module


def compare_fields(ours: dict, reference: dict, tolerance: float = 1e-9) -> None:
    """Every field of the reference is there, equal to ``tolerance``; its whole numbers are integers here too."""
    missing = reference.keys() - ours.keys()
    assert not missing
    assert reference
    for name, expected in reference.items():
        difference = np.abs(np.asarray(ours[name], dtype=float) - np.asarray(expected, dtype=float))
        assert difference.max() <= tolerance, f"{name}: {ours[name]} instead of {expected}"
        if isinstance(expected, int) and expected > 1:
            assert isinstance(ours[name], int), name


@pytest.fixture
def compare_reports():
    """Call with a report and a reference: the same sequences, and equal fields in each and combined."""

    def compare(report: dict, reference: dict, tolerance: float = 1e-9) -> None:
        assert report["sequences"].keys() == reference["sequences"].keys()
        for name, fields in reference["sequences"].items():
            compare_fields(report["sequences"][name], fields, tolerance)
        compare_fields(report["combined"], reference["combined"], tolerance)

    return compare


@pytest.fixture
def write_sequence(tmp_path):
    """Call with rows of gt.txt and of results: one sequence in MOTChallenge layout; returns folder and file."""

    def write(truth: str, results: str, frames: int, name: str = "MOT15-99") -> tuple[Path, Path]:
        folder = tmp_path / "truth" / name
        (folder / "gt").mkdir(parents=True)
        (folder / "gt" / "gt.txt").write_text(truth)
        (folder / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nseqLength={frames}\n")
        (tmp_path / "results").mkdir(exist_ok=True)
        (tmp_path / "results" / f"{name}.txt").write_text(results)
        return folder, tmp_path / "results" / f"{name}.txt"

    return write


def browser_is_absent(reason):
    """Skips the test; fails it where nothing may be left out."""
    if os.environ.get("FAIRMOT_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium():
    """A browser, started once a file."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        browser_is_absent("no Chromium here (Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser_is_absent("no Playwright here (pip install playwright)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


OWN_RESULTS = pytest.StashKey[dict[Path, dict[str, str]]]()
"""What tests in a process of their own said, by file and name; empty: passed."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run tests marked ``own_process`` in a fresh interpreter where this one is a worker that has run others.

    A training step that is interrupted there died in native code, after hundreds of tests of both frameworks; a user's
    training has a process to itself. Those of one file share one, since each costs seconds.
    """
    if pyfuncitem.get_closest_marker("own_process") is None or not hasattr(pyfuncitem.config, "workerinput"):
        return None
    session = pyfuncitem.session
    results = session.stash.setdefault(OWN_RESULTS, {})
    if pyfuncitem.path not in results:
        marked = [item for item in session.items if item.path == pyfuncitem.path]
        results[pyfuncitem.path] = run_in_own_process(
            [item.nodeid for item in marked if item.get_closest_marker("own_process")]
        )
    said = results[pyfuncitem.path].get(pyfuncitem.name, "it did not run in its own process")
    if said.startswith("skipped: "):
        pytest.skip(said.removeprefix("skipped: "))
    if said:
        pytest.fail(said, pytrace=False)
    return True


def run_in_own_process(nodes):
    """Return name -> what it said, of these tests of one file; where the process died, all of them have failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        options = ["-n", "0", "-q", "-m", "", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *nodes]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not report.exists():
            said = f"the process ended with {done.returncode}\n{done.stdout}{done.stderr}"
            return {node.rpartition("::")[2]: said for node in nodes}
        cases = list(ElementTree.parse(report).iter("testcase"))
        said = {case.attrib["name"]: "" for case in cases}
        for case in cases:
            for outcome in case:
                if outcome.tag == "skipped":
                    said[case.attrib["name"]] = f"skipped: {outcome.attrib.get('message', '')}"
                elif outcome.tag in ("failure", "error"):
                    said[case.attrib["name"]] = outcome.text or outcome.attrib.get("message", outcome.tag)
        return said
