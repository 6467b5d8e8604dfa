"""Signals that wait until what is under way is whole, and those that end a command."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if isinstance(number := getattr(signal, name, None), int)
)
"""Ctrl-C; what ``docker stop``, systemd and ``kill`` send; what a closed terminal sends, where the system has it."""


@contextmanager
def deferred_interrupts(arrived: Callable[[], None] | None = None) -> Iterator[Callable[[], bool]]:
    """Hold back SIGINT, SIGTERM and SIGHUP: in the middle of a step they would leave one part done and another not.

    The second one raises KeyboardInterrupt at once, and the third ends the process as the system does. Signals can only
    be handled in the main thread; in another one they are left alone, as is a signal that is ignored (``nohup``). Where
    a caller holds them back already, they stay his.

    Args:
        arrived: called in the main thread as soon as the first one arrives, to end a wait. It must not block.

    Yields:
        A function that returns whether one arrived.
    """
    first: int | None = None
    before: dict[int, object] = {}

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first = number
            if arrived is not None:
                arrived()
            return
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt

    handle.holds_back = True  # type: ignore[attr-defined]
    try:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                found = signal.getsignal(number)
                if found is not signal.SIG_IGN and not hasattr(found, "holds_back"):
                    before[number] = found
                    signal.signal(number, handle)
        yield lambda: first is not None
    finally:
        for number, handler in before.items():
            # None: the handler was not installed from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that what it began is cleaned up."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
