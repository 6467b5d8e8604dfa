"""The workflow ``track`` of many videos, several at a time, on this machine or on a Ray cluster.

Each video has a folder of its own, in which ``run.json`` says that it is finished. The next call skips what is
finished and does again what failed or was interrupted. A video that fails stops no other.
"""

from __future__ import annotations

import importlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.media.sources.locations import expand, is_address, live_location
from fairmot.progress import Progress
from fairmot.workflows.track.job import DetectorChoice, JobResult, SourceJob, is_finished, run_job
from fairmot.workflows.track.track import DEFAULT_FOLDER

__all__ = ["DetectorChoice", "JobResult", "SourceJob", "track_many"]

Done = Callable[[JobResult, int, int], None]
"""Called as ``done(result, count, total)`` after each video: its result, how many videos are done, of how many.

Not a ``Progress``: it carries data.
"""

_REPORT_SECONDS = 0.2
"""How often each process reports its progress."""
_reports: Queue[tuple[str, int, int | None]] | None = None
"""In a process of a pool: the queue for its progress."""


def track_many(
    sources: Sequence[str | Path],
    output: Path = DEFAULT_FOLDER,
    *,
    plan: SourceJob | None = None,
    jobs: int = 1,
    ray: str | None = None,
    overwrite: bool = False,
    done: Done | None = None,
    progress: Progress | None = None,
) -> list[JobResult]:
    """Track each video into ``output/<its name>``.

    Args:
        sources: folders of videos, videos, image folders, globs of them.
        output: where the folders go; with Ray it must be the same place on every machine, as must the sources.
        plan: how each of them is tracked; its source and folder do not count.
        jobs: how many at a time.
        ray: address of a Ray cluster (``auto``, ``HOST:PORT``, ``ray://...``, or ``local``); left out: processes on
            this machine.
        overwrite: also track videos that are finished.
        done: called after every video, in the order in which they end.
        progress: called a few times a second for each video under way, with its source as the name; not on Ray.

    Returns:
        One result for each video, in the order of the sources; after Ctrl-C, what was not finished is ``interrupted``.

    Raises:
        InputError: no such video; a stream or camera; two videos of one name; Ray is not installed or not there.
    """
    if jobs < 1:
        raise InputError(f"jobs {jobs}: expected 1 or more")
    plan = plan or SourceJob("", Path())
    todo = [
        replace(plan, source=source, folder=output / name)
        for source, name in zip(*_named(_video_paths(sources)), strict=True)
    ]
    results: dict[str, JobResult] = {}

    def note(result: JobResult) -> None:
        results[result.source] = result
        if done is not None:
            done(result, len(results), len(todo))

    for job in todo:
        if not overwrite and is_finished(job):
            note(JobResult(job.source, job.folder, "skipped"))
    waiting = [job for job in todo if job.source not in results]
    try:
        for result in _on_ray(waiting, ray, jobs) if ray is not None else _in_processes(waiting, jobs, progress):
            note(result)
    except KeyboardInterrupt:
        for job in waiting:
            if job.source not in results:
                results[job.source] = JobResult(job.source, job.folder, "interrupted")
    return [results[job.source] for job in todo]


def _in_processes(jobs: list[SourceJob], count: int, progress: Progress | None) -> Iterator[JobResult]:
    left = {job.source: job for job in jobs}
    try:
        for result in _in_pool(jobs, count, progress):
            del left[result.source]
            yield result
    except BrokenProcessPool:
        # One video ended its process (out of memory). The pool does not say which: from now on each is alone.
        for job in list(left.values()):
            try:
                yield from _in_pool([job], 1, progress)
            except BrokenProcessPool:
                yield JobResult(job.source, job.folder, "failed", f"{job.source}: its process died (out of memory?)")


def _in_pool(jobs: list[SourceJob], count: int, progress: Progress | None) -> Iterator[JobResult]:
    if not jobs:
        return
    # Frameworks with threads of their own do not survive a fork.
    context = multiprocessing.get_context("spawn")
    waiting = list(jobs)
    running: set[Future[JobResult]] = set()
    reports = None if progress is None else context.Queue()
    with ProcessPoolExecutor(min(count, len(jobs)), context, _begin_process, (reports,)) as pool:
        while waiting or running:
            # Submit no more than are worked on: after Ctrl-C no process must find another job.
            while waiting and len(running) < count:
                running.add(pool.submit(_interruptible, waiting.pop(0)))
            finished, running = wait(running, None if reports is None else _REPORT_SECONDS, FIRST_COMPLETED)
            while progress is not None and reports is not None and not reports.empty():
                progress(*reports.get())
            for future in finished:
                yield future.result()


def _begin_process(reports: Queue[tuple[str, int, int | None]] | None) -> None:
    global _reports
    _reports = reports
    if reports is not None:
        reports.cancel_join_thread()  # the process may end before its last report is read
    _ignore_interrupts()


def _ignore_interrupts() -> None:
    # Ctrl-C reaches all processes; one that waits for work would end with a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interruptible(job: SourceJob) -> JobResult:
    """Track one video; Ctrl-C finishes its files."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run_job(job, None if _reports is None else _reporter(job.source, _reports))
    except KeyboardInterrupt:  # before the first frame
        return JobResult(job.source, job.folder, "interrupted")
    finally:
        _ignore_interrupts()


def _reporter(source: str, reports: Queue[tuple[str, int, int | None]]) -> Progress:
    last = -_REPORT_SECONDS

    def report(_: str, done: int, total: int | None) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _REPORT_SECONDS:
            last = now
            reports.put((source, done, total))

    return report


def _on_ray(jobs: list[SourceJob], address: str, count: int) -> Iterator[JobResult]:
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise InputError("Ray is not installed; pip install 'fairmot[ray]'") from None
    if not jobs:
        return
    here = {"num_cpus": count} if address == "local" else {}
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False, include_dashboard=False, **here)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise InputError(f"Ray at {address}: no cluster there ({' '.join(str(error).split())[:200]})") from error
    try:
        remote = ray.remote(num_cpus=1, max_retries=1)(run_job)
        waiting = list(jobs)
        running: dict[Any, SourceJob] = {}
        while waiting or running:
            while waiting and len(running) < count:
                job = waiting.pop(0)
                running[remote.remote(job)] = job
            (finished,), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(finished)
            try:
                yield ray.get(finished)
            except ray.exceptions.RayError as error:
                reason = " ".join(str(error).split())[:200]
                yield JobResult(job.source, job.folder, "failed", f"{job.source}: {reason}")
    finally:
        ray.shutdown()


def _video_paths(sources: Sequence[str | Path]) -> list[str]:
    found: list[str] = []
    for source in expand(sources):
        word = str(source[0].parent) if isinstance(source, list) else source
        if is_address(word) or live_location(word) is not None:
            raise InputError(f"{word}: streams and cameras have no end; track them without jobs")
        if not Path(word).exists():
            raise InputError(f"{word}: no such file or folder")
        if word not in found:
            found.append(word)
    return found


def _named(sources: list[str]) -> tuple[list[str], list[str]]:
    """Return each source, and a name that does not depend on its order: its stem, or its whole name if stems repeat."""
    stems = [Path(source).stem if Path(source).is_file() else Path(source).resolve().name for source in sources]
    names = [stem if stems.count(stem) == 1 else Path(source).name for source, stem in zip(sources, stems, strict=True)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice}: two sources of this name would share a folder; track them in separate calls")
    return sources, names
