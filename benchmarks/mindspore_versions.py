"""Which versions of MindSpore install and pass the fast tests of the engine, each in an environment of its own.

    python benchmarks/mindspore_versions.py 2.4.1 2.5.0 2.6.0 2.7.1 2.8.0 2.9.0 2.10.0 [--work DIR]

An environment takes 2.5 GB, and its tests about ten minutes; it is deleted afterwards unless ``--keep``. The answer is
a Markdown table; ``DIR/<version>.log`` holds the output of pip and of the tests. The range in ``pyproject.toml``
follows.
"""

import argparse
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    *("tests/engines/test_mindspore.py", "tests/engines/test_mindspore_layers.py"),
    *("tests/engines/test_mindspore_detector.py", "tests/engines/test_mindspore_kernels.py"),
    *("tests/engines/test_loss.py", "tests/engines/test_optimizer.py", "tests/engines/test_oracles.py"),
    "tests/engines/test_trainer.py",
)


def run(command, log):
    """Append a command and its output to the log; return the exit code and the output."""
    finished = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(map(str, command))}\n{finished.stdout}\n")
    return finished.returncode, finished.stdout


def try_version(version, work, keep):
    """Install one version, run the tests; return the two cells of its row."""
    folder, log = work / version, work / f"{version}.log"
    log.unlink(missing_ok=True)
    venv.create(folder, with_pip=True, clear=True)
    python = folder / "bin" / "python"
    # The package's own requirement names one version: this one takes its place.
    wanted = [f"mindspore=={version}", "numpy<2", "opencv-python-headless<4.12", "tensorboard>=2.18", "hypothesis"]
    try:
        code, output = run([python, "-m", "pip", "install", "-q", "-e", ".", *wanted, "pytest", "pytest-xdist"], log)
        if code:
            return f"no: {output.strip().splitlines()[-1]}", ""
        code, output = run([python, "-m", "pytest", "-q", "-n", "0", "-k", "not torch", *TESTS], log)
        last = output.strip().splitlines()[-1] if output.strip() else "no output"
        return "yes", re.sub(r" in [0-9.]+s.*", "", last.strip("= ")) + (f", exit code {code}" if code else "")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="+")
    parser.add_argument("--work", type=Path, default=Path("runs/mindspore-versions"))
    parser.add_argument("--keep", action="store_true", help="keep the environments")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    print(f"Python {sys.version.split()[0]}\n\n| MindSpore | installs | tests |\n|--|--|--|", flush=True)
    for version in options.versions:
        installs, tests = try_version(version, options.work.resolve(), options.keep)
        print(f"| {version} | {installs} | {tests} |", flush=True)


if __name__ == "__main__":
    main()
