"""The workflow ``track --detections``: the tracker alone over saved detections, without images and network."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.detections import Tracks
from fairmot.errors import InputError
from fairmot.formats.recordings import Recording
from fairmot.media.outputs.results import ResultFiles, different_names, result_folder
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.frame_clock import FrameClock
from fairmot.progress import Progress
from fairmot.tracking.record import TrackerRecord
from fairmot.tracking.tracker import Tracker
from fairmot.workflows.track.track import DEFAULT_FOLDER, RECORD_SUFFIX, StageTimes, TrackRun


def replay(
    recordings: Sequence[Recording],
    tracker_config: TrackerConfig | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    record: bool = False,
    progress: Progress | None = None,
) -> list[TrackRun]:
    """Track each recording with a tracker of its own, and write the rows that tracking its source gives.

    Args:
        recordings: see ``fairmot.formats.recordings.load_recording``.
        tracker_config: constants of the tracker; left out: those that go with each recording's detector.
        output: folder for all results; left out: ``runs/track/<name>`` for each recording, as ``track`` does.
        overwrite: write into the folder, whatever it holds.
        record: also write the tracker's record, for ``fairmot explain``.
        progress: told about every frame.

    Raises:
        InputError: the configuration needs what a recording does not hold (see ``tracked_frames``), a detection cannot
            be used, or results cannot be written.
    """
    configs = [tracker_config or recording.tracker for recording in recordings]
    for recording, config in zip(recordings, configs, strict=True):
        check_config(recording, config)
    names = different_names([recording.name for recording in recordings])
    shared = None if output is None else result_folder(Path(output), overwrite)
    runs = []
    for recording, config, name in zip(recordings, configs, names, strict=True):
        folder = shared or result_folder(DEFAULT_FOLDER / name, overwrite)
        size = recording.image_size or (1, 1)  # of the video, which is not written here
        files = ResultFiles(folder, name, size, recording.frame_rate / recording.every, video=False)
        notes = TrackerRecord() if record else None
        row_count, identities, begun = 0, set[int](), time.perf_counter()
        with files:
            times = recording.times().tolist()
            for done, (index, tracks) in enumerate(tracked_frames(recording, config, notes), start=1):
                files.write(Frame(_NO_IMAGE, index, times[done - 1]), tracks)
                row_count += len(tracks)
                identities.update(tracks.ids.tolist())
                if progress is not None:
                    progress(name, done, len(recording))
        seconds = time.perf_counter() - begun
        if notes is not None:
            notes.save(folder / f"{name}{RECORD_SUFFIX}")
        runs.append(
            TrackRun(
                name=name,
                text=files.text,
                video=None,
                frame_count=len(recording),
                row_count=row_count,
                identity_count=len(identities),
                seconds=seconds,
                milliseconds=StageTimes(track=1000 * seconds / max(1, len(recording))),
                record=folder / f"{name}{RECORD_SUFFIX}" if record else None,
            )
        )
    return runs


def tracked_frames(
    recording: Recording, config: TrackerConfig, record: TrackerRecord | None = None
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
            yield index, tracker.update(detections, frame_index=clock.index(index, at))
        except InputError as error:
            raise InputError(f"{recording.path}: frame {index + 1}: {error}") from error


def check_config(recording: Recording, config: TrackerConfig) -> None:
    """Check that a recording holds what a configuration needs.

    Raises:
        InputError: camera motion needs images, clipping their size, noise by score scores between 0 and 1.
    """
    if config.camera_motion != "none":
        raise InputError(f"{recording.path}: camera_motion needs images, which saved detections do not hold")
    if config.clip_boxes and recording.image_size is None:
        raise InputError(f"{recording.path}: clip_boxes needs the images' size; put seqinfo.ini beside det/det.txt")
    scores = recording.rows.scores
    if config.score_noise and ((scores < 0) | (scores > 1)).any():
        raise InputError(f"{recording.path}: score_noise needs scores between 0 and 1")


_NO_IMAGE = np.empty((0, 0, 3), dtype=np.uint8)
