"""Work of the first process that may take longer than processes wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Callable

SIGN_OF_LIFE_SECONDS = 1.0
"""Pause between two signs of life: far shorter than any wait of an engine, and nothing beside the work."""


LAST_WAIT_SECONDS = 5.0
"""How long the work may still take where the run ends in an error."""


def work_while_others_wait(work: Callable[[], None] | None, agree: Callable[[bool], bool]) -> None:
    """Do the first process's work in a thread, and keep in touch with the others until it is done.

    Every process of the run calls this at the same point. An engine lets a process wait for the others for a limited
    time, since one of them may be gone. So this thread meets the others every second, however long the work takes:
    none of them waits longer than that, and all end promptly where one is gone, as between two training steps.

    Args:
        work: what the first process does; None: nothing, as in all other processes.
        agree: ``Trainer.agree``.

    Raises:
        Exception: what the work raised, in the first process; it leaves the run, which ends the others.
    """
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            if work:
                work()
        except BaseException as error:  # raised again below
            errors.append(error)
        finally:
            done.set()

    if work:
        # Where this thread leaves in an error, the work must not keep the process alive.
        threading.Thread(target=run, name="first process's work", daemon=True).start()
    else:
        done.set()
    # Processes without work wait inside of ``agree``.
    try:
        while agree(bool(work) and not done.wait(SIGN_OF_LIFE_SECONDS)):
            pass
    except BaseException:
        done.wait(LAST_WAIT_SECONDS)  # for a file that the work is writing
        raise
    if errors:
        raise errors[0]
