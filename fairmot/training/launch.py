"""Several processes for one training run: started with the launcher of the engine, watched, and ended together.

PyTorch's launcher is ``torchrun``, MindSpore's ``msrun`` (``launcher.py`` of each engine). A process that one of them
started, here or by hand on several machines, finds its place in the environment (``process.current_process``) and
joins the others.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

import fairmot
from fairmot.engines import load_launcher
from fairmot.errors import InputError
from fairmot.files import FolderInUseError, locked
from fairmot.progress import Log
from fairmot.training.process import DONE_SUFFIX, FOLDER_VARIABLE, MISTAKE_SUFFIX

PROGRAM = Path(fairmot.__file__).with_name("__main__.py")
"""``python -m fairmot`` as a file, since ``msrun`` takes no module."""

MEMORY_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "16000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Let glibc keep big blocks instead of giving them back to the system after each layer: measured 1.85 -> 1.27 s a step
of ``lite`` in PyTorch on a processor. A process reads them at its start, so that only those started here have them."""

_LAST_LINES = 20
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 3.0
"""Time for the rest of a run to end by itself where it cannot go on: ``msrun`` waits ten minutes for its scheduler."""


def launch(
    arguments: Sequence[str],
    engine: str,
    processes: int,
    folder: Path,
    *,
    device: str = "auto",
    log: Log | None = None,
    script: Path = PROGRAM,
) -> int:
    """Run ``fairmot ARGUMENTS`` in several processes on this machine and wait for their end.

    The first process writes to the terminal, the others into ``folder``. The first SIGINT or SIGTERM goes on to the
    processes, so that the run can save itself; a second one ends everything.

    Args:
        arguments: of the command line.
        engine: one that trains.
        processes: how many.
        folder: for logs and process numbers.
        device: what the arguments name, to report here that the machine has none, or too few.
        log: gets the last lines of the process that ended the run, if one did.
        script: what the processes run.

    Returns:
        Exit code: 0, 130 after a signal, 1 where a process failed.

    Raises:
        InputError: not an engine that trains, too few devices, a folder that cannot be written, or what a process
            raised as one.
    """
    log = log or (lambda line: None)
    launcher = load_launcher(engine)
    launcher.check_devices(device, processes)
    try:
        made = [each for each in (folder, *folder.absolute().parents) if not each.exists()]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error
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
        command = [*launcher.launch_command(processes, folder), str(script), *arguments]
        # In a session of its own: Ctrl-C must reach the processes once, through us.
        parent = subprocess.Popen(command, env=environment, start_new_session=True)
        with _passing_signals_on(parent, folder) as signals:
            first_ended = _watch(parent, folder)
    _sweep_after_killed_processes(folder.parent)
    if signals:
        return 130
    if parent.returncode == 0:
        return 0
    for mistake in sorted(folder.glob(f"[0-9]*{MISTAKE_SUFFIX}")):
        line = mistake.read_text(encoding="utf-8")
        # It says all that the logs do: a run that did not begin leaves nothing behind. One that has trained keeps them.
        if not (folder.parent / "last.safetensors").exists():
            shutil.rmtree(folder, ignore_errors=True)
            for each in made[1:]:
                with suppress(OSError):  # not empty
                    each.rmdir()
        raise InputError(line)
    log(f"training in {processes} processes failed; logs in {folder}")
    ends = {rank: _last_lines(launcher.log_files(folder, rank)) for rank in range(processes)}
    # One without a log may be gone first only because it lost the connection to the one that failed.
    shown = [first_ended] if first_ended is not None and ends[first_ended] else list(ends)
    for rank in shown:
        if ends[rank]:
            log(f"the last lines of process {rank}:")
            log("\n".join(ends[rank]))
    return 1


def _watch(parent: subprocess.Popen[bytes], folder: Path) -> int | None:
    """Wait for the end; return the rank that was gone first while others still ran.

    A run that cannot go on is ended with all that its launcher started: one process reports a mistake (at once, before
    the launcher adds its traceback), or none of them lives any more.
    """
    first: int | None = None
    hopeless_since: float | None = None
    while parent.poll() is None:
        time.sleep(_POLL_SECONDS)
        numbers = _numbers(folder)
        gone = [rank for rank, number in numbers.items() if not _is_alive(number)]
        if first is None and gone and len(gone) < len(numbers):
            first = gone[0]
        if any(folder.glob(f"[0-9]*{MISTAKE_SUFFIX}")):
            _kill(parent, folder)
            parent.wait()
        failed = [rank for rank in gone if not (folder / f"{rank}{DONE_SUFFIX}").exists()]
        if failed and len(gone) == len(numbers):
            hopeless_since = hopeless_since or time.monotonic()
            if time.monotonic() - hopeless_since > _GRACE_SECONDS:
                _kill(parent, folder)
                parent.wait()
        else:
            hopeless_since = None  # a process that registers later
    return first


def _sweep_after_killed_processes(output: Path) -> None:
    """Delete half-written files and the lock of a first process that was killed; the run's own end leaves none."""
    if output.is_dir():
        with suppress(OSError, FolderInUseError), locked(output):
            pass


def _numbers(folder: Path) -> dict[int, int]:
    """Rank -> process number of those that have registered."""
    texts = {int(file.stem): file.read_text(encoding="utf-8") for file in folder.glob("*.pid")}
    return {rank: int(text) for rank, text in texts.items() if text}


def _is_alive(number: int) -> bool:
    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)  # ended, but not yet reaped
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _passing_signals_on(parent: subprocess.Popen[bytes], folder: Path) -> Iterator[list[int]]:
    """Yield the list of signals that arrive, and pass each on."""
    arrived: list[int] = []

    def handle(number: int, _frame: object) -> None:
        arrived.append(number)
        for each in _numbers(folder).values():
            if _is_alive(each):
                os.kill(each, signal.SIGTERM)
        # Those that have registered may all be gone, and what started them may wait for them for minutes.
        if len(arrived) > 1 or not any(map(_is_alive, _numbers(folder).values())):
            _kill(parent, folder)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if parent.poll() is None:  # an error ends this process
            _kill(parent, folder)


def _kill(parent: subprocess.Popen[bytes], folder: Path) -> None:
    """End the launcher, what it started and what has registered; by psutil, since Windows has no process groups."""
    found: list[psutil.Process] = []
    for number in (parent.pid, *_numbers(folder).values()):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(number)
            found += [*process.children(recursive=True), process]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _last_lines(files: Sequence[Path]) -> list[str]:
    """Return the end of a process's logs."""
    lines = [line for file in files for line in file.read_text(errors="replace").splitlines()]
    return [line for line in lines if line.strip()][-_LAST_LINES:]
