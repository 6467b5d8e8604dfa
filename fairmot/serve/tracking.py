"""Track the source of one job, with a live view, until it ends or is cancelled."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairmot.config.tracker import TrackerConfig
from fairmot.detections import Tracks
from fairmot.files import replacing
from fairmot.formats.run_file import RUN_FILE
from fairmot.media.sources.frame import Frame
from fairmot.serve.hub import Hub
from fairmot.serve.job_options import JobOptions
from fairmot.serve.live_view import LiveView
from fairmot.serve.settings import Settings
from fairmot.workflows.track.track import ImageDetector, SourceRun, Stop, TrackRun, track

STEM = "tracks"
"""Stem of the result files, whatever the client named its video."""


@dataclass
class Running:
    """A running job, as other threads see it."""

    job_id: str
    hub: Hub = field(default_factory=Hub)
    """Rung for new frames, and closed at the end."""
    stage: str = "open"
    """``open``, ``track``, then ``report``."""
    frames: int = 0
    frame_total: int | None = None
    identities: int = 0
    counts: dict[str, Any] | None = None
    """What lines and zones counted so far, as in ``tracks.counts.json``."""
    view: LiveView | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    stop: Stop = field(default_factory=Stop)

    def cancel(self) -> None:
        """Make it end soon, even while it waits for a stream's next frame."""
        self.cancelled.set()
        self.stop.set()


def track_job(
    source: Path | str,
    shown: str,
    folder: Path,
    detector: ImageDetector,
    config: TrackerConfig,
    settings: Settings,
    options: JobOptions,
    running: Running,
    changed: Callable[[], None],
) -> TrackRun:
    """Track a source into a folder, within the limits; after ``cancel`` the files cover the frames tracked so far.

    Args:
        source: a file that was probed, or a stream that is permitted.
        shown: the client's name for it.
        folder: gets ``tracks.txt``, ``tracks.mp4``, what was counted, and ``run.json``.
        detector: used by this thread alone.
        config: parameters of the tracker of the server.
        settings: limits.
        options: of the job.
        running: kept up to date; its ``stop`` ends the run.
        changed: called after every frame.

    Raises:
        InputError: the source cannot be opened, or the results cannot be written.
    """
    begun: float | None = None
    watched: SourceRun | None = None

    def watch(run: SourceRun, frame: Frame, tracks: Tracks) -> None:
        nonlocal begun, watched
        now = time.monotonic()
        if begun is None or running.view is None:
            begun, watched = now, run
            running.stage = "track"
            running.frame_total = run.reader.frame_count
            running.view = LiveView(running.hub)
        running.frames, running.identities = run.frame_count, run.identity_count
        running.counts = run.files.counts
        running.view.offer(run.files.drawn, len(tracks))
        changed()
        # A stream's own clock may stop or jump.
        seconds = max(frame.seconds, now - begun) if run.reader.is_live else frame.seconds
        if seconds >= settings.max_seconds:
            running.stop.set(f"stopped after {settings.max_seconds:g} s, the limit of this server")

    (run,) = track(
        source,
        detector,
        options.tracker_config(config),
        output=folder,
        names=[STEM],
        overwrite=True,
        outputs=options.outputs(),
        end=settings.max_frames,
        watch=watch,
        stop=running.stop,
    )
    if watched is not None and running.view is not None and running.view.poster is None:
        running.view.offer(watched.files.drawn, 0)  # a short video, drawn after it was tracked
    _hide_path(folder / RUN_FILE, shown)
    return run


def _hide_path(path: Path, shown: str) -> None:
    """Replace the server's path in ``run.json`` by the client's name, since clients must not learn it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["sources"][STEM]["source"] = shown
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
