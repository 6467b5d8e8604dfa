"""The workflow ``track``: sources of frames in, result rows and videos with the tracks drawn on them out."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.results import ResultFiles, check_sources_stay, different_names, result_folder
from fairmot.media.sources.frames import Frame, open_frames
from fairmot.media.sources.live import LiveOptions
from fairmot.media.sources.merge import merged
from fairmot.media.sources.stop import Stop
from fairmot.progress import Progress
from fairmot.workflows.track.run_notes import save_run
from fairmot.workflows.track.source_run import (
    RECORD_SUFFIX,
    Detector,
    Observer,
    SourceRun,
    StageTimes,
    TrackRun,
    Watcher,
)

__all__ = [
    "DEFAULT_FOLDER",
    "RECORD_SUFFIX",
    "Detector",
    "Observer",
    "SourceRun",
    "StageTimes",
    "Stop",
    "TrackRun",
    "Watcher",
    "track",
]

DEFAULT_FOLDER = Path("runs/track")


def track(
    sources: str | Path | Sequence[str | Path],
    detector: Detector,
    tracker_config: TrackerConfig | None = None,
    *,
    output: str | Path | None = None,
    names: Sequence[str] | None = None,
    overwrite: bool = False,
    video: bool = True,
    images: bool = False,
    outputs: Outputs | None = None,
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    live: LiveOptions | None = None,
    together: bool | None = None,
    save_detections: bool = False,
    record: bool = False,
    observe: Observer | None = None,
    watch: Watcher | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> list[TrackRun]:
    """Track each source with a tracker of its own, and write ``<name>.txt``, ``<name>.mp4`` and what else is wanted.

    Rows are ``frame,id,left,top,width,height,score,-1,-1,-1``: frame number from 1 of the source, also with ``every``;
    image pixels with three decimals, no one-pixel shift. ``run.json`` says what was tracked how (``run_file``).

    Args:
        sources: what ``read_frames`` opens; all are checked before the first is begun.
        detector: called with each image, or its ``batch`` with images of several sources. Where it has a method
            ``prepare``, that is called ahead, in the reading thread, and its results take the images' place.
        tracker_config: constants of the tracker; left out: those of the detector (``tracker``), where it has any, else
            the published ones.
        output: folder for all results; left out: ``runs/track/<name>`` for each source. If it holds something
            already, a numbered folder beside it is taken, unless it is the current folder or one around it.
        names: stems of the files, one for each source that is opened; left out: the sources' own names.
        overwrite: write into the folder, whatever it holds.
        video: also write the video.
        images: also write each drawn frame, ``<name>/<frame number>.jpg``.
        outputs: everything that is wanted, in place of ``video`` and ``images``.
        start: index of the first frame, from 0.
        end: index of the first frame left out.
        every: take each n-th frame; the tracker is told the lower rate.
        live: how streams and cameras are read.
        together: all sources at the same time rather than one after the other; left out: where several are given and
            one of them is a stream or camera.
        save_detections: also write ``<name>.detections.npz``, from which ``replay`` tracks without a network.
        record: also write the tracker's record ``<name>.record.npz``, for ``fairmot explain``.
        observe: told what the detector found in every frame.
        watch: shown every frame with its tracks. Drawing happens in a thread of its own: leave the image as it is.
        progress: told about every frame.
        stop: ends the run when somebody sets it, in ``watch`` or in another thread.

    Returns:
        One result for each source; what could not be read of it is its ``problem``. After Ctrl-C and ``stop`` the
        files are finished properly, the results that were under way say ``interrupted`` or, as their ``problem``, the
        reason for the stop, and later sources are missing.

    Raises:
        InputError: a source cannot be used, results would take its place, or they cannot be written (full disk):
            nothing half-written is left.
    """
    config = tracker_config or getattr(detector, "tracker", None) or TrackerConfig()
    wanted = outputs or Outputs(video=video, images=images)
    tracked: list[SourceRun] = []
    with ExitStack() as stack:
        opened = open_frames([sources] if isinstance(sources, str | Path) else sources, start, end, every, live=live)
        for _, reader in opened:
            stack.callback(reader.close)
        stop = stop or Stop()
        stop.reach(reader for _, reader in opened)
        names = different_names([reader.name for _, reader in opened] if names is None else list(names))
        if overwrite:  # else the results go where nothing is
            words = [source for source, _ in opened]
            for name in names:
                check_sources_stay(DEFAULT_FOLDER / name if output is None else Path(output), [name], words, wanted)
        shared = None if output is None else result_folder(Path(output), overwrite)
        places = list(zip(opened, names, strict=True))
        if together is None:
            together = len(opened) > 1 and any(reader.is_live for _, reader in opened)
        reports: list[TrackRun] = []
        for group in [places] if together else [[place] for place in places]:
            runs = []
            for (source, reader), name in group:
                folder = shared or result_folder(DEFAULT_FOLDER / name, overwrite)
                files = ResultFiles(folder, name, reader.size, reader.frame_rate / reader.every, outputs=wanted)
                runs.append(SourceRun(source, name, reader, files, config, save_detections, record))
            _follow(runs, detector, observe, watch, progress, stop)
            reports += [run.report() for run in runs]
            tracked += runs
            if stop.is_set:
                break
    for folder in dict.fromkeys(run.files.text.parent for run in tracked):
        save_run(folder, [run for run in tracked if run.files.text.parent == folder], detector, config)
    return reports


def _follow(
    runs: list[SourceRun],
    detector: Detector,
    observe: Observer | None,
    watch: Watcher | None,
    progress: Progress | None,
    stop: Stop,
) -> None:
    """Track all frames of these sources, at the same time, and finish their files."""
    with ExitStack() as stack:
        for run in runs:
            run.reader.prepare_with(getattr(detector, "prepare", None))
            stack.enter_context(run)
        waiting_since = time.perf_counter()
        batches = _batches(runs)
        try:
            while not stop.is_set and (batch := next(batches, None)) is not None:
                arrived = time.perf_counter()
                found = _detect(detector, [frame for _, frame in batch])
                detected = time.perf_counter()
                for (run, frame), detections in zip(batch, found, strict=True):
                    run.stages["wait_for_frame"] += (arrived - waiting_since) / len(batch)
                    run.stages["detect"] += (detected - arrived) / len(batch)
                    tracks = run.take(frame, detections)
                    if observe is not None:
                        observe(run.name, frame.index, detections)
                    if watch is not None:
                        watch(run, frame, tracks)
                    if progress is not None:
                        progress(run.name, run.frame_count, run.reader.frame_count)
                waiting_since = time.perf_counter()
        except KeyboardInterrupt:
            # Caught inside the files' blocks, so that they end well.
            stop.set()
        finally:
            batches.close()
        if stop.is_set:
            for run in runs:
                run.end_early(stop.reason)
        for run in runs:
            run.finish(detector)


def _batches(runs: list[SourceRun]) -> Generator[list[tuple[SourceRun, Frame]]]:
    """All frames that can be read, those of several sources as they come: one that fails or vanishes ends there."""
    if len(runs) > 1:
        with closing(merged([run.reader for run in runs])) as batches:
            for batch in batches:
                for place, item in batch:
                    if isinstance(item, OSError):
                        _stopped(runs[place], item)
                frames = [(runs[place], item) for place, item in batch if isinstance(item, Frame)]
                if frames:
                    yield frames
        return
    run = runs[0]
    try:
        for frame in run.reader:
            yield [(run, frame)]
    except OSError as error:
        _stopped(run, error)


def _stopped(run: SourceRun, error: OSError) -> None:
    run.read_error = f"{run.source}: reading stopped ({error.strerror}); what came before was tracked"


def _detect(detector: Detector, frames: list[Frame]) -> list[Detections]:
    images = [frame.image if frame.prepared is None else frame.prepared for frame in frames]
    batch = getattr(detector, "batch", None)
    if len(images) > 1 and batch is not None:
        found: list[Detections] = batch(images)
        return found
    return [detector(image) for image in images]
