"""The state that all routes use, and how jobs are created."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from fairmot.config.tracker import TrackerConfig
from fairmot.errors import InputError
from fairmot.media.sources.frames import read_frames
from fairmot.serve.hub import Hub
from fairmot.serve.job_options import JobOptions
from fairmot.serve.live_view import small_jpeg
from fairmot.serve.probe import Media, permitted_path, permitted_stream, probe
from fairmot.serve.settings import Settings
from fairmot.serve.store import Job, JobStore, Kind, State, new_id
from fairmot.serve.uploads import save_body
from fairmot.serve.workers import Workers
from fairmot.workflows.track.source_run import ImageDetector

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Model:
    """Detector and tracker."""

    load: Callable[[], ImageDetector]
    config: TrackerConfig
    description: str


class Service:
    """The job store, the workers and the hub of one server.

    Args:
        settings: how the server runs.
        model: detector and tracker.

    Raises:
        InputError: the folder of the jobs cannot be used.
    """

    def __init__(self, settings: Settings, model: Model) -> None:
        self.settings = settings
        self.model = model
        self.store = JobStore(settings.folder)
        self.store.recover()
        self.hub = Hub()
        self.workers = Workers(self.store, settings, model.load, model.config, self.hub)
        self._uploads = 0

    def start(self) -> None:
        """Start the workers; called in the event loop."""
        loop = asyncio.get_running_loop()
        self.hub.bind(loop)
        self.workers.start(lambda hub: hub.bind(loop))

    def stop(self, seconds: float) -> None:
        """Interrupt the jobs and release the folder."""
        self.workers.stop(seconds)
        self.store.close()

    async def upload(self, request: Request, name: str, options: JobOptions, hold: bool = False) -> Job:
        """Save the video in the body of a request, check it and queue or hold a job for it.

        Raises:
            HTTPException: the video is refused; nothing of it stays.
        """
        if self._uploads >= self.settings.max_uploads:
            raise HTTPException(429, "too many uploads at once; try again in a moment", {"retry-after": "5"})
        self._uploads += 1
        try:
            job_id = new_id()
            path = self.store.source_file(job_id)
            await save_body(request, path, self.settings)
            try:
                shown = shown_name(name)
                return await self._probed(self._job(job_id, shown, "upload", str(path.resolve()), hold), path, options)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        finally:
            self._uploads -= 1

    async def named(self, path: str | None, stream: str | None, options: JobOptions, hold: bool = False) -> Job:
        """Queue or hold a job for a source that the client named, where that is permitted.

        Raises:
            HTTPException: it is refused.
        """
        if (path is None) == (stream is None):
            raise HTTPException(422, "give either path or stream")
        try:
            if path is not None:
                file = permitted_path(path, self.settings)
                job = self._job(new_id(), shown_name(file.name), "path", str(file), hold)
                return await self._probed(job, file, options)
            assert stream is not None
            address, shown = permitted_stream(stream, self.settings)
        except InputError as error:
            raise HTTPException(403 if "not permitted" in str(error) else 422, str(error)) from error
        job = self._job(new_id(), shown_name(shown), "stream", address, hold)
        return await self._checked(job, options, lambda: _probe_stream(address, shown, self.settings, hold))

    def release(self, job: Job, states: tuple[State, ...], options: JobOptions | None) -> bool:
        """Queue a job that is held or has ended, with other options if they are given.

        Returns:
            False if it is in none of these states any more.

        Raises:
            HTTPException: a line or zone lies outside of its frames.
        """
        fresh: dict[str, Any] = {"state": "queued", "started": None, "ended": None, "problem": None}
        if options is not None:
            try:
                options.check_size((job.width, job.height))
            except InputError as error:
                raise HTTPException(422, str(error)) from error
            fresh["options"] = options.model_dump_json()
        changed = self.store.change(job.id, states, created=time.time(), frames=0, identities=0, **fresh)
        if changed:
            self.workers.wake()
        return changed

    async def _probed(self, job: Job, path: Path, options: JobOptions) -> Job:
        return await self._checked(job, options, lambda: probe(path, job.name, self.settings))

    async def _checked(self, job: Job, options: JobOptions, check: Callable[[], Media]) -> Job:
        def all_checked() -> Media:
            media = check()
            options.check_size((media.width, media.height))
            return media

        try:
            media = await run_in_threadpool(all_checked)
        except InputError as error:
            raise HTTPException(422, str(error)) from error
        return await run_in_threadpool(self._add, job, media, options)

    @staticmethod
    def _job(job_id: str, name: str, kind: Kind, source: str, hold: bool) -> Job:
        return Job(job_id, name, kind, source, "held" if hold else "queued")

    def _add(self, job: Job, media: Media, options: JobOptions) -> Job:
        made = replace(
            job,
            created=time.time(),
            frame_total=media.frame_count,
            width=media.width,
            height=media.height,
            frame_rate=media.frame_rate,
            options=options.model_dump_json(),
        )
        # Of people who are to be blurred, only whoever draws lines first sees a frame.
        if media.first is not None and (job.state == "held" or not options.blur):
            self.store.frame_file(job.id).write_bytes(small_jpeg(media.first))
        if not self.store.add(made, self.settings.max_waiting):
            self.store.frame_file(job.id).unlink(missing_ok=True)
            raise HTTPException(
                429, f"the queue is full ({self.settings.max_waiting} jobs); try later", {"retry-after": "60"}
            )
        self.workers.wake()
        return made


def shown_name(text: str) -> str:
    """Return a client's name for its video, without folders and characters that control a line or its direction."""
    name = text.replace("\\", "/").rstrip("/").rpartition("/")[2] if "://" not in text else text
    visible = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    return visible.strip()[:_LONGEST_NAME] or "video"


def _probe_stream(address: str, shown: str, settings: Settings, reads: bool) -> Media:
    """Open a stream briefly and return its properties, and its first frame if it ``reads``."""
    reader = read_frames(address)
    try:
        first = next((frame.image for frame in reader), None) if reads else None
    finally:
        with suppress(OSError):
            reader.close()
    if reader.size[0] * reader.size[1] > settings.max_pixels:
        raise InputError(f"{shown}: frames of {reader.size[0]} x {reader.size[1]} pixels are too large")
    return Media(*reader.size, reader.frame_rate, reader.frame_count, first)
