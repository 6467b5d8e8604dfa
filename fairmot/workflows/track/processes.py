"""Jobs of ``track`` in processes of this machine, which end when their parent does, whichever way it goes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from typing import Any

from fairmot.interrupts import SIGNALS
from fairmot.media.sources.stop import Stop
from fairmot.progress import Progress
from fairmot.workflows.track.job import JobResult, SourceJob, run_job

_REPORT_SECONDS = 0.2
"""How often each process reports its progress."""
_LAST_FRAME_SECONDS = 60.0
"""How long a process whose parent is gone may take for the frame under way and for its files."""
_FAREWELL_SECONDS = 5.0
"""How long its parent, if it lives, may take to end it."""


def in_processes(
    jobs: list[SourceJob], count: int, progress: Progress | None, interrupted: Callable[[], bool]
) -> Iterator[JobResult]:
    """Run jobs in ``count`` processes and yield their results as they come.

    Args:
        jobs: what to do.
        count: how many at a time.
        progress: called a few times a second for each job under way, with its source as the name.
        interrupted: whether a signal came. Then no more jobs begin, and those under way end after their frame.
    """
    left = {job.source: job for job in jobs}
    try:
        for result in _in_pool(jobs, count, progress, interrupted):
            del left[result.source]
            yield result
    except BrokenProcessPool:
        # One video ended its process (out of memory). The pool does not say which: from now on each is alone.
        for job in list(left.values()):
            try:
                yield from _in_pool([job], 1, progress, interrupted)
            except BrokenProcessPool:
                if not interrupted():
                    problem = f"{job.source}: its process died (out of memory?)"
                    yield JobResult(job.source, job.folder, "failed", problem)


def _in_pool(
    jobs: list[SourceJob], count: int, progress: Progress | None, interrupted: Callable[[], bool]
) -> Iterator[JobResult]:
    if not jobs:
        return
    # Frameworks with threads of their own do not survive a fork.
    context = multiprocessing.get_context("spawn")
    waiting = list(jobs)
    running: set[Future[JobResult]] = set()
    reports = None if progress is None else context.Queue()
    # Each process reads one end and sees when the other is closed, by this process or with it.
    there, here = context.Pipe(duplex=False)
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(count, len(jobs)), context, _begin_process, (reports, there))
    try:
        while waiting or running:
            if interrupted():
                waiting.clear()
                here.close()
            # Submit no more than are worked on: after a signal no process must find another job.
            with _signals_wait():  # a process that is not ready for them would die and take the others with it
                while waiting and len(running) < count:
                    running.add(pool.submit(_tracked, waiting.pop(0)))
            finished, running = wait(running, _REPORT_SECONDS, FIRST_COMPLETED)
            while progress is not None and reports is not None and not reports.empty():
                progress(*reports.get())
            for future in finished:
                yield future.result()
    except BaseException:  # such as a second signal
        for process in {*multiprocessing.active_children()} - others:
            process.kill()
        raise
    finally:
        here.close()
        pool.shutdown(cancel_futures=True)
        there.close()


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Block signals in this thread and in the processes that it starts, which let them in once they handle them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would let them in again when it starts with the first process
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """This process, where it is one of a pool: its queue for progress, and whether it should stop."""

    def __init__(self, reports: Queue[tuple[str, int, int | None]] | None) -> None:
        self.reports = reports
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._stopping = False
        self._stop: Stop | None = None

    def begin_no_more(self) -> None:
        """Let no further job begin."""
        self._stopping = True

    def begin(self) -> Stop | None:
        """Return what stops the next job; None: it must not begin."""
        with self._lock:
            if self._stopping:
                return None
            self._stop = Stop()
            self._idle.clear()
            return self._stop

    def end(self) -> None:
        """Note that the job is done."""
        with self._lock:
            self._stop = None
            self._idle.set()

    def watch(self, there: Connection) -> None:
        """Stop as soon as the other end is closed, and end at last, if nobody else ends this process."""
        with suppress(OSError):
            there.poll(None)
        with self._lock:
            self._stopping = True
            stop = self._stop
        if stop is not None:
            stop.set()
        self._idle.wait(_LAST_FRAME_SECONDS)
        time.sleep(_FAREWELL_SECONDS)
        os._exit(1)


_worker: _Worker | None = None
"""In a process of a pool."""


def _begin_process(reports: Queue[tuple[str, int, int | None]] | None, there: Connection) -> None:
    global _worker
    _worker = _Worker(reports)
    if reports is not None:
        reports.cancel_join_thread()  # the process may end before its last report is read
    _handle_signals(signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if there.poll(0):
        _worker.begin_no_more()
    threading.Thread(target=_worker.watch, args=(there,), name="fairmot-watch", daemon=True).start()


def _handle_signals(handler: Any) -> None:
    # They reach all processes of a terminal; one that waits for work would end with a traceback.
    for number in SIGNALS:
        signal.signal(number, handler)


def _tracked(job: SourceJob) -> JobResult:
    """Track one video; a signal finishes its files."""
    assert _worker is not None
    interrupted = JobResult(job.source, job.folder, "interrupted")
    stop = _worker.begin()
    if stop is None:
        return interrupted
    _handle_signals(signal.default_int_handler)
    result = interrupted
    try:
        result = run_job(job, None if _worker.reports is None else _reporter(job.source, _worker.reports), stop)
        return result
    except KeyboardInterrupt:  # before the first frame, or the second signal
        return interrupted
    finally:
        if result.outcome == "interrupted":  # before the parent says so: the job of a process that is late may wait
            _worker.begin_no_more()
        _handle_signals(signal.SIG_IGN)
        _worker.end()


def _reporter(source: str, reports: Queue[tuple[str, int, int | None]]) -> Progress:
    last = -_REPORT_SECONDS

    def report(_: str, done: int, total: int | None) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _REPORT_SECONDS:
            last = now
            reports.put((source, done, total))

    return report
