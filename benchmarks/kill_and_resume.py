"""A training run killed with SIGKILL at random moments and resumed each time, against an undisturbed one.

    python benchmarks/kill_and_resume.py --kills 10

Both must end with the same weights, bit for bit. Starts cost no imports (Linux alone). Prints the step of each kill;
the exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from fairmot.config import Config
from fairmot.data.converters import convert_motchallenge
from fairmot.street import write_street
from fairmot.training.checkpoint import load_checkpoint
from fairmot.training.metrics import read_metrics

SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support"


def supporting(name: str) -> ModuleType:
    """Import a module that supports the tests."""
    spec = importlib.util.spec_from_file_location(name, SUPPORT / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


small_run = supporting("small_run")


def configuration(description: Path, output: Path, epochs: int) -> Config:
    """Return the tests' small run, with several loader threads and a checkpoint after each step."""
    return small_run.configuration(
        description,
        output,
        data={"workers": 2},
        epochs=epochs,
        checkpoint_every_steps=1,
        keep_checkpoints=2,
    )


def command(config: Config) -> list[str]:
    """Write a configuration; return the words of `fairmot train` on it."""
    file = config.train.output.with_suffix(".yaml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(config.model_dump_json())  # JSON is YAML
    return ["train", str(file), "--resume", "--engine", "torch", "--device", "cpu"]


def start(config: Config, prepared: Any = None) -> Any:
    """Start or resume `fairmot train` on a configuration, from a shell or in a Python that has the imports."""
    words, log = command(config), config.train.output.with_suffix(".log")
    if prepared is not None:
        return prepared.start(words, Path.cwd(), log)
    program = "from fairmot.cli import main; main()"
    with log.open("ab") as file:
        return subprocess.Popen([sys.executable, "-c", program, *words], stdout=file, stderr=file)


def steps_taken(config: Config) -> int:
    """Return the number of steps in the run's log."""
    lines = read_metrics(config.train.output)
    return int(lines[-1]["step"]) if lines else 0


def kill_and_resume(config: Config, total_steps: int, kills: int, seed: int = 0, prepared: Any = None) -> list[int]:
    """Kill a run ``kills`` times at random moments, let it finish, and return the step of each kill.

    Each kill waits for a random later step and then for a random part of a step, so that it also hits half-written
    checkpoints.
    """
    chance = random.Random(seed)
    killed_at: list[int] = []
    while len(killed_at) < kills:
        before = steps_taken(config)
        room = max(1, (total_steps - before) // (kills - len(killed_at) + 1))
        target = min(before + chance.randint(1, room), total_steps - 1)
        process = start(config, prepared)
        while steps_taken(config) < target and process.poll() is None:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            raise RuntimeError(f"the run ended by itself: {config.train.output.with_suffix('.log').read_text()[-500:]}")
        killed_at.append(steps_taken(config))
    if start(config, prepared).wait():
        raise RuntimeError(f"the last run failed: {config.train.output.with_suffix('.log').read_text()[-500:]}")
    return killed_at


def differences(first: Path, second: Path) -> list[str]:
    """Return the names of all arrays that differ in any bit between the checkpoints of two run folders."""
    one, other = (load_checkpoint(folder / "last.safetensors").state for folder in (first, second))
    names = sorted(one.keys() | other.keys())
    return [n for n in names if n not in one or n not in other or not np.array_equal(one[n], other[n])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="number of kills")
    parser.add_argument("--epochs", type=int, default=40, help="length of both runs")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_street(folder / "streets", people=4, frames=6, size=(320, 192))
        convert_motchallenge(folder / "streets", folder / "people", "street")
        description = folder / "people" / "data.json"
        whole, killed = (configuration(description, folder / run, arguments.epochs) for run in ("whole", "killed"))
        if start(whole).wait():
            print((folder / "whole.log").read_text())
            return 1
        first = configuration(description, folder / "first", 1)
        prepared = supporting("prepared").Prepared(command(first), folder)
        steps = kill_and_resume(killed, steps_taken(whole), arguments.kills, arguments.seed, prepared)
        prepared.close()
        print(f"killed after steps {', '.join(map(str, steps))} of {steps_taken(whole)}")
        changed = differences(whole.train.output, killed.train.output)
        print(f"arrays that differ: {', '.join(changed) or 'none'}")
        return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
