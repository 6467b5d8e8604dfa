"""``msrun``: how it starts the processes of a run, where their logs are, and how a process finds its rank."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from fairmot.engines.interface import Process
from fairmot.errors import InputError


def launch_command(processes: int, folder: Path) -> list[str]:
    """See ``Launcher``. One more process, the scheduler, brings the others together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "import sys; from mindspore.parallel.cluster.run import main; sys.exit(main())"
    counts = [f"--worker_num={processes}", f"--local_worker_num={processes}"]
    return [
        *(sys.executable, "-c", program),
        *(*counts, f"--master_port={port}", f"--log_dir={folder}", "--join=True", "--tail_worker_log=0"),
    ]


def check_devices(device: str, processes: int) -> None:
    """See ``Launcher``. The driver makes a file for each device; ``ASCEND_RT_VISIBLE_DEVICES`` chooses among them.

    MindSpore's dry run (``MS_SIMULATION_LEVEL``) needs no device.
    """
    if device != "ascend" or sys.platform != "linux" or os.environ.get("MS_SIMULATION_LEVEL"):
        return
    count = len(list(Path("/dev").glob("davinci[0-9]*")))
    if count == 0 and not shutil.which("npu-smi"):
        raise InputError("device 'ascend': there is no Ascend device here (no /dev/davinci0); choose auto or cpu")
    if visible := os.environ.get("ASCEND_RT_VISIBLE_DEVICES"):
        count = len(visible.split(","))
    if 0 < count < processes:
        raise InputError(f"{processes} processes need {processes} Ascend devices, and there are {count} here")


def log_files(folder: Path, rank: int) -> list[Path]:
    """See ``Launcher``."""
    file = folder / f"worker_{rank}.log"
    return [file] if file.is_file() else []


def find_process(environment: Mapping[str, str]) -> Process | None:
    """See ``Launcher``.

    Raises:
        InputError: ``msrun`` on several machines without ``--node_rank``.
    """
    role = environment.get("MS_ROLE")
    if not role:
        return None
    size = int(environment["MS_WORKER_NUM"])
    if role == "MS_SCHED":
        return Process(0, size, launched=True, is_scheduler=True)
    if "MS_NODE_ID" not in environment:
        raise InputError("msrun on several machines: give each its --node_rank, from 0")
    return Process(int(environment["MS_NODE_ID"]), size, launched=True)
