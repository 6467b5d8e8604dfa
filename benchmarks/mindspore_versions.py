"""Which versions of MindSpore install and pass the fast tests of the engine, each in an environment of its own.

    python benchmarks/mindspore_versions.py 2.7.0 2.7.2 2.8.0 2.9.0 2.10.0 [--work DIR]

An environment takes 2.5 GB and is deleted afterwards unless ``--keep``; with its tests it takes five to fifteen
minutes. The answer is a Markdown table; ``DIR/<version>.log`` holds the output of pip and of the tests. A test that
was not done is a failure: the tests have ten minutes of a processor (``--limit``). The range in
``pyproject.toml`` follows.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    *("tests/engines/test_mindspore.py", "tests/engines/test_mindspore_layers.py"),
    *("tests/engines/test_mindspore_detector.py", "tests/engines/test_mindspore_kernels.py"),
    *("tests/engines/test_mindspore_deformable.py", "tests/engines/test_loss.py", "tests/engines/test_optimizer.py"),
    *("tests/engines/test_oracles.py", "tests/engines/test_trainer.py"),
)
"""Layers, decoding, losses, gradients, optimiser and whole steps, compiled and eager, against oracles."""
WANTED = "mindspore and not torch"
"""Of these files, for ``pytest -k``: the other engines stay the same."""
BESIDE_ONNX = "import onnx, mindspore; assert float((mindspore.Tensor([1.0]) + 1)[0]) == 2"
"""Commands import ``onnx`` first; some versions abort then, at the latest at the end of the process."""
HANGS_AFTER_SECONDS = 3600
HUNG = 124


def run(command, log, limit=None, **options):
    """Append a command and its output to the log; return the exit code and the output.

    ``limit``: processor seconds, after which the command is ended with SIGXCPU; other programs do not count.
    """
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(map(str, command))}\n")
    start = log.stat().st_size
    if limit:
        command = ["bash", "-c", f'ulimit -S -t {limit}; exec "$@"', "bash", *command]
    with log.open("ab") as file:
        try:
            code = subprocess.run(
                command,
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=HANGS_AFTER_SECONDS,
                check=False,
                **options,
            ).returncode
        except subprocess.TimeoutExpired:
            code = HUNG
    return code, log.read_bytes()[start:].decode(errors="replace")


def requirements(version):
    """Return what the tests need beside this version, from ``pyproject.toml``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = [line for line in project["optional-dependencies"]["mindspore"] if not line.startswith("mindspore")]
    return [*project["dependencies"], *extra, f"mindspore=={version}", "hypothesis", "pytest", "pytest-timeout"]


def last_line(output):
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith(("WARNING", "[WARNING"))]
    return lines[-1].strip("= ") if lines else "no output"


def try_version(version, work, keep, limit):
    """Install one version, run the tests; return the cells of its row."""
    folder, log = work / version, work / f"{version}.log"
    log.unlink(missing_ok=True)
    venv.create(folder, with_pip=True, clear=True)
    python = folder / "bin" / "python"
    try:
        # Without --no-compile pip compiles all of MindSpore, of which little is imported.
        install = [python, "-m", "pip", "install", "-q", "--no-compile", *requirements(version)]
        code, output = run(install, log)
        if code:
            return f"no: {last_line(output)}", "", ""
        code, _ = run([python, "-c", BESIDE_ONNX], log)
        beside = "yes" if code == 0 else f"exit code {code}"
        # The configured plugins and markers, without pytest-xdist.
        tests = [python, "-m", "pytest", "-q", "-o", "addopts=--import-mode=importlib -m 'not slow'", "-k", WANTED]
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        code, output = run([*tests, *TESTS], log, limit, env={**os.environ, "PYTHONPATH": paths})
        if code in (HUNG, -signal.SIGXCPU):
            return "yes", beside, f"not done after {limit if code < 0 else HANGS_AFTER_SECONDS} s"
        if code not in (0, 1):  # the process itself broke
            return "yes", beside, f"exit code {code}: {last_line(output)}"
        return "yes", beside, re.sub(r", \d+ deselected.*| in [0-9.]+s.*", "", last_line(output))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="+")
    parser.add_argument("--work", type=Path, default=Path("runs/mindspore-versions"))
    parser.add_argument("--keep", action="store_true", help="keep the environments")
    parser.add_argument("--limit", type=int, default=600, metavar="SECONDS", help="of a processor")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    print(
        f"Python {sys.version.split()[0]}\n\n| MindSpore | installs | after onnx | tests |\n|--|--|--|--|", flush=True
    )
    for version in options.versions:
        cells = try_version(version, options.work.resolve(), options.keep, options.limit)
        print("| " + " | ".join([version, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
