"""The workflow ``track`` of many videos, several at a time, on this machine or on a Ray cluster.

Each video has a folder of its own, in which ``run.json`` says that it is finished. The next call skips what is
finished and does again what failed or was interrupted. A video that fails stops no other.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.formats.hub import is_hub_address
from fairmot.interrupts import deferred_interrupts
from fairmot.media.sources.locations import expand, is_address, live_location
from fairmot.progress import Progress
from fairmot.workflows.track.job import DetectorChoice, JobResult, SourceJob, is_finished, run_job
from fairmot.workflows.track.processes import in_processes
from fairmot.workflows.track.track import DEFAULT_FOLDER

__all__ = ["DetectorChoice", "JobResult", "SourceJob", "track_many"]

Done = Callable[[JobResult, int, int], None]
"""Called as ``done(result, count, total)`` after each video: its result, how many videos are done, of how many.

Not a ``Progress``: it carries data.
"""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What Ray colours its messages with."""

_LOOK_SECONDS = 0.2
"""How often a wait for Ray looks whether a signal came."""


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
        One result for each video, in the order of the sources. After a signal (Ctrl-C, SIGTERM, SIGHUP) the videos
        under way end with whole files, and what was not finished is ``interrupted``; a second signal ends the
        processes at once.

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
    with suppress(KeyboardInterrupt), deferred_interrupts() as interrupted:
        for result in (
            in_processes(waiting, jobs, progress, interrupted)
            if ray is None
            else _on_ray(waiting, ray, jobs, interrupted)
        ):
            note(result)
    return [results.get(job.source) or JobResult(job.source, job.folder, "interrupted") for job in todo]


def _on_ray(jobs: list[SourceJob], address: str, count: int, interrupted: Callable[[], bool]) -> Iterator[JobResult]:
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
        stopping = False
        while waiting or running:
            if interrupted() and not stopping:
                stopping = True
                waiting.clear()
                for under_way in running:
                    ray.cancel(under_way)  # Ctrl-C in its process: its files end whole
            while waiting and len(running) < count:
                job = waiting.pop(0)
                running[remote.remote(anywhere(job))] = job
            ended, _ = ray.wait(list(running), num_returns=1, timeout=_LOOK_SECONDS)
            if not ended:
                continue
            finished = ended[0]
            job = running.pop(finished)
            try:
                yield replace(ray.get(finished), source=job.source, folder=job.folder)
            except ray.exceptions.TaskCancelledError:
                yield JobResult(job.source, job.folder, "interrupted")
            except ray.exceptions.RayError as error:
                reason = " ".join(_COLOURS.sub("", str(error)).split())[:200]
                yield JobResult(job.source, job.folder, "failed", f"{job.source}: {reason}")
    finally:
        ray.shutdown()


def anywhere(job: SourceJob) -> SourceJob:
    """Return the job with absolute paths: a cluster's processes work in the folder in which it was started."""
    weights = job.detector.weights
    if weights is not None and not is_hub_address(weights):
        weights = weights.absolute()
    detector = replace(job.detector, weights=weights)
    source, folder = str(Path(job.source).absolute()), job.folder.absolute()
    return replace(job, source=source, folder=folder, detector=detector)


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
