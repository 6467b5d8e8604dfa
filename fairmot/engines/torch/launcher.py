"""``torchrun``: how it starts the processes of a run, where their logs are, and how a process finds its rank."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from fairmot.engines.interface import Process


def launch_command(processes: int, folder: Path) -> list[str]:
    """See ``Launcher``."""
    # The launcher polls the processes seldom enough for us to see which one ended first.
    options = [f"--nproc-per-node={processes}", "--standalone", "--monitor-interval=1", f"--log-dir={folder}"]
    others = ",".join(f"{rank}:3" for rank in range(1, processes))
    redirects = [f"--redirects={others}"] if others else []
    return [sys.executable, "-m", "torch.distributed.run", *options, *redirects]


def log_files(folder: Path, rank: int) -> list[Path]:
    """See ``Launcher``. The first process has none: it writes to the terminal."""
    return sorted(folder.glob(f"*/attempt_*/{rank}/std*.log"))


def find_process(environment: Mapping[str, str]) -> Process | None:
    """See ``Launcher``."""
    if "RANK" in environment and "WORLD_SIZE" in environment:
        return Process(int(environment["RANK"]), int(environment["WORLD_SIZE"]), launched=True)
    return None
