"""Select frames, classes and scores of saved detections, as ``track`` selects those of a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError
from fairmot.formats.recordings import Recording


def select(
    recording: Recording,
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    classes: Sequence[int] | None = None,
) -> Recording:
    """Return a recording with these frames and classes alone.

    Args:
        recording: the detections of one source.
        start: index of the first frame in the source, from 0.
        end: index of the first frame left out.
        every: take each n-th recorded frame, from ``start`` on.
        classes: the only classes that are kept, from 0; None: all.

    Raises:
        InputError: a range without recorded frames, or a class that was not recorded.
    """
    if every < 1:
        raise InputError(f"every {every}: expected 1 (each frame) or more")
    if (start or 0) < 0 or (end is not None and end <= (start or 0)):
        raise InputError(f"frames {start or 0} to {end}: expected 0 <= start < end")
    recording = recording if (start, end, every) == (None, None, 1) else _frames(recording, start, end, every)
    return recording if classes is None else _classes(recording, classes)


def select_scores(recording: Recording, confidence: float) -> Recording:
    """Return a recording of the detections that a detector with this score threshold reports, if it was not higher.

    Args:
        recording: the detections of one source.
        confidence: score threshold; detections with this score or less are left out.
    """
    about = recording.detector or {}
    noted = max(confidence, about.get("confidence", confidence))
    return _rows(recording, recording.rows.scores > confidence, {**about, "confidence": noted})


def _frames(recording: Recording, start: int | None, end: int | None, every: int) -> Recording:
    indices = recording.frame_indices
    inside = indices >= (start or 0)
    if end is not None:
        inside &= indices < end
    if not inside.any():
        until = "on" if end is None else f"to {end}"
        raise InputError(f"{recording.path}: holds no frames from {start or 0} {until}; choose another range")
    # Frames that could not be read are missing: steps are counted by index, not by place.
    steps = (indices - indices[0]) // recording.every
    first = 0 if start is None else -((int(indices[0]) - start) // recording.every)
    inside &= (steps - first) % every == 0
    kept = np.repeat(inside, np.diff(recording.starts))
    counts = np.diff(recording.starts)[inside]
    return replace(
        recording,
        frame_indices=indices[inside],
        starts=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        rows=recording.rows.select(kept),
        every=recording.every * every,
        seconds=None if recording.seconds is None else recording.seconds[inside],
    )


def _classes(recording: Recording, classes: Sequence[int]) -> Recording:
    about = recording.detector or {}
    recorded = about.get("classes")
    count = about.get("class_count")  # recordings of earlier versions lack it
    if recorded is None and isinstance(count, int):
        recorded = range(count)
    missing = [number for number in classes if number < 0 or (recorded is not None and number not in recorded)]
    if missing or not classes:
        known = "" if recorded is None else f"; the recording holds {', '.join(map(str, recorded))}"
        what = f"class {missing[0]}: was not recorded" if missing else "no class is selected"
        raise InputError(f"{recording.path}: {what}{known}")
    kept = np.isin(recording.rows.class_ids, list(classes))
    return _rows(recording, kept, {**about, "classes": list(classes)})


def _rows(recording: Recording, kept: NDArray[np.bool_], detector: dict[str, Any]) -> Recording:
    places = np.repeat(np.arange(len(recording)), np.diff(recording.starts))[kept]
    counts = np.bincount(places, minlength=len(recording))
    return replace(
        recording,
        starts=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        rows=recording.rows.select(kept),
        detector=detector,
    )
