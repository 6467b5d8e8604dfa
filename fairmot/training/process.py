"""The place of this process in a training run, and its number for the process that started it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fairmot.engines import TRAINING_ENGINES, load_launcher
from fairmot.engines.interface import Process
from fairmot.errors import InputError
from fairmot.files import replacing

__all__ = ["DONE_SUFFIX", "FOLDER_VARIABLE", "MISTAKE_SUFFIX", "Process", "current_process", "registered"]

FOLDER_VARIABLE = "FAIRMOT_PROCESSES"
"""Environment variable that names the folder of the processes' logs and numbers to themselves."""

MISTAKE_SUFFIX = ".mistake"
"""A process leaves the message of its ``InputError`` in a file of its rank with this suffix."""
WAIT_FOR_THE_END_SECONDS = 5.0
"""Time that ``launch``, if it still lives, has to end a process with a mistake."""
DONE_SUFFIX = ".done"
"""A process that ends as it should leaves an empty file of its rank with this suffix."""


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
    """Write the number of this process where ``launch`` looks for it, and how it ended."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None or process.is_scheduler:
        yield
        return
    file = Path(folder, f"{process.rank}.pid")
    file.write_text(str(os.getpid()), encoding="utf-8")
    try:
        yield
    except InputError as error:
        # Complete or absent: ``launch`` may read it at any time.
        with replacing(file.with_suffix(MISTAKE_SUFFIX)) as temporary:
            temporary.write_text(str(error), encoding="utf-8")
        # ``launch`` says the line and ends this process: if it ended by itself, its launcher would show a traceback.
        time.sleep(WAIT_FOR_THE_END_SECONDS)
        raise
    file.with_suffix(DONE_SUFFIX).touch()
