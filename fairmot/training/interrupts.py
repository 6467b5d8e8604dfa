"""Signals that wait for the end of a training step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Hold back SIGINT and SIGTERM: inside a step they could leave some parameters moved and others not.

    Yields a function that returns whether one arrived. The second raises KeyboardInterrupt at once. Signals can only be
    handled in the main thread; in another one they are left alone, as is a signal that is ignored (``nohup``).
    """
    arrived = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal arrived
        if arrived:
            raise KeyboardInterrupt
        arrived = True

    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, handle)
        yield lambda: arrived
    finally:
        for number, handler in before.items():
            # None: the handler was not installed from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
