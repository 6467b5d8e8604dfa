"""Frames and what the detector finds in them, in order: one after the other, or several at the same time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.merge import merged
from fairmot.workflows.track.opencv_threads import one_opencv_thread
from fairmot.workflows.track.source_run import ImageDetector, SourceRun

Found = list[tuple[SourceRun, Frame, Detections]]
"""Frames that came at the same time, at most one of each source."""


def detected(runs: list[SourceRun], detector: ImageDetector) -> Generator[Found]:
    """Yield the frames of these sources with their detections, and note the times of both in ``SourceRun.stages``.

    The frames of one stored source go to ``detector.beside_others`` in as many threads as ``detector.at_once`` says,
    where it has them. Live sources do not: there the newest frame counts, and it is found soonest by all threads
    together. A source that fails ends there.
    """
    at_once: int = getattr(detector, "at_once", 1)
    if len(runs) > 1 or at_once < 2 or runs[0].reader.is_live or (runs[0].reader.frame_count or at_once + 1) <= at_once:
        return _one_after_another(runs, detector)
    return _side_by_side(runs[0], detector, at_once)


def _one_after_another(runs: list[SourceRun], detector: ImageDetector) -> Generator[Found]:
    with closing(_batches(runs)) as batches:
        while True:
            waiting_since = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            arrived = time.perf_counter()
            found = _detect(detector, [frame for _, frame in batch])
            seconds = time.perf_counter() - arrived
            for run, _ in batch:
                run.stages["wait_for_frame"] += (arrived - waiting_since) / len(batch)
                run.stages["detect"] += seconds / len(batch)
            yield [(run, frame, detections) for (run, frame), detections in zip(batch, found, strict=True)]


def _side_by_side(run: SourceRun, detector: ImageDetector, at_once: int) -> Generator[Found]:
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="fairmot-detector")
    waiting: deque[tuple[Frame, Future[Detections]]] = deque()
    detect = detector.beside_others  # type: ignore[attr-defined]
    try:
        # The calls fill all cores: OpenCV's threads, which wait busily, would take theirs from them.
        with one_opencv_thread(), closing(_batches([run])) as batches:
            is_open = True
            while is_open or waiting:
                begun = time.perf_counter()
                # One more than there are threads: none of them waits while the tracker works.
                while is_open and len(waiting) <= at_once:
                    batch = next(batches, None)
                    is_open = batch is not None
                    if batch is not None:
                        frame = batch[0][1]
                        waiting.append((frame, pool.submit(detect, _input(frame))))
                arrived = time.perf_counter()
                run.stages["wait_for_frame"] += arrived - begun
                if waiting:
                    frame, future = waiting.popleft()
                    detections = future.result()
                    run.stages["detect"] += time.perf_counter() - arrived
                    yield [(run, frame, detections)]
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(runs: list[SourceRun]) -> Generator[list[tuple[SourceRun, Frame]]]:
    """Yield all frames that can be read, those of several sources as they come; a source that fails ends there."""
    if len(runs) > 1:
        with closing(merged([run.reader for run in runs])) as batches:
            for batch in batches:
                for place, item in batch:
                    if isinstance(item, InputError):
                        _stopped(runs[place], item)
                frames = [(runs[place], item) for place, item in batch if isinstance(item, Frame)]
                if frames:
                    yield frames
        return
    run = runs[0]
    try:
        for frame in run.reader:
            yield [(run, frame)]
    except InputError as error:
        _stopped(run, error)


def _stopped(run: SourceRun, error: InputError) -> None:
    run.read_error = f"{error}; what came before was tracked"


def _input(frame: Frame) -> object:
    return frame.image if frame.prepared is None else frame.prepared


def _detect(detector: ImageDetector, frames: list[Frame]) -> list[Detections]:
    images = [_input(frame) for frame in frames]
    batch = getattr(detector, "batch", None)
    if len(images) > 1 and batch is not None:
        found: list[Detections] = batch(images)
        return found
    return [detector(image) for image in images]
