"""Several processes for one training run: started with the launcher of the engine, watched, and ended together.

PyTorch's launcher is ``torchrun``, MindSpore's ``msrun``. A process that one of them started, here or by hand on
several machines, finds its place in the environment (``current_process``) and joins the others.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fairmot
from fairmot.errors import InputError

PROGRAM = Path(fairmot.__file__).with_name("__main__.py")
"""``python -m fairmot`` as a file, since ``msrun`` takes no module."""

FOLDER_VARIABLE = "FAIRMOT_PROCESSES"
"""Environment variable that names the folder of the processes' logs and numbers to themselves."""

MEMORY_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "16000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Let glibc keep big blocks instead of giving them back to the system after each layer: measured 1.85 -> 1.27 s a step
of ``lite`` in PyTorch on a processor. Read when a process starts, so that only those started here have them."""

_LAST_LINES = 20
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Process:
    """The place of this process in its run."""

    rank: int = 0
    size: int = 1
    launched: bool = False
    """Whether a launcher started it."""
    is_scheduler: bool = False
    """MindSpore's processes find each other through one that does not train."""

    @property
    def is_first(self) -> bool:
        """Whether it writes files and speaks to people."""
        return self.rank == 0 and not self.is_scheduler


def current_process(environment: Mapping[str, str] = os.environ) -> Process:
    """Read the place of this process from what ``torchrun`` or ``msrun`` has set.

    Raises:
        InputError: ``msrun`` on several machines without ``--node_rank``.
    """
    if role := environment.get("MS_ROLE"):
        size = int(environment["MS_WORKER_NUM"])
        if role == "MS_SCHED":
            return Process(0, size, True, is_scheduler=True)
        if "MS_NODE_ID" not in environment:
            raise InputError("msrun on several machines: give each its --node_rank, from 0")
        return Process(int(environment["MS_NODE_ID"]), size, True)
    if "RANK" in environment and "WORLD_SIZE" in environment:
        return Process(int(environment["RANK"]), int(environment["WORLD_SIZE"]), True)
    return Process()


@contextmanager
def registered(process: Process) -> Iterator[None]:
    """Tell the process that started this one which number it has, so that it can be reached and watched."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None or process.is_scheduler:
        yield
        return
    file = Path(folder, f"{process.rank}.pid")
    file.write_text(str(os.getpid()), encoding="utf-8")
    try:
        yield
    except InputError as error:
        file.with_suffix(".mistake").write_text(str(error), encoding="utf-8")
        raise


def launch(
    arguments: Sequence[str],
    engine: str,
    processes: int,
    folder: Path,
    complain: Callable[[str], None],
    script: Path = PROGRAM,
) -> int:
    """Run ``fairmot ARGUMENTS`` in several processes on this machine and wait for their end.

    The first process writes to the terminal, the others into ``folder``. SIGINT and SIGTERM are passed on once, so that
    the run can save itself; a second one ends everything.

    Args:
        arguments: of the command line.
        engine: ``torch`` or ``mindspore``.
        processes: how many.
        folder: for logs and process numbers.
        complain: gets the last lines of the process that ended the run, if one did.
        script: what the processes run.

    Returns:
        Exit code: 0, 130 after a signal, 1 where a process failed.

    Raises:
        InputError: not an engine that trains, or what a process raised as one.
    """
    commands = {"torch": _torchrun, "mindspore": _msrun}
    if engine not in commands:
        raise InputError(f"engine {engine!r} cannot train in several processes; choose one of: {', '.join(commands)}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    threads = max(1, (os.cpu_count() or 1) // processes)
    environment = {"OMP_NUM_THREADS": str(threads), **MEMORY_SETTINGS, **os.environ, FOLDER_VARIABLE: str(folder)}
    # As a script, this file's folder would be searched for modules first; the package itself must be found.
    environment["PYTHONSAFEPATH"] = "1"
    root = str(Path(fairmot.__file__).resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory(prefix="fairmot-") as binaries:
        # msrun starts whatever ``python`` is found first; a link would lose the virtual environment.
        python = Path(binaries, "python")
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        environment["PATH"] = os.pathsep.join([binaries, os.environ.get("PATH", os.defpath)])
        command = [*commands[engine](processes, folder), str(script), *arguments]
        # In a session of its own: Ctrl-C must reach the processes once, through us.
        launcher = subprocess.Popen(command, env=environment, start_new_session=True)
        with _passing_signals_on(launcher, folder) as signals:
            first_ended = _watch(launcher, folder)
    if signals:
        return 130
    if launcher.returncode == 0:
        return 0
    for mistake in sorted(folder.glob("*.mistake")):
        raise InputError(mistake.read_text(encoding="utf-8"))
    complain(f"training in {processes} processes failed; logs in {folder}")
    ends = {rank: _last_lines(engine, folder, rank) for rank in range(processes)}
    # One without a log may be gone first only because it lost the connection to the one that failed.
    told = [first_ended] if first_ended is not None and ends[first_ended] else list(ends)
    for rank in told:
        if ends[rank]:
            complain(f"the last lines of process {rank}:")
            complain("\n".join(ends[rank]))
    return 1


def _torchrun(processes: int, folder: Path) -> list[str]:
    # The launcher looks after the processes seldom enough for us to see which one ended first.
    options = [f"--nproc-per-node={processes}", "--standalone", "--monitor-interval=1", f"--log-dir={folder}"]
    others = ",".join(f"{rank}:3" for rank in range(1, processes))
    redirects = [f"--redirects={others}"] if others else []
    return [sys.executable, "-m", "torch.distributed.run", *options, *redirects]


def _msrun(processes: int, folder: Path) -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "import sys; from mindspore.parallel.cluster.run import main; sys.exit(main())"
    counts = [f"--worker_num={processes}", f"--local_worker_num={processes}"]
    return [
        *(sys.executable, "-c", program),
        *(*counts, f"--master_port={port}", f"--log_dir={folder}", "--join=True", "--tail_worker_log=0"),
    ]


def _watch(launcher: subprocess.Popen[bytes], folder: Path) -> int | None:
    """Wait for the end; return the process that was gone first while others were still there."""
    first: int | None = None
    while launcher.poll() is None:
        time.sleep(_POLL_SECONDS)
        numbers = _numbers(folder)
        gone = [rank for rank, number in numbers.items() if not _is_alive(number)]
        if first is None and gone and len(gone) < len(numbers):
            first = gone[0]
    return first


def _numbers(folder: Path) -> dict[int, int]:
    """Rank -> process number of those that have registered."""
    texts = {int(file.stem): file.read_text(encoding="utf-8") for file in folder.glob("*.pid")}
    return {rank: int(text) for rank, text in texts.items() if text}


def _is_alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # ended, but its parent has not asked yet


@contextmanager
def _passing_signals_on(launcher: subprocess.Popen[bytes], folder: Path) -> Iterator[list[int]]:
    """Yield the list of signals that arrive; each is passed on."""
    arrived: list[int] = []

    def handle(number: int, _frame: object) -> None:
        arrived.append(number)
        for each in _numbers(folder).values():
            if _is_alive(each):
                os.kill(each, signal.SIGTERM if len(arrived) == 1 else signal.SIGKILL)
        if len(arrived) > 1 or not _numbers(folder):
            os.killpg(launcher.pid, signal.SIGKILL)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if launcher.poll() is None:  # we are leaving in an error
            for each in _numbers(folder).values():
                if _is_alive(each):
                    os.kill(each, signal.SIGKILL)
            os.killpg(launcher.pid, signal.SIGKILL)


def _last_lines(engine: str, folder: Path, rank: int) -> list[str]:
    """Return the end of a process's log; PyTorch's first process has none, since it wrote to the terminal."""
    if engine == "mindspore":
        files = [folder / f"worker_{rank}.log"]
    else:
        files = sorted(folder.glob(f"*/attempt_*/{rank}/std*.log"))
    lines = [line for file in files if file.is_file() for line in file.read_text(errors="replace").splitlines()]
    return [line for line in lines if line.strip()][-_LAST_LINES:]
