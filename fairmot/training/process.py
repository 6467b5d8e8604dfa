"""The place of this process in a training run, and its number for the process that started it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fairmot.engines import TRAINING_ENGINES, load_launcher
from fairmot.engines.interface import Process
from fairmot.errors import InputError

__all__ = ["FOLDER_VARIABLE", "Process", "current_process", "registered"]

FOLDER_VARIABLE = "FAIRMOT_PROCESSES"
"""Environment variable that names the folder of the processes' logs and numbers to themselves."""


def current_process(environment: Mapping[str, str] = os.environ) -> Process:
    """Return the place of this process by the variables that a launcher has set; one process alone without them.

    Raises:
        InputError: a launcher was called without an option that the place depends on.
    """
    for engine in TRAINING_ENGINES:
        if process := load_launcher(engine).find_process(environment):
            return process
    return Process()


@contextmanager
def registered(process: Process) -> Iterator[None]:
    """Write the number of this process where ``launch`` looks for it, and the message of an ``InputError``."""
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
