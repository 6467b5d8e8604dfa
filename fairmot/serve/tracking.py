"""Track the source of one job while people watch it and may cancel it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fairmot.config.tracker import TrackerConfig
from fairmot.detections import Tracks
from fairmot.files import replacing
from fairmot.formats.run_file import RUN_FILE
from fairmot.media.sources.source import Frame
from fairmot.serve.hub import Hub
from fairmot.serve.live_view import LiveView
from fairmot.serve.settings import Settings
from fairmot.workflows.track.track import ImageDetector, SourceRun, Stop, TrackRun, track

STEM = "tracks"
"""Of the result files, whatever the client called its video."""


@dataclass
class Running:
    """A job that is under way, as other threads see it."""

    job_id: str
    hub: Hub = field(default_factory=Hub)
    """Told about new images, and closed at the end."""
    stage: str = "open"
    """``open``, ``track``, then ``report``."""
    frames: int = 0
    frame_total: int | None = None
    identities: int = 0
    view: LiveView | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    stop: Stop = field(default_factory=Stop)

    def cancel(self) -> None:
        """Let it end soon, also where it waits for a stream's next frame."""
        self.cancelled.set()
        self.stop.set()


def track_job(
    source: Path | str,
    shown: str,
    folder: Path,
    detector: ImageDetector,
    config: TrackerConfig,
    settings: Settings,
    running: Running,
    progress: Callable[[], None],
) -> TrackRun:
    """Track a source into a folder, up to the limits; after ``cancel`` the files are whole up to there.

    Args:
        source: a file that was probed, or a stream that is permitted.
        shown: what the client calls it.
        folder: gets ``tracks.txt``, ``tracks.mp4`` and ``run.json``.
        detector: this thread's own.
        config: constants of the tracker.
        settings: limits.
        running: brought up to date, and asked whether to go on.
        progress: called after every frame.

    Raises:
        InputError: the source cannot be opened, or the results cannot be written.
    """
    begun: float | None = None

    def watch(run: SourceRun, frame: Frame, tracks: Tracks) -> None:
        nonlocal begun
        now = time.monotonic()
        if begun is None or running.view is None:
            begun = now
            running.stage = "track"
            running.frame_total = run.reader.frame_count
            running.view = LiveView(run.reader.size, running.hub)
        running.frames, running.identities = run.frame_count, run.identity_count
        running.view.offer(frame, tracks)
        progress()
        # A stream's own clock may stand still, or jump.
        seconds = max(frame.seconds, now - begun) if run.reader.is_live else frame.seconds
        if seconds >= settings.max_seconds:
            running.stop.set(f"stopped after {settings.max_seconds:g} s, the limit of this server")

    (run,) = track(
        source,
        detector,
        config,
        output=folder,
        names=[STEM],
        overwrite=True,
        end=settings.max_frames,
        watch=watch,
        stop=running.stop,
    )
    _tell_name(folder / RUN_FILE, shown)
    return run


def _tell_name(path: Path, shown: str) -> None:
    """Put the client's name in place of the server's path, which is nobody's business."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["sources"][STEM]["source"] = shown
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
