"""Streaming responses: live frames of a job, changes of all jobs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

from fairmot.serve.hub import Hub
from fairmot.serve.store import Job
from fairmot.serve.tracking import Running
from fairmot.serve.views import JobView

_KEEP_ALIVE_SECONDS = 10.0
_SHORTEST_PAUSE_SECONDS = 0.1
MEDIA_TYPE = "multipart/x-mixed-replace; boundary=fairmot-frame"


async def live_frames(server: Hub, running: Running) -> AsyncIterator[bytes]:
    """Yield motion JPEG until the job or the server ends."""
    opening = b"--fairmot-frame\r\n"
    yield opening
    seen, shown = -1, None
    counted = None
    try:
        while not (running.hub.closed or server.closed):
            if counted is None and running.view is not None:
                counted = running.view
                counted.watcher_count += 1
            image = None if counted is None else counted.image
            if image is not None and image is not shown:
                shown = image
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n\r\n".encode()
                # The next boundary goes with the frame: browsers show a frame when they have seen its end.
                yield head + image + b"\r\n" + opening
            seen = await running.hub.wait(seen, 0.25)
    finally:
        if counted is not None:
            counted.watcher_count -= 1


async def changes(
    server: Hub, list_jobs: Callable[[], list[Job]], describe: Callable[[Job], JobView]
) -> AsyncIterator[str]:
    """Yield server-sent events until the server ends: every job, then those that change or are deleted."""
    sent: dict[str, tuple[Job, str]] = {}

    def news() -> str:
        listed = list_jobs()
        events = []
        for job in listed:
            before = sent.get(job.id)
            # Jobs that did not change are not described again: there may be thousands.
            if before is not None and before[0] == job and job.state != "running":
                continue
            text = describe(job).model_dump_json()
            if before is None or before[1] != text:
                events.append(f"event: job\ndata: {text}\n\n")
            sent[job.id] = (job, text)
        for job_id in sent.keys() - {job.id for job in listed}:
            del sent[job_id]
            events.append(f"event: gone\ndata: {json.dumps(job_id)}\n\n")
        return "".join(events)

    seen, last_sent = server.version, time.monotonic()
    yield "retry: 1000\n\n"
    while not server.closed:
        events = await run_in_threadpool(news)
        if events or time.monotonic() - last_sent > _KEEP_ALIVE_SECONDS:
            last_sent = time.monotonic()
            yield events or ": keep-alive\n\n"
        # Limits the rate of events: a job may track many frames a second.
        await asyncio.sleep(_SHORTEST_PAUSE_SECONDS)
        seen = await server.wait(seen, 1.0)
