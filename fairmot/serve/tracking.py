"""Track the source of one job while people watch it and may cancel it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fairmot.detections import Detections, Tracks
from fairmot.files import replacing
from fairmot.media.frames import FrameReader, read_frames
from fairmot.media.locations import without_password
from fairmot.media.results import ResultFiles
from fairmot.media.source import Frame
from fairmot.run_file import RUN_FILE, save_run
from fairmot.serve.hub import Hub
from fairmot.serve.live_view import LiveView
from fairmot.serve.settings import Settings
from fairmot.source_run import Detector, SourceRun, TrackRun
from fairmot.tracker_config import TrackerConfig

STEM = "tracks"
"""Of the result files, whatever the client called its video."""


@dataclass
class Running:
    """A job that is under way, as other threads see it."""

    job_id: str
    hub: Hub = field(default_factory=Hub)
    """Told about new pictures, and closed at the end."""
    stage: str = "open"
    """``open``, ``track``, then ``report``."""
    frames: int = 0
    frame_total: int | None = None
    identities: int = 0
    view: LiveView | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    reader: FrameReader | None = None

    def cancel(self) -> None:
        """Let it end soon, also where it waits for a stream's next frame."""
        self.cancelled.set()
        if self.reader is not None:
            self.reader.stop()


def track_job(
    source: Path | str,
    shown: str,
    folder: Path,
    detector: Detector,
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
    reader = read_frames(source, end=settings.max_frames)
    running.reader = reader
    running.frame_total = reader.frame_count
    running.view = LiveView(reader.size, running.hub)
    seen: set[int] = set()

    def watch(frame: Frame, tracks: Tracks) -> None:
        running.frames += 1
        seen.update(tracks.ids.tolist())
        running.identities = len(seen)
        assert running.view is not None
        running.view.offer(frame, tracks)

    files = _WatchedFiles(folder, reader, watch)
    run = SourceRun(without_password(str(source)), STEM, reader, files, config)
    running.stage = "track"
    begun = time.monotonic()
    with run:
        if not running.cancelled.is_set():
            for frame in reader:
                run.take(frame, detector(frame.image))
                progress()
                # A stream's own clock may stand still, or jump.
                seconds = max(frame.seconds, time.monotonic() - begun) if reader.is_live else frame.seconds
                if running.cancelled.is_set():
                    break
                if seconds >= settings.max_seconds:
                    run.read_error = f"stopped after {settings.max_seconds:g} s, the limit of this server"
                    break
        run.interrupted = running.cancelled.is_set()
        run.finish(detector)
    save_run(folder, [run], detector, config)
    _tell_name(folder / RUN_FILE, shown)
    return run.report()


def _tell_name(path: Path, shown: str) -> None:
    """Put the client's name in place of the server's path, which is nobody's business."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["sources"][STEM]["source"] = shown
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class _WatchedFiles(ResultFiles):
    """Result files that also show somebody what is written."""

    def __init__(self, folder: Path, reader: FrameReader, watch: Callable[[Frame, Tracks], None]) -> None:
        super().__init__(folder, STEM, reader.size, reader.frame_rate)
        self._watch = watch

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        super().write(frame, tracks, detections)
        self._watch(frame, tracks)
