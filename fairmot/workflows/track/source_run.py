"""One source on its way through ``track``: its tracker, its files, its counts and times."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks, as_detections
from fairmot.formats.recordings import SUFFIX, Recorder, told_by
from fairmot.media.outputs.results import ResultFiles
from fairmot.media.sources.frame_clock import FrameClock
from fairmot.media.sources.frames import Frame, FrameReader

RECORD_SUFFIX = ".record.npz"
"""Of the tracker's record, after the source's name."""


Observer = Callable[[str, int, Detections], None]
"""Called with the source's name, the index of a frame in it and what the detector found there."""


Watcher = Callable[["SourceRun", Frame, Tracks], None]
"""Called with the run of a source (its ``name``, ``reader`` and counts), each frame and what was tracked in it."""


class Detector(Protocol):
    """Anything that finds objects in an image (``fairmot.load_detector()``).

    It may have a method ``batch``, which takes several images. With a method ``prepare`` it gets what that made of a
    image in the reading thread, in place of the image.
    """

    def __call__(self, image: Any) -> Detections:
        """Take a BGR image [H, W, 3], uint8, return what was found, image pixels."""
        ...


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds a frame.

    The first four follow each other and add up to the time of a frame; ``decode`` with ``prepare`` and
    ``draw_and_encode`` run in background threads meanwhile and cost time only where a wait shows it.
    """

    wait_for_frame: float = 0.0
    detect: float = 0.0
    track: float = 0.0
    wait_for_writer: float = 0.0
    decode: float = 0.0
    draw_and_encode: float = 0.0
    prepare: float = 0.0

    @property
    def limit(self) -> str:
        """Which of decode, detect, track, and draw and encode the others wait for: the longest.

        Preparing counts as decoding, since one thread does both.
        """
        times = {
            "decode": self.decode + self.prepare,
            "detect": self.detect,
            "track": self.track,
            "draw_and_encode": self.draw_and_encode,
        }
        return max(times, key=times.__getitem__)


@dataclass(frozen=True, slots=True)
class TrackRun:
    """What tracking one source gave."""

    name: str
    """Name of the source and stem of its files."""
    text: Path
    """Result rows, MOTChallenge format."""
    video: Path | None
    """The drawn video; None where none was wanted or there was no frame."""
    frame_count: int
    """Frames tracked."""
    row_count: int
    """Boxes written."""
    identity_count: int
    """Different identities among them."""
    seconds: float
    """Time it took, opening of the source and loading of the detector aside."""
    milliseconds: StageTimes
    """Where the time went."""
    problem: str | None = None
    """What could not be read, in one line: the results cover the rest."""
    interrupted: bool = False
    """Ctrl-C, or a ``Stop`` without a reason, ended it early: the files are complete up to there, later sources were
    not begun."""
    detections: Path | None = None
    """What the detector found, where that was wanted."""
    record: Path | None = None
    """The tracker's record, where it was wanted."""
    dropped_count: int = 0
    """Frames of a stream or camera that came faster than they were tracked, and were left out."""
    reconnect_count: int = 0
    """How often a stream was lost and came back."""
    counts: dict[str, Any] | None = None
    """What lines and zones counted, as in ``<name>.counts.json``; None where nothing was counted."""

    @property
    def frames_per_second(self) -> float:
        """Frames tracked a second."""
        return self.frame_count / self.seconds if self.seconds > 0 else 0.0


class SourceRun:
    """Tracks the frames of one source; the ``with`` block finishes its files, also after Ctrl-C.

    Args:
        source: what the user named.
        name: stem of the files.
        reader: its frames.
        files: where results go.
        config: constants of the tracker.
        save_detections: keep what the detector finds.
        record: keep what the tracker does.
    """

    def __init__(
        self,
        source: str | Path,
        name: str,
        reader: FrameReader,
        files: ResultFiles,
        config: TrackerConfig,
        save_detections: bool = False,
        record: bool = False,
    ) -> None:
        # Loaded here: `track --help` and broken sources need no SciPy.
        from fairmot.tracking.record import TrackerRecord
        from fairmot.tracking.tracker import Tracker

        self.source = source
        self.name = name
        self.reader = reader
        self.files = files
        self.interrupted = False
        self.frame_count = 0
        self.row_count = 0
        self.stages = dict.fromkeys(("wait_for_frame", "detect", "track", "wait_for_writer"), 0.0)
        self.seconds = 0.0
        self.read_error: str | None = None
        self._identities: set[int] = set()
        self._recorder = Recorder() if save_detections else None
        self._record = TrackerRecord() if record else None
        self._detections_file: Path | None = None
        self._record_file: Path | None = None
        # The published code tracks at the rounded rate: 29.97 frames/s must not shorten the buffer by a frame.
        frame_rate = max(1, round(reader.frame_rate)) / reader.every
        noting = {"record": self._record} if self._record else {}
        self._tracker = Tracker(config, frame_rate, image_size=reader.size, **noting)
        self._clock = FrameClock(reader.frame_rate, reader.every)

    def __enter__(self) -> Self:
        self._begun = time.perf_counter()
        self.files.__enter__()
        return self

    @property
    def identity_count(self) -> int:
        """Different identities so far."""
        return len(self._identities)

    def take(self, frame: Frame, detections: Detections) -> Tracks:
        """Track the next frame, hand it to the files and return its tracks."""
        begun = time.perf_counter()
        detections = as_detections(detections)  # a detector of the user's may return supervision's
        tracks = self._tracker.update(detections, frame.image, self._clock.index(frame.index, frame.seconds))
        tracked = time.perf_counter()
        self.stages["track"] += tracked - begun
        self.frame_count += 1
        self.row_count += len(tracks)
        self._identities.update(tracks.ids.tolist())
        if self._recorder is not None:
            self._recorder.add(frame.index, frame.seconds, detections)
        self.files.write(frame, tracks, detections)
        self.stages["wait_for_writer"] += time.perf_counter() - tracked
        return tracks

    def end_early(self, reason: str | None) -> None:
        """Take note that there was more to track; a reason is told as the ``problem``."""
        if reason is None:
            self.interrupted = True
        else:
            self.read_error = self.read_error or reason

    def finish(self, detector: Any) -> None:
        """Write what was kept beside the results."""
        folder, reader = self.files.text.parent, self.reader
        if self._recorder is not None:
            self._detections_file = folder / f"{self.name}{SUFFIX}"
            recording = self._recorder.recording(
                self.name,
                self._detections_file,
                reader.frame_rate,
                every=reader.every,
                frame_count=reader.frame_count,
                image_size=reader.size,
                detector=told_by(detector),
            )
            recording.save(self._detections_file)
        if self._record is not None:
            self._record_file = folder / f"{self.name}{RECORD_SUFFIX}"
            self._record.save(self._record_file)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.reader.close()
        finally:
            self.files.__exit__(kind, error, trace)
        self.seconds = time.perf_counter() - self._begun

    def report(self) -> TrackRun:
        """Sum up."""
        scale = 1000 / max(1, self.frame_count)
        stages = {name: seconds * scale for name, seconds in self.stages.items()}
        return TrackRun(
            name=self.name,
            text=self.files.text,
            video=self.files.video,
            frame_count=self.frame_count,
            row_count=self.row_count,
            identity_count=self.identity_count,
            seconds=self.seconds,
            milliseconds=StageTimes(
                **stages,
                decode=self.reader.busy_seconds * scale,
                prepare=self.reader.prepare_seconds * scale,
                draw_and_encode=self.files.encode_seconds * scale,
            ),
            problem=self.read_error or self.reader.problem,
            interrupted=self.interrupted,
            detections=self._detections_file,
            record=self._record_file,
            dropped_count=self.reader.dropped_count,
            reconnect_count=self.reader.reconnect_count,
            counts=self.files.counts,
        )
