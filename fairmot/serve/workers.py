"""Threads that run the queued jobs beside the event loop, one job at a time each."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairmot.config.tracker import TrackerConfig
from fairmot.errors import InputError
from fairmot.report.report import report
from fairmot.serve.hub import Hub
from fairmot.serve.job_options import JobOptions
from fairmot.serve.probe import permitted_path, permitted_stream
from fairmot.serve.settings import Settings
from fairmot.serve.store import WAITING, Job, JobStore
from fairmot.serve.tracking import STEM, Running, track_job
from fairmot.workflows.track.source_run import ImageDetector

PAGE, POSTER = "report.html", "poster.jpg"

_log = logging.getLogger("fairmot.serve")
_PROGRESS_SECONDS = 0.2
_PAUSE_SECONDS = 5.0
# Videos up to this size are embedded in the report; browsers limit strings to half a gigabyte.
_EMBED_BYTES = 200 * 2**20


class Workers:
    """Runs the jobs of a store.

    Args:
        store: holds the jobs and their outcomes.
        settings: number of threads, and limits.
        load: creates a detector; each thread has its own.
        config: parameters of the tracker.
        hub: rung whenever a job has changed.
    """

    def __init__(
        self, store: JobStore, settings: Settings, load: Callable[[], ImageDetector], config: TrackerConfig, hub: Hub
    ) -> None:
        self.store = store
        self.hub = hub
        self._settings = settings
        self._load = load
        self._config = config
        self._running: dict[str, Running] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._closed = False
        self._threads: list[threading.Thread] = []

    def start(self, bind: Callable[[Hub], None]) -> None:
        """Start the threads.

        Args:
            bind: binds the hub of a new job to the event loop.
        """
        self._bind = bind
        for number in range(self._settings.jobs):
            # Daemons, so that a library that hangs in a dead stream does not keep the server from ending.
            thread = threading.Thread(target=self._work, name=f"fairmot-serve-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> None:
        """Interrupt the running jobs, and wait up to ``seconds`` until their files are finished."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            for running in self._running.values():
                running.cancel()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        with self._changed:
            self._closed = True

    def wake(self) -> None:
        """Notify the threads of a new job."""
        with self._changed:
            self._changed.notify()
        self.hub.ring()

    def running(self, job_id: str) -> Running | None:
        """Return a running job; None if it does not run."""
        return self._running.get(job_id)

    def cancel(self, job_id: str) -> bool:
        """End a job that waits or runs; return False if it does neither."""
        # Under the lock, so that a job that is being taken is either queued or running.
        with self._changed:
            running = self._running.get(job_id)
            if running is not None:
                running.cancel()
                return True
            done = self.store.change(job_id, WAITING, state="cancelled", ended=time.time())
        if done:
            self.store.source_file(job_id).unlink(missing_ok=True)
            self.hub.ring()
        return done

    def _work(self) -> None:
        detector: ImageDetector | None = None
        while True:
            with self._changed:
                job = self._next()
                if job is None:
                    return
                running = self._running[job.id] = Running(job.id)
                self._bind(running.hub)
            self.hub.ring()
            try:
                detector = detector or self._load()
                outcome = self._run(job, running, detector)
            except InputError as error:
                outcome = {"state": "failed", "problem": str(error)}
            except Exception as error:  # a broken video must not stop the queue
                _log.exception("job %s", job.id)
                outcome = {"state": "failed", "problem": f"internal error ({type(error).__name__})"}
            try:
                self._end(job, running, outcome)
            except (sqlite3.Error, OSError):  # a full disk; the next start marks the job interrupted
                _log.exception("job %s", job.id)

    def _next(self) -> Job | None:
        """Wait for a job and return it; None when the workers stop. The caller holds the lock."""
        while not self._stopping:
            try:
                if (job := self.store.take()) is not None:
                    return job
                self._changed.wait()
            except sqlite3.Error:
                _log.exception("the queue cannot be read")
                self._changed.wait(_PAUSE_SECONDS)
        return None

    def _run(self, job: Job, running: Running, detector: ImageDetector) -> dict[str, Any]:
        folder = self.store.result_folder(job.id)
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier attempt
        folder.mkdir()
        last = 0.0

        def changed() -> None:
            nonlocal last
            if time.monotonic() - last >= _PROGRESS_SECONDS:
                last = time.monotonic()
                self.hub.ring()

        source: Path | str = self.store.source_file(job.id)
        # Checked again: the server may have been restarted with other permissions.
        if job.kind == "path":
            source = permitted_path(job.source, self._settings)
        elif job.kind == "stream":
            source = permitted_stream(job.source, self._settings)[0]
        options = JobOptions.model_validate_json(job.options)
        if options.blur:
            self.store.frame_file(job.id).unlink(missing_ok=True)
        run = track_job(source, job.name, folder, detector, self._config, self._settings, options, running, changed)
        if running.view is not None and running.view.poster is not None:
            (folder / POSTER).write_bytes(running.view.poster)
        problem = run.problem
        if run.frame_count == 0 and not run.interrupted:
            return {"state": "failed", "problem": problem or "no frame could be read"}
        if not run.interrupted:
            running.stage = "report"
            self.hub.ring()
            try:
                self._report(folder, running)
            except _CancelledError:
                return {"state": "cancelled", "problem": problem}
            except InputError as error:
                _log.warning("job %s: no report page: %s", job.id, error)
        return {"state": "cancelled" if run.interrupted else "done", "problem": problem}

    def _report(self, folder: Path, running: Running) -> None:
        def progress(name: str, done: int, total: int | None) -> None:
            if running.cancelled.is_set():
                raise _CancelledError

        video = folder / f"{STEM}.mp4"
        embed = video.is_file() and video.stat().st_size <= _EMBED_BYTES
        report(folder, output=folder / PAGE, embed=embed, progress=progress)

    def _end(self, job: Job, running: Running, outcome: dict[str, Any]) -> None:
        if outcome["state"] == "cancelled" and self._stopping:
            outcome = {"state": "interrupted", "problem": "the server was stopped while the job was running"}
        if outcome.get("problem"):
            # Clients must not learn paths of the server.
            for path in (job.source, str(self.store.source_file(job.id)), str(self.store.result_folder(job.id))):
                outcome["problem"] = outcome["problem"].replace(path, job.name)
        try:
            with self._changed:
                if self._closed:  # too late: the next start marks the job interrupted
                    return
                self.store.change(
                    job.id,
                    ended=time.time(),
                    frames=running.frames,
                    frame_total=running.frame_total,
                    identities=running.identities,
                    **outcome,
                )
                if job.kind == "upload" and outcome["state"] != "interrupted":
                    # An interrupted job can be restarted.
                    self.store.source_file(job.id).unlink(missing_ok=True)
        finally:
            with self._changed:
                del self._running[job.id]
            running.hub.close()
            self.hub.ring()


class _CancelledError(Exception):
    """The user ended the job."""
