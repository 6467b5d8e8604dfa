"""The journey ``track``: a source of frames in, result rows and a video with the tracks drawn on it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.media.frames import Frame, FrameReader, read_frames
from fairmot.media.results import ResultFiles, different_names, result_folder
from fairmot.recordings import SUFFIX, Recorder, told_by

if TYPE_CHECKING:
    from fairmot.tracking.record import TrackerRecord

DEFAULT_FOLDER = Path("runs/track")
RECORD_SUFFIX = ".record.npz"
"""Of the tracker's record, after the source's name."""

Progress = Callable[[str, int, int | None], None]
"""Called after each frame with the source's name, the frames done and the frames to expect (None: unknown)."""

Observer = Callable[[str, int, Detections], None]
"""Called with the source's name, the index of a frame in it and what the detector found there."""


class Detector(Protocol):
    """Anything that finds objects in a picture (``fairmot.load_detector()``)."""

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        """Take a BGR picture [H, W, 3], return what was found, picture pixels."""
        ...


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds a frame.

    The first four follow each other and add up to the time of a frame; ``decode`` and ``draw_and_encode`` run in
    background threads meanwhile and cost time only where a wait shows it.
    """

    wait_for_frame: float = 0.0
    detect: float = 0.0
    track: float = 0.0
    wait_for_writer: float = 0.0
    decode: float = 0.0
    draw_and_encode: float = 0.0


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
    """Ctrl-C ended it early: the files are complete up to there, later sources were not begun."""
    detections: Path | None = None
    """What the detector found, where that was wanted."""
    record: Path | None = None
    """The tracker's record, where it was wanted."""

    @property
    def frames_per_second(self) -> float:
        """Frames tracked a second."""
        return self.frame_count / self.seconds if self.seconds > 0 else 0.0


def track(
    sources: str | Path | Sequence[str | Path],
    detector: Detector,
    tracker_config: TrackerConfig | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    video: bool = True,
    pictures: bool = False,
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    save_detections: bool = False,
    record: bool = False,
    observe: Observer | None = None,
    progress: Progress | None = None,
) -> list[TrackRun]:
    """Track each source with a tracker of its own, and write ``<name>.txt`` and ``<name>.mp4``.

    Rows are ``frame,id,left,top,width,height,score,-1,-1,-1``: frame number from 1 of the source, also with ``every``;
    picture pixels with three decimals, no one-pixel shift.

    Args:
        sources: what ``read_frames`` opens; all are checked before the first is begun.
        detector: called with each picture.
        tracker_config: constants of the tracker; left out: the published ones.
        output: folder for all results; left out: ``runs/track/<name>`` for each source. If it holds something
            already, a numbered folder beside it is taken.
        overwrite: write into the folder, whatever it holds.
        video: also write the video.
        pictures: also write each drawn frame, ``<name>/<frame number>.jpg``.
        start: index of the first frame, from 0.
        end: index of the first frame left out.
        every: take each n-th frame; the tracker is told the lower rate.
        save_detections: also write ``<name>.detections.npz``, from which ``fairmot.replay`` tracks without a network.
        record: also write the tracker's record ``<name>.record.npz``, for ``fairmot explain``.
        observe: told what the detector found in every frame.
        progress: told about every frame.

    Returns:
        One result for each source; what could not be read of it is its ``problem``. After Ctrl-C the files are
        finished properly, the last result says ``interrupted``, and the sources after it are missing.

    Raises:
        InputError: a source cannot be used, or results cannot be written (full disk): nothing half-written is left.
    """
    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    readers = [read_frames(path, start, end, every) for path in paths]
    names = different_names([reader.name for reader in readers])
    shared = None if output is None else result_folder(Path(output), overwrite)
    runs: list[TrackRun] = []
    for path, reader, name in zip(paths, readers, names, strict=True):
        folder = shared or result_folder(DEFAULT_FOLDER / name, overwrite)
        files = ResultFiles(folder, name, reader.size, reader.frame_rate / reader.every, video, pictures)
        run = _Run(path, name, reader, files)
        run.recorder = Recorder() if save_detections else None
        run.keeps_record = record
        run.follow(detector, tracker_config or TrackerConfig(), observe, progress)
        runs.append(run.report())
        if run.interrupted:
            break
    return runs


class _Run:
    """One source on its way: counts and times."""

    def __init__(self, source: str | Path, name: str, reader: FrameReader, files: ResultFiles) -> None:
        self.source = source
        self.name = name
        self.reader = reader
        self.files = files
        self.read_error: str | None = None
        self.interrupted = False
        self.recorder: Recorder | None = None
        self.keeps_record = False
        self.detections_file: Path | None = None
        self.record_file: Path | None = None
        self.frame_count = 0
        self.row_count = 0
        self.identities: set[int] = set()
        self.stages = dict.fromkeys(("wait_for_frame", "detect", "track", "wait_for_writer"), 0.0)
        self.seconds = 0.0
        self._record: TrackerRecord | None = None
        self._lap_begun = 0.0

    def follow(
        self, detector: Detector, config: TrackerConfig, observe: Observer | None, progress: Progress | None
    ) -> None:
        """Track all frames and finish the files."""
        begun = time.perf_counter()
        with self.files:
            try:
                self._loop(detector, config, observe, progress)
            except KeyboardInterrupt:
                # Caught inside the files' block, so that they end well.
                self.interrupted = True
            finally:
                self.reader.close()
            self._save(detector)
        self.seconds = time.perf_counter() - begun

    def _loop(
        self, detector: Detector, config: TrackerConfig, observe: Observer | None, progress: Progress | None
    ) -> None:
        # Loaded here: `track --help` and broken sources need no SciPy.
        from fairmot.tracking.record import TrackerRecord
        from fairmot.tracking.tracker import Tracker

        # The published code tracks at the rounded rate: 29.97 frames/s must not shorten the buffer by a frame.
        frame_rate = max(1, round(self.reader.frame_rate)) / self.reader.every
        self._record = TrackerRecord() if self.keeps_record else None
        noting = {"record": self._record} if self._record else {}
        tracker = Tracker(config, frame_rate, image_size=self.reader.size, **noting)
        self._lap_begun = time.perf_counter()
        for frame in self._frames():
            self._lap("wait_for_frame")
            detections = detector(frame.image)
            self._lap("detect")
            # Consecutive unless a picture could not be read.
            tracks = tracker.update(detections, frame.image, frame.index // self.reader.every)
            self._lap("track")
            self.files.write(frame, tracks)
            self._lap("wait_for_writer")
            self.frame_count += 1
            self.row_count += len(tracks)
            self.identities.update(tracks.ids.tolist())
            if self.recorder is not None:
                self.recorder.add(frame.index, detections)
            if observe is not None:
                observe(self.name, frame.index, detections)
            if progress is not None:
                progress(self.name, self.frame_count, self.reader.frame_count)

    def _save(self, detector: Detector) -> None:
        """Write what was kept beside the results."""
        folder, reader = self.files.text.parent, self.reader
        if self.recorder is not None:
            self.detections_file = folder / f"{self.name}{SUFFIX}"
            recording = self.recorder.recording(
                self.name,
                self.detections_file,
                reader.frame_rate,
                every=reader.every,
                frame_count=reader.frame_count,
                image_size=reader.size,
                detector=told_by(detector),
            )
            recording.save(self.detections_file)
        if self._record is not None:
            self.record_file = folder / f"{self.name}{RECORD_SUFFIX}"
            self._record.save(self.record_file)

    def _frames(self) -> Iterator[Frame]:
        """All frames that can be read: a source that fails or vanishes on the way ends there."""
        try:
            yield from self.reader
        except OSError as error:
            self.read_error = f"{self.source}: reading stopped ({error.strerror}); what came before was tracked"

    def _lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] += now - self._lap_begun
        self._lap_begun = now

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
            identity_count=len(self.identities),
            seconds=self.seconds,
            milliseconds=StageTimes(
                **stages, decode=self.reader.busy_seconds * scale, draw_and_encode=self.files.encode_seconds * scale
            ),
            problem=self.read_error or self.reader.problem,
            interrupted=self.interrupted,
            detections=self.detections_file,
            record=self.record_file,
        )
