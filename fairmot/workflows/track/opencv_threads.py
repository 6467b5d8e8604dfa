"""OpenCV's own threads, a setting of the whole process: put off while detectors fill the cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2


class _Users:
    """Those who want OpenCV to take one thread, in any thread of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._found = 0

    def enter(self) -> None:
        with self._lock:
            if self._count == 0:
                self._found = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._count += 1

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                cv2.setNumThreads(self._found)


_users = _Users()
"""Of this process, as the setting is."""


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Let OpenCV take one thread; the last of several blocks to end restores what the first one found."""
    _users.enter()
    try:
        yield
    finally:
        _users.leave()
