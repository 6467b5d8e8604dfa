"""Recordings: what a detector found in each frame of a sequence, in one file, to run the tracker on again and again.

A recording is a compressed ``.npz`` that ``docs/evaluate.md`` describes. MOTChallenge text (``det.txt``) of any
detector can be read as a recording too, without embeddings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fairmot
from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.formats.detections import load_detection_rows
from fairmot.formats.npz import read_npz
from fairmot.formats.seqinfo import MAX_FRAME_RATE, MIN_FRAME_RATE, SequenceInfo, has_info, load_info

FORMAT_VERSION = 1
SUFFIX = ".detections.npz"
DEFAULT_FRAME_RATE = 30.0
"""Frames a second where neither the file nor a ``seqinfo.ini`` states them."""

_ARRAYS = ("frame_indices", "counts", "boxes_xyxy", "scores", "class_ids")
# Attributes of a detector that a recording keeps, as far as the detector has them.
_DESCRIBED = ("weights", "architecture", "engine", "precision", "input_size", "confidence", "classes", "class_count")


@dataclass(frozen=True, slots=True)
class Recording:
    """The detections of one sequence; iterating gives frame index and ``Detections``, frame after frame."""

    name: str
    """Name of the sequence and stem of its results."""
    path: Path
    """The file."""
    frame_indices: NDArray[np.int64]
    """Index [F] of each frame that the detector saw, from 0, rising; without frames left out or unreadable."""
    starts: NDArray[np.int64]
    """First row of each frame, and N at the end [F + 1]."""
    rows: Detections
    """All detections [N], frame after frame, in the detector's order."""
    frame_rate: float
    """Frames a second of the source."""
    every: int = 1
    """Step from one frame to the next."""
    frame_count: int | None = None
    """Frames of the whole sequence, where it was known."""
    image_size: tuple[int, int] | None = None
    """Width and height of the images, pixels, where they are known."""
    detector: dict[str, Any] | None = None
    """What ``describe_detector`` gave; None: not known."""
    seconds: NDArray[np.float64] | None = None
    """Time of each frame after the source's first one [F]; None: frames came at ``frame_rate``."""

    def __len__(self) -> int:
        return len(self.frame_indices)

    def __iter__(self) -> Iterator[tuple[int, Detections]]:
        bounds = self.starts.tolist()
        for place, index in enumerate(self.frame_indices.tolist()):
            yield index, self.rows.select(np.arange(bounds[place], bounds[place + 1]))

    @property
    def tracker(self) -> TrackerConfig:
        """The tracker's parameters that go with the detector; the published ones where it names none.

        Raises:
            InputError: they are not of this version.
        """
        named = (self.detector or {}).get("tracker")
        return TrackerConfig.from_note(json.dumps(named) if named else None, str(self.path))

    def times(self) -> NDArray[np.float64]:
        """Return the time of each frame after the source's first one [F], seconds."""
        return self.frame_indices / self.frame_rate if self.seconds is None else self.seconds

    def save(self, path: Path | str) -> None:
        """Write the file: float32 and whole numbers as they are, so that the tracker sees the same to the last bit."""
        about = {
            "version": FORMAT_VERSION,
            "name": self.name,
            "frame_rate": self.frame_rate,
            "every": self.every,
            "frame_count": self.frame_count,
            "image_size": self.image_size,
            "detector": self.detector,
            "fairmot": fairmot.__version__,
        }
        arrays: dict[str, Any] = {
            "about": np.array(json.dumps(about)),
            "frame_indices": self.frame_indices,
            "counts": np.diff(self.starts),
            "boxes_xyxy": self.rows.boxes_xyxy,
            "scores": self.rows.scores,
            "class_ids": self.rows.class_ids,
        }
        if self.seconds is not None:
            arrays["seconds"] = self.seconds
        if self.rows.embeddings is not None:
            arrays["embeddings"] = self.rows.embeddings
        save: Callable[..., None] = np.savez_compressed
        with replacing(path) as temporary, temporary.open("wb") as file:
            save(file, **arrays)


class Recorder:
    """Collects the detections of one sequence while it is tracked."""

    def __init__(self) -> None:
        self._indices: list[int] = []
        self._seconds: list[float] = []
        self._frames: list[Detections] = []

    def add(self, frame_index: int, seconds: float, detections: Detections) -> None:
        """Take the detections of the next frame, and its time after the source's first one."""
        self._indices.append(frame_index)
        self._seconds.append(seconds)
        self._frames.append(detections)

    def recording(self, name: str, path: Path, frame_rate: float, **known: Any) -> Recording:
        """Return all of them; ``known`` are the other fields of ``Recording``."""
        counts = [len(frame) for frame in self._frames]
        return Recording(
            name,
            path,
            np.array(self._indices, dtype=np.int64),
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
            joined(self._frames),
            frame_rate,
            seconds=np.array(self._seconds, dtype=np.float64),
            **known,
        )


def joined(frames: list[Detections]) -> Detections:
    """Return the detections of several frames as one; embeddings only if every detection has one."""
    full = [frame for frame in frames if len(frame)]
    if not full:
        return Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    embeddings = [frame.embeddings for frame in full if frame.embeddings is not None]
    return Detections(
        np.concatenate([frame.boxes_xyxy for frame in full]),
        np.concatenate([frame.scores for frame in full]),
        np.concatenate(embeddings) if len(embeddings) == len(full) else None,
        np.concatenate([frame.class_ids for frame in full]),
    )


def describe_detector(detector: Any) -> dict[str, Any]:
    """Return weights, engine and settings of a detector, as far as it has them.

    ``tracker`` holds the tracker's parameters that come with its weights.
    """
    described = {name: value for name in _DESCRIBED if (value := getattr(detector, name, None)) is not None}
    tracker = getattr(detector, "tracker", None)
    note = tracker.note() if isinstance(tracker, TrackerConfig) else ""
    return described | ({"tracker": json.loads(note)} if note else {})


def load_recording(path: Path | str, frame_rate: float | None = None) -> Recording:
    """Read a recording, or detections in MOTChallenge text.

    Text has lines ``frame,-1,left,top,width,height,score[,...]``, frames from 1 in any order; within a frame the order
    of the file is kept. Name, frame rate, image size and length come from the ``seqinfo.ini`` of the sequence that
    the file lies in (``SEQ/det/det.txt``); else the name is the file's, and every frame up to the last one that has a
    detection counts.

    Args:
        path: a ``.npz`` that ``Recording.save`` wrote, or a text file.
        frame_rate: frames a second, evenly spaced; default: those of the file, with the times of its frames, else 30.

    Raises:
        InputError: no such file, or it is neither; or a line of the text is wrong (the message names it).
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a recording (NAME{SUFFIX}) or a MOTChallenge det.txt")
    if frame_rate is not None and not MIN_FRAME_RATE <= frame_rate <= MAX_FRAME_RATE:
        raise InputError(f"frame rate {frame_rate:g}: expected a number from {MIN_FRAME_RATE:g} to {MAX_FRAME_RATE:g}")
    return _load_text(path, frame_rate) if path.suffix != ".npz" else _load_arrays(path, frame_rate)


def _load_arrays(path: Path, frame_rate: float | None) -> Recording:
    what = f"{path}: not a recording of detections of version {FORMAT_VERSION}; track with saved detections to make one"
    try:
        arrays = read_npz(path)
        about = json.loads(str(arrays["about"][()]))
        if about["version"] != FORMAT_VERSION:
            raise InputError(what)
        indices, counts, boxes, scores, class_ids = (arrays[name] for name in _ARRAYS)
        embeddings = arrays.get("embeddings")
        seconds = arrays.get("seconds") if frame_rate is None else None
        rows = Detections(boxes, scores, embeddings, class_ids)
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        size = about["image_size"]
        recording = Recording(
            name=str(about["name"]),
            path=path,
            frame_indices=indices,
            starts=starts,
            rows=rows,
            frame_rate=float(frame_rate or about["frame_rate"]),
            every=int(about["every"]),
            frame_count=about["frame_count"],
            image_size=None if size is None else (int(size[0]), int(size[1])),
            detector=about["detector"],
            seconds=seconds,
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a recording of detections") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(what) from error
    is_stated = recording.every >= 1 and MIN_FRAME_RATE <= recording.frame_rate <= MAX_FRAME_RATE
    # The name becomes that of the result files: it must not lead out of their folder.
    is_name = recording.name not in ("", ".", "..") and not set("/\\\0") & set(recording.name)
    are_whole = all(array.dtype.kind in "iu" for array in (indices, counts, class_ids))
    if not (is_stated and is_name and are_whole):
        raise InputError(what)
    rising = bool((np.diff(indices) > 0).all()) and (not len(indices) or indices[0] >= 0)
    timed = seconds is None or (
        seconds.dtype == np.float64 and seconds.shape == indices.shape and bool(np.isfinite(seconds).all())
    )
    if not (rising and timed) or (counts < 0).any() or len(counts) != len(indices) or starts[-1] != len(rows):
        raise InputError(what)
    return recording


def _load_text(path: Path, frame_rate: float | None) -> Recording:
    info = _info_beside(path)
    rows = load_detection_rows(path, None if info is None else info.frame_count)
    last = int(rows.frames[-1]) + 1 if len(rows.frames) else 0
    count = last if info is None else info.frame_count
    stated = None if info is None else info.frame_rate
    return Recording(
        name=path.stem if info is None else info.name,
        path=path,
        frame_indices=np.arange(count),
        starts=np.searchsorted(rows.frames, np.arange(count + 1)).astype(np.int64),
        rows=Detections(rows.boxes_xyxy, rows.scores),
        frame_rate=frame_rate or stated or DEFAULT_FRAME_RATE,
        frame_count=count,
        image_size=None if info is None else info.image_size,
        # No column of it holds a class.
        detector={"class_count": 1},
    )


def _info_beside(path: Path) -> SequenceInfo | None:
    folder = path.absolute().parent.parent
    return load_info(folder) if has_info(folder) and path.parent.name != "" else None
