"""Benchmarks and recipes are run by hand; here each is only started, so that none rots."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(
    path
    for folder in ("benchmarks", "recipes/lite")
    for path in (ROOT / folder).glob("*.py")
    if path.name not in ("pasting.py", "people.py")
)
# Each as the interpreter starts it, in one process: the libraries that they import are the same.
START = """
import contextlib, io, json, runpy, sys, traceback
own, modules = list(sys.path[1:]), set(sys.modules)
for path in json.loads(sys.stdin.readline()):
    folder = path.rpartition("/")[0]
    printed = io.StringIO()
    sys.argv, sys.path[:] = [path, "--help"], [folder, *own]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            runpy.run_path(path, run_name="__main__")
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
    for name in set(sys.modules) - modules:  # modules beside one script are not those of another
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
            del sys.modules[name]
    print(json.dumps([code, printed.getvalue()]))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Exit code and output of each script's help."""
    finished = subprocess.run(
        [sys.executable, "-c", START],
        input=json.dumps(list(map(str, SCRIPTS))),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
    )
    return dict(zip(SCRIPTS, map(json.loads, finished.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_starts_and_explains_itself(answers, path):
    code, printed = answers[path]
    assert code == 0, printed
    assert "usage" in printed.lower()
