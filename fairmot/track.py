"""The journey ``track``: a source of frames in, result rows and a video with the tracks drawn on it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks
from fairmot.errors import InputError
from fairmot.files import numbered_folder, replacing
from fairmot.geometry import xyxy_to_tlwh
from fairmot.media.drawing import Annotator
from fairmot.media.frames import FrameReader, read_frames
from fairmot.media.video import VideoWriter

DEFAULT_FOLDER = Path("runs/track")

Progress = Callable[[str, int, int | None], None]
"""Called after each frame with the source's name, the frames done and the frames to expect (None: unknown)."""


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
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    classes: Sequence[int] | None = None,
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
        start: index of the first frame, from 0.
        end: index of the first frame left out.
        every: take each n-th frame; the tracker is told the lower rate.
        classes: keep only these classes of detections.
        progress: told about every frame.

    Returns:
        One result for each source. After Ctrl-C the files are finished properly, the last result says
        ``interrupted``, and the sources after it are missing.

    Raises:
        InputError: a source cannot be used, or results cannot be written (full disk): nothing half-written is left.
    """
    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    readers = [read_frames(path, start, end, every) for path in paths]
    names = _different_names([reader.name for reader in readers])
    shared = None if output is None else _folder(Path(output), overwrite)
    runs: list[TrackRun] = []
    for reader, name in zip(readers, names, strict=True):
        folder = shared or _folder(DEFAULT_FOLDER / name, overwrite)
        run = _Run(name, reader, folder / f"{name}.txt", folder / f"{name}.mp4" if video else None)
        with _results_in(folder):
            run.follow(_selecting(detector, classes), tracker_config or TrackerConfig(), progress)
        runs.append(run.report())
        if run.interrupted:
            break
    return runs


def format_rows(frame_number: int, tracks: Tracks) -> str:
    """Return the result rows of one frame (number from 1), each with its line end."""
    values = np.column_stack([xyxy_to_tlwh(tracks.boxes_xyxy), tracks.scores])
    return "".join(
        f"{frame_number},{identity},{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.3f},-1,-1,-1\n"
        for identity, (left, top, width, height, score) in zip(tracks.ids.tolist(), values.tolist(), strict=True)
    )


class _Run:
    """One source on its way: counts, times and files."""

    def __init__(self, name: str, reader: FrameReader, text: Path, video: Path | None) -> None:
        self.name = name
        self.reader = reader
        self.text = text
        self.video = video
        self.interrupted = False
        self.frame_count = 0
        self.row_count = 0
        self.identities: set[int] = set()
        self.stages = dict.fromkeys(("wait_for_frame", "detect", "track", "wait_for_writer"), 0.0)
        self.encode_seconds = 0.0
        self.seconds = 0.0
        self._lap_begun = 0.0

    def follow(self, detector: Detector, config: TrackerConfig, progress: Progress | None) -> None:
        """Track all frames and finish the files."""
        begun = time.perf_counter()
        writer = (
            VideoWriter(self.video, self.reader.size, self.reader.frame_rate / self.reader.every)
            if self.video is not None
            else None
        )
        with ExitStack() as stack:
            rows = stack.enter_context(stack.enter_context(replacing(self.text)).open("w", encoding="ascii"))
            if writer is not None:
                stack.enter_context(writer)
            try:
                self._loop(detector, config, rows.write, writer, progress)
            except KeyboardInterrupt:
                # Caught inside the files' blocks, so that these end well.
                self.interrupted = True
            finally:
                self.reader.close()
            rows.flush()
        if writer is not None:
            self.encode_seconds = writer.busy_seconds
            self.video = self.video if writer.frame_count else None
        self.seconds = time.perf_counter() - begun

    def _loop(
        self,
        detector: Detector,
        config: TrackerConfig,
        write_rows: Callable[[str], object],
        writer: VideoWriter | None,
        progress: Progress | None,
    ) -> None:
        # Loaded here: `track --help` and broken sources need no SciPy.
        from fairmot.tracking.tracker import Tracker

        # The published code tracks at the rounded rate: 29.97 frames/s must not shorten the buffer by a frame.
        frame_rate = max(1, round(self.reader.frame_rate)) / self.reader.every
        tracker = Tracker(config, frame_rate, image_size=self.reader.size)
        annotator = Annotator(self.reader.size, frame_rate) if writer is not None else None
        first_seconds = 0.0
        self._lap_begun = time.perf_counter()
        for frame in self.reader:
            self._lap("wait_for_frame")
            detections = detector(frame.image)
            self._lap("detect")
            # Consecutive unless a picture could not be read.
            tracks = tracker.update(detections, frame.image, frame.index // self.reader.every)
            write_rows(format_rows(frame.index + 1, tracks))
            self._lap("track")
            if self.frame_count == 0:
                first_seconds = frame.seconds
            if writer is not None and annotator is not None:
                # Drawn in the writer's thread, while the network looks at the next picture.
                writer.write(partial(annotator.draw, frame.image, tracks), frame.seconds - first_seconds)
            self._lap("wait_for_writer")
            self.frame_count += 1
            self.row_count += len(tracks)
            self.identities.update(tracks.ids.tolist())
            if progress is not None:
                progress(self.name, self.frame_count, self.reader.frame_count)

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
            text=self.text,
            video=self.video,
            frame_count=self.frame_count,
            row_count=self.row_count,
            identity_count=len(self.identities),
            seconds=self.seconds,
            milliseconds=StageTimes(
                **stages, decode=self.reader.busy_seconds * scale, draw_and_encode=self.encode_seconds * scale
            ),
            problem=self.reader.problem,
            interrupted=self.interrupted,
        )


def _selecting(detector: Detector, classes: Sequence[int] | None) -> Detector:
    if classes is None:
        return detector

    def detect(image: NDArray[np.uint8]) -> Detections:
        detections = detector(image)
        return detections.select(np.isin(detections.class_ids, classes))

    return detect


def _different_names(names: list[str]) -> list[str]:
    """Sources of one name from different folders must not write one file: the second gets ``-2``."""
    taken: list[str] = []
    for name in names:
        count, candidate = 1, name
        while candidate in taken:
            count += 1
            candidate = f"{name}-{count}"
        taken.append(candidate)
    return taken


def _folder(folder: Path, overwrite: bool) -> Path:
    if folder.name in ("", ".."):  # "." has no name that could be numbered
        folder = folder.resolve()
    # An empty folder, made for the purpose, is taken as it is.
    reuse = overwrite or (folder.is_dir() and not any(folder.iterdir()))
    try:
        return numbered_folder(folder.parent, folder.name, reuse)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror})") from error


@contextmanager
def _results_in(folder: Path) -> Iterator[None]:
    """Turn a failure to write into one line, and leave no empty folder."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{folder}: results cannot be written ({error.strerror})") from error
    finally:
        with suppress(OSError):
            folder.rmdir()
