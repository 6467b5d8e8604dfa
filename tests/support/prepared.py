"""Starts of `fairmot` that cost no imports: a Python that has them forks a process for each command.

Benchmarks that start hundreds of processes use it. Each process has a session of its own and ends as one that was
started from a shell: by the interpreter's own end, with its threads joined.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "from fairmot.cli import main; main()"
_WITH_THREADS = ("onnxruntime", "openvino", "fairmot.engines.onnx")
"""Modules that begin threads when they are imported; each process imports these itself."""
_LIST = f"import atexit, sys; atexit.register(lambda: print(chr(10), 'modules', *sys.modules)); {PROGRAM}"
_FORK = """
import importlib, json, os, sys
from contextlib import suppress
for name in json.loads(sys.stdin.readline()):
    with suppress(ImportError):
        importlib.import_module(name)
assert len(os.listdir("/proc/self/task")) == 1, "threads do not survive a fork"
print("ready", flush=True)
for line in sys.stdin:
    process = os.fork()
    if process == 0:
        break
    print(process, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
else:
    os._exit(0)
os.setsid()
command = json.loads(line)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
log = os.open(command["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.dup2(log, 1)
os.dup2(log, 2)
os.chdir(command["folder"])
sys.argv = ["fairmot", *command["words"]]
from fairmot.cli import main
main()
"""


class Prepared:
    """A Python with the imports of one command; it runs one process at a time. Linux alone.

    Args:
        words: the command whose imports it makes, which is run once.
        folder: where that runs.
    """

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        made = subprocess.run(
            [sys.executable, "-c", _LIST, *words], cwd=folder, capture_output=True, text=True, timeout=600, check=True
        )
        listed = made.stdout.rpartition("modules ")[2].split()
        modules = [name for name in listed if name != "__main__" and not name.startswith(_WITH_THREADS)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._python = subprocess.Popen(
            [sys.executable, "-c", _FORK], stdin=-1, stdout=-1, bufsize=0, start_new_session=True, env=environment
        )
        self._send(modules)
        assert self._line() == "ready"

    def start(self, words: Sequence[str], folder: Path, log: Path | str = os.devnull) -> Process:
        """Start `fairmot` with these words in a folder."""
        self._send({"words": list(map(str, words)), "folder": str(folder), "log": str(log)})
        return Process(self, int(self._line()))

    def close(self) -> None:
        """End it."""
        self._python.stdin.close()
        self._python.stdout.close()
        self._python.wait(60)

    def _send(self, value: object) -> None:
        self._python.stdin.write(json.dumps(value).encode() + b"\n")

    def _line(self) -> str:
        return self._python.stdout.readline().decode().strip()

    def code(self, seconds: float | None) -> int | None:
        """Return the exit code of the process under way; None if it goes on for so long."""
        ready, _, _ = select.select([self._python.stdout], [], [], seconds)
        return int(self._line()) if ready else None


class Process:
    """A process of ``Prepared``, used like one of ``subprocess``."""

    def __init__(self, prepared: Prepared, pid: int) -> None:
        self._prepared, self.pid, self.returncode = prepared, pid, None

    def poll(self) -> int | None:
        """Return the exit code, None if it goes on."""
        if self.returncode is None:
            self.returncode = self._prepared.code(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; TimeoutExpired where it does not come."""
        if self.returncode is None:
            self.returncode = self._prepared.code(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("fairmot", timeout)
        return self.returncode

    def send_signal(self, number: int | signal.Signals) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)
