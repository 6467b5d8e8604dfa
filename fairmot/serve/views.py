"""The types of the API's requests and answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fairmot.serve.job_options import JobOptions
from fairmot.serve.store import ENDED, Job, JobStore, Kind, State
from fairmot.serve.tracking import STEM, Running
from fairmot.serve.workers import PAGE, POSTER, Workers

COUNTS = f"{STEM}.counts.json"
RESULTS = {
    f"{STEM}.txt": ("text/plain; charset=utf-8", ".txt"),
    f"{STEM}.mp4": ("video/mp4", ".mp4"),
    f"{STEM}.lines.csv": ("text/csv; charset=utf-8", ".lines.csv"),
    f"{STEM}.zones.csv": ("text/csv; charset=utf-8", ".zones.csv"),
    COUNTS: ("application/json", ".counts.json"),
    PAGE: ("text/html; charset=utf-8", ".html"),
    "run.json": ("application/json", ".run.json"),
    POSTER: ("image/jpeg", ".jpg"),
}
"""File of a job -> media type, and the ending of the name under which browsers save it."""


class ResultView(BaseModel):
    """A file that a job wrote."""

    name: str = Field(examples=["tracks.txt"])
    url: str
    bytes: int


class CountView(BaseModel):
    """What a line or a zone counted."""

    name: str
    kind: Literal["line", "zone"]
    came_in: int | None = Field(None, description="Of a line: crossings to its left-hand side.")
    went_out: int | None = Field(None, description="Of a line: crossings the other way.")
    identities: int | None = Field(None, description="Of a zone: different identities inside.")
    most_at_once: int | None = Field(None, description="Of a zone.")


class JobView(BaseModel):
    """A job."""

    id: str = Field(examples=["0123456789abcdef"])
    name: str = Field(description="The client's name for its source.", examples=["street.mp4"])
    kind: Kind
    state: State
    stage: str | None = Field(description="Stage of a running job: open, track or report; else null.")
    created: datetime
    started: datetime | None
    ended: datetime | None
    seconds: float = Field(description="Running time so far, in seconds.")
    frames: int = Field(description="Frames tracked.")
    frame_total: int | None = Field(description="Frames to expect; null: unknown, or a stream without end.")
    identities: int = Field(description="Number of identities so far.")
    width: int
    height: int
    frame_rate: float
    problem: str | None = Field(description="What went wrong, in one line.")
    can_restart: bool
    options: JobOptions
    frame: str | None = Field(description="Address of the first frame, a JPEG; null: there is none.")
    counts: list[CountView] = Field(description="What lines and zones counted so far.")
    results: list[ResultView]


class NewSource(BaseModel):
    """A source that the server opens: a path or a stream, where it permits that."""

    model_config = ConfigDict(extra="forbid")

    path: str | None = Field(None, max_length=1000, description="Path of a video, relative to the permitted folder.")
    stream: str | None = Field(None, max_length=2000, description="Address of a stream.")
    hold: bool = Field(False, description="Wait for `/start` before the job is queued.")
    options: JobOptions = JobOptions()


class Limits(BaseModel):
    """The limits of the server."""

    max_upload_bytes: int
    max_seconds: float
    max_frames: int
    max_waiting: int
    jobs: int


class ServerView(BaseModel):
    """The server."""

    version: str
    detector: str = Field(examples=["lite in openvino at 576x320"])
    trackers: list[str] = Field(description="Tracker presets that a job can name.")
    limits: Limits
    allows_paths: bool
    allows_streams: bool
    needs_token: bool


def job_view(job: Job, workers: Workers) -> JobView:
    """Describe a job in its current state."""
    running = workers.running(job.id)
    end = job.ended
    if running is not None and job.state == "running":
        end = datetime.now(UTC).timestamp()
    else:
        running = None
    return JobView(
        id=job.id,
        name=job.name,
        kind=job.kind,
        state=job.state,
        stage=None if running is None else running.stage,
        created=_moment(job.created) or datetime.now(UTC),
        started=_moment(job.started),
        ended=_moment(job.ended),
        seconds=round(max(0.0, end - job.started), 2) if end and job.started else 0.0,
        frames=(running or job).frames,
        frame_total=_total(job, running),
        identities=(running or job).identities,
        width=job.width,
        height=job.height,
        frame_rate=job.frame_rate,
        problem=job.problem,
        can_restart=can_restart(job, workers.store),
        options=JobOptions.model_validate_json(job.options),
        frame=f"/api/jobs/{job.id}/frame" if workers.store.frame_file(job.id).is_file() else None,
        counts=_counts(job, running, workers.store),
        results=_results(job, workers.store) if job.state in ENDED else [],
    )


def can_restart(job: Job, store: JobStore) -> bool:
    """Whether an unsuccessful job can be restarted: its source still exists."""
    if job.state not in ("failed", "cancelled", "interrupted"):
        return False
    return bool(job.source) and (job.kind != "upload" or store.source_file(job.id).is_file())


def _counts(job: Job, running: Running | None, store: JobStore) -> list[CountView]:
    totals = None if running is None else running.counts
    if job.state in ENDED:
        try:
            totals = json.loads((store.result_folder(job.id) / COUNTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            totals = None
    if totals is None:
        return []
    lines = [
        CountView(name=line["name"], kind="line", came_in=line["in"], went_out=line["out"]) for line in totals["lines"]
    ]
    zones = [
        CountView(name=zone["name"], kind="zone", identities=zone["identities"], most_at_once=zone["most_at_once"])
        for zone in totals["zones"]
    ]
    return [*lines, *zones]


def _results(job: Job, store: JobStore) -> list[ResultView]:
    folder = store.result_folder(job.id)
    found = []
    for name in RESULTS:
        try:
            size = (folder / name).stat().st_size
        except OSError:
            continue
        found.append(ResultView(name=name, url=f"/api/jobs/{job.id}/results/{name}", bytes=size))
    return found


def _total(job: Job, running: Running | None) -> int | None:
    return job.frame_total if running is None or running.frame_total is None else running.frame_total


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
