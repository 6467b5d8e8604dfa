"""The workflow ``track`` of saved detections: the tracker alone, without images and network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import astuple, replace
from pathlib import Path

from fairmot.config import TrackerConfig
from fairmot.detections import Tracks
from fairmot.errors import InputError
from fairmot.formats.recordings import Recording
from fairmot.interrupts import deferred_interrupts
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.results import ResultFiles, check_sources_stay, different_names
from fairmot.media.outputs.table import check_without_images
from fairmot.media.sources.frame import NO_IMAGE, Frame
from fairmot.media.sources.frame_clock import FrameClock
from fairmot.progress import Progress
from fairmot.tracking.record import TrackerRecord
from fairmot.tracking.tracker import Tracker
from fairmot.tracking.tracklets import TrackletMemory
from fairmot.workflows.track.refining import memory_for, refine_results
from fairmot.workflows.track.run_folder import RunFolder, run_folder
from fairmot.workflows.track.run_notes import recording_note
from fairmot.workflows.track.selection import select
from fairmot.workflows.track.source_run import RECORD_SUFFIX
from fairmot.workflows.track.track import DEFAULT_FOLDER
from fairmot.workflows.track.track_run import StageTimes, TrackRun


def replay(
    recordings: Sequence[Recording],
    tracker_config: TrackerConfig | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    outputs: Outputs | None = None,
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    classes: Sequence[int] | None = None,
    record: bool = False,
    refine: bool = False,
    progress: Progress | None = None,
) -> list[TrackRun]:
    """Track each recording with a tracker of its own.

    Rows and every other file are those that ``track`` writes for the source itself, byte for byte; ``run.json`` names
    the recording in place of the source.

    Args:
        recordings: see ``fairmot.formats.recordings.load_recording``.
        tracker_config: parameters of the tracker; left out: each recording's own, those of its detector's weights.
        output: folder for all results; left out: ``runs/track/<name>`` for each recording, as ``track`` does.
        overwrite: write into the folder, whatever it holds.
        outputs: what is written beside the rows, without ``video``, which is on by default; left out: nothing.
        start: index of the first frame in the source, from 0.
        end: index of the first frame left out.
        every: take each n-th recorded frame; the tracker is given the lower rate.
        classes: the only classes that are tracked, from 0; None: all.
        record: also write the tracker's record, for ``fairmot explain``.
        refine: at the end replace the rows by refined ones, as in ``track``.
        progress: called after every frame with the recording's name.

    In the main thread, the first SIGINT (Ctrl-C), SIGTERM or SIGHUP ends it as it ends ``track``: after the frame
    under way, with all files whole up to there.

    Returns:
        One result for each recording; after a signal the last one is ``interrupted``, and later ones are missing.

    Raises:
        InputError: an output or the configuration needs what a recording does not hold (see ``check_config``); a
            range without recorded frames; a class that was not recorded; a detection that cannot be used; results
            would replace a recording, or cannot be written.
        KeyboardInterrupt: a signal came before the first frame was tracked, or a second one; what was finished stays.
    """
    wanted = outputs or Outputs(video=False)
    check_without_images(wanted, [recording.path for recording in recordings])
    configs = [tracker_config or recording.tracker for recording in recordings]
    selected = [select(recording, start, end, every, classes) for recording in recordings]
    for recording, config in zip(selected, configs, strict=True):
        check_config(recording, config)
        if wanted.counts and recording.image_size is None:
            raise InputError(
                f"{recording.path}: lines and zones need the size of the frames, which is not recorded; "
                "put seqinfo.ini beside det/det.txt"
            )
    names = different_names([recording.name for recording in selected])
    if overwrite:  # without it, results go into an empty folder
        files = [recording.path for recording in recordings]
        for name in names:
            check_sources_stay(DEFAULT_FOLDER / name if output is None else Path(output), [name], files, wanted)
    runs: list[TrackRun] = []
    with ExitStack() as stack:
        shared = None if output is None else stack.enter_context(run_folder(Path(output), overwrite))
        interrupted = stack.enter_context(deferred_interrupts())
        for recording, config, name in zip(selected, configs, names, strict=True):
            with ExitStack() as own:
                folder = shared or own.enter_context(run_folder(DEFAULT_FOLDER / name, overwrite))
                run = _replay_one(recording, config, name, folder, wanted, record, refine, progress, interrupted)
                if interrupted() and not runs and not run.frame_count:
                    raise KeyboardInterrupt  # nothing to keep: what an earlier run wrote stays
                # After each: where a later one fails or is interrupted, the files of the earlier ones have their notes.
                note = recording_note(run, recording, config, start, end)
                folder.publish([note], [each.path for each in recordings])
                runs.append(run)
            if interrupted():
                break
    if interrupted():
        runs[-1] = replace(runs[-1], interrupted=True)  # later recordings may be missing
    return runs


def _replay_one(
    recording: Recording,
    config: TrackerConfig,
    name: str,
    folder: RunFolder,
    outputs: Outputs,
    record: bool,
    refine: bool,
    progress: Progress | None,
    interrupted: Callable[[], bool],
) -> TrackRun:
    """Track one recording and write its files, up to the frame in which a signal arrives."""
    begun = time.perf_counter()
    size = recording.image_size or (1, 1)  # nothing that depends on it is written then
    rate = recording.frame_rate / recording.every
    files = ResultFiles(folder.parts, name, size, rate, outputs=outputs, shown=folder.path)
    tracker_record = TrackerRecord() if record else None
    memory = memory_for(config) if refine else None
    done, row_count, identities = 0, 0, set[int]()
    with files:
        frames = zip(recording.times().tolist(), tracked_frames(recording, config, tracker_record, memory), strict=True)
        while not interrupted() and (tracked := next(frames, None)) is not None:
            seconds, (index, tracks) = tracked
            done += 1
            files.write(Frame(NO_IMAGE, index, seconds), tracks)
            row_count += len(tracks)
            identities.update(tracks.ids.tolist())
            if progress is not None:
                progress(name, done, len(recording))
    counts = (row_count, len(identities))
    if memory is not None:
        frame_rate = max(1, round(recording.frame_rate)) / recording.every
        counts = astuple(refine_results(files.text, memory, frame_rate, recording.every, config))
    taken = time.perf_counter() - begun
    record_file = f"{name}{RECORD_SUFFIX}"
    if tracker_record is not None:
        tracker_record.save(folder.parts / record_file)
    return TrackRun(
        name=name,
        text=folder.path / files.text.name,
        video=None,
        frame_count=done,
        row_count=counts[0],
        identity_count=counts[1],
        seconds=taken,
        milliseconds=StageTimes(track=1000 * taken / max(1, done)),
        record=folder.path / record_file if record else None,
        counts=files.counts,
        interrupted=interrupted(),
    )


def tracked_frames(
    recording: Recording,
    config: TrackerConfig,
    record: TrackerRecord | None = None,
    memory: TrackletMemory | None = None,
) -> Iterator[tuple[int, Tracks]]:
    """Yield the index of each frame and its tracks; a gap in time is a gap for the tracker, as in ``track``.

    Raises:
        InputError: as ``check_config``; or a detection cannot be used (frame and row are named).
    """
    check_config(recording, config)
    # The published code tracks at the rounded rate, as in the workflow ``track``.
    frame_rate = max(1, round(recording.frame_rate)) / recording.every
    tracker = Tracker(config, frame_rate, image_size=recording.image_size, record=record)
    clock = FrameClock(recording.frame_rate, recording.every)
    for (index, detections), at in zip(recording, recording.times().tolist(), strict=True):
        try:
            tracks = tracker.update(detections, frame_index=clock.index(index, at))
        except InputError as error:
            raise InputError(f"{recording.path}: frame {index + 1}: {error}") from error
        if memory is not None:
            memory.add(index, detections, tracks)
        yield index, tracks


def check_config(recording: Recording, config: TrackerConfig) -> None:
    """Check that a recording holds what a configuration needs.

    Raises:
        InputError: ``camera_motion`` needs images; ``clip_boxes`` needs their size; ``score_noise`` needs scores
            between 0 and 1.
    """
    if config.camera_motion != "none":
        raise InputError(f"{recording.path}: camera_motion needs images, which saved detections do not hold")
    if config.clip_boxes and recording.image_size is None:
        raise InputError(f"{recording.path}: clip_boxes needs the size of frames; put seqinfo.ini beside det/det.txt")
    scores = recording.rows.scores
    if config.score_noise and ((scores < 0) | (scores > 1)).any():
        raise InputError(f"{recording.path}: score_noise needs scores between 0 and 1")
