"""One source while it is tracked: its tracker, files, counts and times."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks, as_detections
from fairmot.formats.recordings import SUFFIX, Recorder, describe_detector
from fairmot.media.outputs.results import ResultFiles
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.frame_clock import FrameClock
from fairmot.media.sources.reader import FrameReader
from fairmot.workflows.track.track_run import StageTimes, TrackRun

if TYPE_CHECKING:
    from fairmot.workflows.track.refining import RefinedCounts

RECORD_SUFFIX = ".record.npz"
"""Ending of the file of the tracker's record, after the name of the source."""


Observer = Callable[[str, int, Detections], None]
"""Called as ``observe(name, index, detections)``: the source, the index of a frame in it, and what was detected there.

Not a ``Progress``: it carries data.
"""


Watcher = Callable[["SourceRun", Frame, Tracks], None]
"""Called as ``watch(run, frame, tracks)``: the source with its ``name``, ``reader`` and counts, a frame and its tracks.

Not a ``Progress``: it carries data.
"""


class ImageDetector(Protocol):
    """Anything that finds objects in an image (``fairmot.load_detector()``).

    Where it has a method ``batch``, that gets the images of several sources at once and returns a list. Where it has a
    method ``prepare``, that gets each image ahead of time, in the reading thread, and the detector gets its result in
    place of the image; ``prepare_decoded`` may do the same for a frame of a video that scales itself
    (``Detector.prepare_decoded``). A class that overrides the former overrides the latter too, for example to return
    None. An attribute ``tracker``, a ``TrackerConfig``, holds the parameters that fit the detector. Where it has a
    method ``beside_others`` and ``at_once``, that method is called in so many threads for a stored source.
    """

    def __call__(self, image: Any) -> Detections:
        """Take a BGR image [H, W, 3], uint8; return the objects in it, image pixels."""
        ...


class SourceRun:
    """Tracks the frames of one source; the ``with`` block finishes its files, also after Ctrl-C.

    Args:
        source: the source as the user named it.
        name: stem of the files.
        reader: its frames.
        files: where results go.
        config: parameters of the tracker.
        save_detections: also write all detections.
        record: also write the tracker's record.
        folder: where the files are found in the end; left out: where ``files`` writes them.
        refine: refine the rows at the end.
        silence: why the video lacks the sound of the source.
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
        folder: Path | None = None,
        refine: bool = False,
        silence: str | None = None,
    ) -> None:
        # Imported here: help texts and sources that cannot be opened need no SciPy.
        from fairmot.tracking.record import TrackerRecord
        from fairmot.tracking.tracker import Tracker
        from fairmot.workflows.track.refining import memory_for

        self.source = source
        self._silence = silence
        self.name = name
        self.reader = reader
        self.files = files
        self._folder = folder or files.text.parent
        self.interrupted = False
        self.frame_count = 0
        self.row_count = 0
        self.stages = dict.fromkeys(("wait_for_frame", "detect", "track", "wait_for_writer"), 0.0)
        self.seconds = 0.0
        self.read_error: str | None = None
        self._identities: set[int] = set()
        self._recorder = Recorder() if save_detections else None
        self._record = TrackerRecord() if record else None
        self._memory = memory_for(config) if refine else None
        self._config = config
        self._refined: RefinedCounts | None = None
        self._detections_file: Path | None = None
        self._record_file: Path | None = None
        # The published code tracks at the rounded rate: 29.97 frames/s must not shorten the buffer by a frame.
        self._frame_rate = frame_rate = max(1, round(reader.frame_rate)) / reader.every
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

    @property
    def needs_images(self) -> bool:
        """Whether ``take`` looks at the pixels of frames."""
        return self._config.camera_motion != "none" or self.files.needs_images

    def take(self, frame: Frame, detections: Detections) -> Tracks:
        """Track the next frame, write it to the files and return its tracks."""
        begun = time.perf_counter()
        detections = as_detections(detections)  # a detector of the user's may return supervision's
        image = frame.image if frame.image.size else None
        tracks = self._tracker.update(detections, image, self._clock.index(frame.index, frame.seconds))
        tracked = time.perf_counter()
        self.stages["track"] += tracked - begun
        self.frame_count += 1
        self.row_count += len(tracks)
        self._identities.update(tracks.ids.tolist())
        if self._recorder is not None:
            self._recorder.add(frame.index, frame.seconds, detections)
        if self._memory is not None:
            self._memory.add(frame.index, detections, tracks)
        self.files.write(frame, tracks, detections)
        self.stages["wait_for_writer"] += time.perf_counter() - tracked
        return tracks

    def end_early(self, reason: str | None) -> None:
        """Note that there was more to track; a reason becomes the ``problem``."""
        if reason is None:
            self.interrupted = True
        else:
            self.read_error = self.read_error or reason

    def finish(self, detector: Any) -> None:
        """Write the saved detections and the tracker's record, where they are requested."""
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
                detector=describe_detector(detector),
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
        if self._memory is not None and kind is None:
            from fairmot.workflows.track.refining import refine_results

            self._refined = refine_results(
                self.files.text, self._memory, self._frame_rate, self.reader.every, self._config
            )
        self.seconds = time.perf_counter() - self._begun

    def report(self) -> TrackRun:
        """Return the results so far."""
        scale = 1000 / max(1, self.frame_count)
        stages = {name: seconds * scale for name, seconds in self.stages.items()}
        return TrackRun(
            name=self.name,
            text=self._folder / self.files.text.name,
            video=None if self.files.video is None else self._folder / self.files.video.name,
            frame_count=self.frame_count,
            row_count=self.row_count if self._refined is None else self._refined.rows,
            identity_count=self.identity_count if self._refined is None else self._refined.identities,
            seconds=self.seconds,
            milliseconds=StageTimes(
                **stages,
                decode=self.reader.busy_seconds * scale,
                prepare=self.reader.prepare_seconds * scale,
                draw_and_encode=self.files.encode_seconds * scale,
            ),
            problem=self.read_error or self.reader.problem,
            interrupted=self.interrupted,
            detections=None if self._detections_file is None else self._folder / self._detections_file.name,
            record=None if self._record_file is None else self._folder / self._record_file.name,
            dropped_count=self.reader.dropped_count,
            reconnect_count=self.reader.reconnect_count,
            counts=self.files.counts,
            silence=self._silence,
            video_decoder=self.reader.video_decoder,
            video_encoder=self.files.video_encoder,
            fallbacks=tuple(filter(None, (self.reader.decoder_fallback, self.files.encoder_fallback))),
        )
