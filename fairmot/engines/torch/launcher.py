"""``torchrun``: how it starts the processes of a run, where their logs are, and how a process finds its rank."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

from fairmot.engines.interface import Process
from fairmot.errors import InputError


def launch_command(processes: int, folder: Path) -> list[str]:
    """See ``Launcher``."""
    # The launcher polls the processes seldom enough for us to see which one ended first.
    options = [f"--nproc-per-node={processes}", "--standalone", "--monitor-interval=1", f"--log-dir={folder}"]
    others = ",".join(f"{rank}:3" for rank in range(1, processes))
    redirects = [f"--redirects={others}"] if others else []
    return [sys.executable, "-m", "torch.distributed.run", *options, *redirects]


def check_devices(device: str, processes: int) -> None:
    """See ``Launcher``. CUDA itself counts, so that ``CUDA_VISIBLE_DEVICES`` counts too."""
    if device != "cuda":
        return
    count = cuda_device_count()
    if count == 0:
        raise InputError("device 'cuda': there is no CUDA device here; choose auto or cpu")
    if count is not None and count < processes:
        raise InputError(f"{processes} processes need {processes} CUDA devices, and there are {count} here")


def cuda_device_count() -> int | None:
    """Return how many CUDA devices the driver finds; None where it does not say."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1")
        count = ctypes.c_int()
        if driver.cuInit(0) != 0:
            return 0
        return count.value if driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else None
    except AttributeError:
        return None
    except OSError:
        return None if Path("/dev/kfd").exists() else 0  # AMD's cards are called cuda too


def log_files(folder: Path, rank: int) -> list[Path]:
    """See ``Launcher``. The first process has none: it writes to the terminal."""
    return sorted(folder.glob(f"*/attempt_*/{rank}/std*.log"))


def find_process(environment: Mapping[str, str]) -> Process | None:
    """See ``Launcher``."""
    if "RANK" in environment and "WORLD_SIZE" in environment:
        return Process(int(environment["RANK"]), int(environment["WORLD_SIZE"]), launched=True)
    return None
