"""The workflow ``track``: track all sources with one detector, and write rows, videos and other outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from fairmot.config import TrackerConfig
from fairmot.detector import load_detector
from fairmot.interrupts import deferred_interrupts
from fairmot.media.hardware import SOFTWARE
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.results import ResultFiles, check_sources_stay, different_names
from fairmot.media.sources.frames import open_frames
from fairmot.media.sources.live import LiveOptions
from fairmot.media.sources.reader import FrameReader
from fairmot.media.sources.sound import Sound
from fairmot.media.sources.stop import Stop
from fairmot.progress import Progress
from fairmot.workflows.track.detecting import detected
from fairmot.workflows.track.run_folder import run_folder
from fairmot.workflows.track.run_notes import source_note
from fairmot.workflows.track.source_run import RECORD_SUFFIX, ImageDetector, Observer, SourceRun, Watcher
from fairmot.workflows.track.track_run import StageTimes, TrackRun

__all__ = [
    "DEFAULT_FOLDER",
    "RECORD_SUFFIX",
    "ImageDetector",
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
    detector: ImageDetector | str | Path | None = None,
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
    video_decoder: str = SOFTWARE,
    together: bool | None = None,
    save_detections: bool = False,
    record: bool = False,
    refine: bool = False,
    observe: Observer | None = None,
    watch: Watcher | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> list[TrackRun]:
    """Track the people in videos, image folders, cameras or streams, and write the results.

    Each source gets a tracker of its own. Its results are ``<name>.txt``, ``<name>.mp4`` with the tracks drawn, and all
    other requested outputs; ``run.json`` records sources, counts, detector, tracker and versions.

    A row of ``<name>.txt`` is ``frame,id,left,top,width,height,score,class,-1,-1``: the number of the frame in the
    source, from 1; the box in image pixels with three decimals, no one-pixel shift; the class from 1, or -1 for the
    first.

    Args:
        sources: one source or several: whatever ``fairmot.read_frames`` opens, folders of videos, and globs. All are
            opened and checked before the first is tracked.
        detector: left out: the weights that come with the package; a path: these weights, with the fastest engine;
            or a detector: ``fairmot.load_detector(...)``, or any function that takes an image and returns
            ``Detections`` (see ``ImageDetector``).
        tracker_config: parameters of the tracker; left out: those that go with the detector's weights, else the
            published ones.
        output: folder for all results; left out: ``runs/track/<name>`` for each source. If the folder holds something
            already, results go to a numbered folder beside it.
        names: stems of the files, one for each source that is opened; left out: the sources' own names.
        overwrite: write into the folder, whatever it holds. The run that it holds is replaced as a whole, as soon as
            the first source is finished.
        video: also write the video.
        images: also write each drawn frame, ``<name>/<frame number>.jpg``.
        outputs: all outputs, in place of ``video`` and ``images``.
        start: index of the first frame, from 0.
        end: index of the first frame left out.
        every: take each n-th frame; the tracker is given the lower rate.
        live: how streams and cameras are read.
        video_decoder: what decodes videos (``fairmot.read_frames``); ``outputs`` names what encodes them.
        together: track all sources at the same time instead of one after the other; left out: where several are given
            and one of them is a stream or camera.
        save_detections: also write ``<name>.detections.npz``, which ``replay`` tracks without a network.
        record: also write the tracker's record ``<name>.record.npz``, for ``fairmot explain``.
        refine: at the end of each source replace its rows by refined ones (see ``fairmot.tracking.refine``);
            ``<name>.online.txt`` keeps the online rows, and all other outputs show them.
        observe: called with the detections of every frame.
        watch: called with every frame and its tracks. Another thread draws the frame: do not change its image.
        progress: called after every frame with the name of its source.
        stop: ends the run when it is set, by ``watch`` or by another thread.

    In the main thread, the first SIGINT (Ctrl-C), SIGTERM or SIGHUP lets the frame under way end and finishes all
    files; a second one ends at once and leaves no file of the source under way.

    Returns:
        One result for each source; its ``problem`` says what could not be read. After a signal or ``stop`` all files
        are whole up to there; results under way are ``interrupted``, or have the reason of the stop as their
        ``problem``; later sources are missing.

    Raises:
        InputError: weights or a source cannot be used; ``output`` is the current folder, or one around it, and holds
            something; another run writes into it; results would replace a source, or cannot be written (full disk).
            Nothing half-written is left.
        KeyboardInterrupt: a signal came before the first frame was tracked, or a second one; what the folder held
            before stays, as do sources that were finished.
    """
    if detector is None or isinstance(detector, str | Path):
        detector = load_detector(detector)
    config = tracker_config or getattr(detector, "tracker", None) or TrackerConfig()
    wanted = outputs or Outputs(video=video, images=images)
    with ExitStack() as stack:
        named = [sources] if isinstance(sources, str | Path) else sources
        opened = open_frames(named, start, end, every, live=live, video_decoder=video_decoder)
        for _, reader in opened:
            stack.callback(reader.close)
        stop = stop or Stop()
        stop.reach(reader for _, reader in opened)
        names = different_names([reader.name for _, reader in opened] if names is None else list(names))
        if overwrite:  # without it, results go into an empty folder
            words = [source for source, _ in opened]
            for name in names:
                check_sources_stay(DEFAULT_FOLDER / name if output is None else Path(output), [name], words, wanted)
        shared = None if output is None else stack.enter_context(run_folder(Path(output), overwrite))
        places = list(zip(opened, names, strict=True))
        if together is None:
            together = len(opened) > 1 and any(reader.is_live for _, reader in opened)
        reports: list[TrackRun] = []
        groups = [places] if together else [[place] for place in places]
        interrupted = stack.enter_context(deferred_interrupts(stop.set))
        for group in groups:
            with ExitStack() as own:
                runs, folders = [], []
                for (source, reader), name in group:
                    folder = shared or own.enter_context(run_folder(DEFAULT_FOLDER / name, overwrite))
                    sound, silence = _sound(reader, wanted)
                    rate = reader.frame_rate / reader.every
                    files = ResultFiles(
                        folder.parts, name, reader.size, rate, outputs=wanted, shown=folder.path, sound=sound
                    )
                    runs.append(
                        SourceRun(
                            source,
                            name,
                            reader,
                            files,
                            config,
                            save_detections,
                            record,
                            folder=folder.path,
                            refine=refine,
                            silence=silence,
                        )
                    )
                    folders.append(folder)
                _follow(runs, detector, observe, watch, progress, stop, interrupted)
                if interrupted() and not reports and not any(run.frame_count for run in runs):
                    raise KeyboardInterrupt  # nothing to keep: what an earlier run wrote stays
                for folder in dict.fromkeys(folders):
                    notes = [
                        source_note(run, detector, config)
                        for run, place in zip(runs, folders, strict=True)
                        if place is folder
                    ]
                    folder.publish(notes, [source for source, _ in opened])
                reports += [run.report() for run in runs]
            if stop.is_set:
                break
    if interrupted() and len(reports) < len(places):
        reports[-1] = replace(reports[-1], interrupted=True)  # later sources are missing
    return reports


def _sound(reader: FrameReader, outputs: Outputs) -> tuple[Sound | None, str | None]:
    """Return the sound for the drawn video, or why the source's is left out."""
    if reader.sound is None or not (outputs.video and outputs.audio):
        return None, None
    if reader.every > 1:
        return None, "frames are left out"
    if outputs.blur:
        return None, "voices would tell who is blurred"
    return reader.sound, None


def _follow(
    runs: list[SourceRun],
    detector: ImageDetector,
    observe: Observer | None,
    watch: Watcher | None,
    progress: Progress | None,
    stop: Stop,
    interrupted: Callable[[], bool],
) -> None:
    """Track all frames of these sources, at the same time, and finish their files."""
    with ExitStack() as stack:
        for run in runs:
            run.reader.prepare_with(
                getattr(detector, "prepare", None),
                getattr(detector, "prepare_decoded", None),
                needs_images=run.needs_images or watch is not None,
            )
            stack.enter_context(run)
        found = detected(runs, detector)
        try:
            while not stop.is_set and (batch := next(found, None)) is not None:
                for run, frame, detections in batch:
                    tracks = run.take(frame, detections)
                    if observe is not None:
                        observe(run.name, frame.index, detections)
                    if watch is not None:
                        watch(run, frame, tracks)
                    if progress is not None:
                        progress(run.name, run.frame_count, run.reader.frame_count)
        except KeyboardInterrupt:
            if interrupted():  # the second signal: at once, so the files are dropped
                raise
            # Caught inside the files' blocks, so that they end well.
            stop.set()
        finally:
            found.close()
        if stop.is_set:
            for run in runs:
                run.end_early(stop.reason)
        for run in runs:
            run.finish(detector)
