"""The HTTP API under ``/api``: uploads, jobs, live views, results."""

from __future__ import annotations

from functools import partial
from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ValidationError

import fairmot
from fairmot.config.tracker import PRESETS
from fairmot.serve.job_options import JobOptions, UploadQuery
from fairmot.serve.service import Service
from fairmot.serve.store import ENDED, WAITING, Job
from fairmot.serve.streams import MEDIA_TYPE, changes, live_frames
from fairmot.serve.views import RESULTS, JobView, Limits, NewSource, ServerView, can_restart, job_view
from fairmot.serve.workers import PAGE

# The report contains its scripts; they may not connect anywhere.
_REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "media-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


_UNREADABLE = {
    "model": Problem,
    "description": "A parameter is invalid, or the video is unreadable, too long or too large.",
}
router = APIRouter(prefix="/api", responses={422: _UNREADABLE})


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Shared = Annotated[Service, Depends(_service)]
JobId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The job's id.")]


def _refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    texts = {
        400: "The body is empty, or the upload was interrupted.",
        403: "The server does not permit this.",
        404: "No such job or result.",
        409: "The job is not in a state that permits this.",
        413: "The upload is too large.",
        429: "The queue is full, or too many uploads run at once.",
        507: "The server's disk is full.",
    }
    return {code: {"model": Problem, "description": texts[code]} for code in codes}


def _find(service: Service, job_id: str) -> Job:
    job = service.store.get(job_id)
    if job is None:
        raise HTTPException(404, "no such job")
    return job


def _view(service: Service, job: Job) -> JobView:
    return job_view(job, service.workers)


@router.get("/server", tags=["server"], summary="What the server runs and accepts")
def server(service: Shared) -> ServerView:
    """Return version, detector and limits."""
    settings = service.settings
    return ServerView(
        version=fairmot.__version__,
        trackers=list(PRESETS),
        detector=service.model.description,
        limits=Limits(**{name: getattr(settings, name) for name in Limits.model_fields}),
        allows_paths=settings.allow_paths is not None,
        allows_streams=settings.allow_streams,
        needs_token=settings.token is not None,
    )


@router.post(
    "/uploads",
    tags=["jobs"],
    summary="Upload a video",
    status_code=201,
    responses=_refusals(400, 413, 429, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The file itself, as `curl -T street.mp4` sends it.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(
    request: Request,
    service: Shared,
    query: Annotated[UploadQuery, Query()],
) -> JobView:
    """Check the video and queue a job for it. The server deletes the video when the job has ended."""
    try:
        options = query.options()
    except ValidationError as error:
        raise RequestValidationError(
            [{**fault, "loc": ("query", *fault["loc"])} for fault in error.errors()]
        ) from error
    return _view(service, await service.upload(request, query.name, options, query.hold))


@router.post(
    "/jobs",
    tags=["jobs"],
    summary="Track a video on the server, or a stream",
    status_code=201,
    responses=_refusals(403, 429),
)
async def create(source: NewSource, service: Shared) -> JobView:
    """Queue a job for a source that the server permits (`fairmot serve --allow-paths`, `--allow-streams`)."""
    return _view(service, await service.named(source.path, source.stream, source.options, source.hold))


@router.get("/jobs", tags=["jobs"], summary="All jobs")
def jobs(service: Shared) -> list[JobView]:
    """Return all jobs, the newest first."""
    return _all(service)


@router.get("/jobs/{job_id}", tags=["jobs"], summary="One job", responses=_refusals(404))
def job(job_id: JobId, service: Shared) -> JobView:
    """Return state and progress of a job."""
    return _view(service, _find(service, job_id))


@router.post("/jobs/{job_id}/cancel", tags=["jobs"], summary="Cancel a job", responses=_refusals(404, 409))
def cancel(job_id: JobId, service: Shared) -> JobView:
    """End a job that waits or runs. Its results cover the frames tracked so far."""
    _find(service, job_id)
    if not service.workers.cancel(job_id):
        raise HTTPException(409, "the job has ended already")
    return _view(service, _find(service, job_id))


@router.post("/jobs/{job_id}/start", tags=["jobs"], summary="Start a held job", responses=_refusals(404, 409))
def start(job_id: JobId, service: Shared, options: JobOptions | None = None) -> JobView:
    """Queue a job that was added with `hold`. Options in the body replace all that it was added with."""
    found = _find(service, job_id)
    if not service.release(found, ("held",), options):
        raise HTTPException(409, "the job is not held")
    return _view(service, _find(service, job_id))


@router.post("/jobs/{job_id}/restart", tags=["jobs"], summary="Restart a job", responses=_refusals(404, 409, 429))
def restart(job_id: JobId, service: Shared, options: JobOptions | None = None) -> JobView:
    """Queue an interrupted, cancelled or failed job again, if its source still exists. Options replace its own."""
    found = _find(service, job_id)
    if not can_restart(found, service.store):
        raise HTTPException(409, "the job succeeded, has not ended, or its video or address is gone: add it again")
    if sum(each.state in WAITING for each in service.store.all()) >= service.settings.max_waiting:
        raise HTTPException(429, f"the queue is full ({service.settings.max_waiting} jobs); try later")
    if not service.release(found, ("failed", "cancelled", "interrupted"), options):
        raise HTTPException(409, "the job is in the queue already")
    return _view(service, _find(service, job_id))


@router.delete(
    "/jobs/{job_id}",
    tags=["jobs"],
    summary="Delete a job",
    status_code=204,
    response_model=None,
    responses=_refusals(404, 409),
)
def delete(job_id: JobId, service: Shared) -> None:
    """Delete a job that has ended, and all its files."""
    _find(service, job_id)
    if not service.store.delete(job_id):
        raise HTTPException(409, "the job has not ended: cancel it first")
    service.hub.ring()


@router.get(
    "/jobs/{job_id}/frame",
    tags=["jobs"],
    summary="The first frame of a job",
    response_class=FileResponse,
    responses=_refusals(404),
)
def frame(job_id: JobId, service: Shared) -> FileResponse:
    """Return a JPEG of at most 960 pixels a side, on which lines and zones can be drawn."""
    path = service.store.frame_file(_find(service, job_id).id)
    if not path.is_file():
        raise HTTPException(404, "no first frame: the stream was not held, or people in it are blurred")
    return FileResponse(path, media_type="image/jpeg", headers={"cache-control": "private, no-cache"})


@router.get(
    "/jobs/{job_id}/results/{name}",
    tags=["results"],
    summary="A file that the job wrote",
    response_class=FileResponse,
    responses=_refusals(404),
)
def result(
    job_id: JobId,
    name: Annotated[str, Path(description=f"One of {', '.join(RESULTS)}.")],
    service: Shared,
    download: Annotated[bool, Query(description="Make browsers save the file instead of showing it.")] = False,
) -> FileResponse:
    """Return rows (MOTChallenge text), the drawn video, counts, the report page or `run.json`. Range requests work."""
    found = _find(service, job_id)
    path = service.store.result_folder(job_id) / name if name in RESULTS else None
    if path is None or found.state not in ENDED or not path.is_file():
        raise HTTPException(404, "no such result")
    media_type, suffix = RESULTS[name]
    headers = {"cache-control": "private, no-cache"}
    if name == PAGE:
        headers["content-security-policy"] = _REPORT_POLICY
    return FileResponse(
        path,
        media_type=media_type,
        headers=headers,
        filename=f"{PurePath(found.name).stem or 'video'}{suffix}",
        content_disposition_type="attachment" if download else "inline",
    )


@router.get(
    "/jobs/{job_id}/live",
    tags=["live"],
    summary="Watch a running job",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"multipart/x-mixed-replace": {}}, "description": "Motion JPEG"},
        **_refusals(404, 409),
    },
)
async def live(job_id: JobId, service: Shared) -> StreamingResponse:
    """Stream frames with drawn tracks as motion JPEG while the job runs; `<img src=...>` shows it."""
    running = service.workers.running(job_id)
    if running is None:
        _find(service, job_id)
        raise HTTPException(409, "the job is not running")
    return StreamingResponse(live_frames(service.hub, running), media_type=MEDIA_TYPE)


@router.get(
    "/events",
    tags=["live"],
    summary="Watch all jobs",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}},
)
async def events(service: Shared) -> StreamingResponse:
    """Stream an event `job` for each job, at first and at each change, and `gone` with the id of a deleted one."""
    news = changes(service.hub, service.store.all, partial(_view, service))
    return StreamingResponse(news, media_type="text/event-stream")


def _all(service: Service) -> list[JobView]:
    return [_view(service, each) for each in reversed(service.store.all())]
