"""Read frames from a video file, a picture, a folder of pictures or a MOTChallenge sequence."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Self

from fairmot.errors import InputError
from fairmot.media.image_source import IMAGE_SUFFIXES, ImageSource
from fairmot.media.prefetch import prefetch
from fairmot.media.source import Frame, Source
from fairmot.media.video_source import VideoSource

__all__ = ["Frame", "FrameReader", "read_frames"]

# Enough to hide a slow frame; at 1080p a frame takes 6 MB.
_QUEUE_FRAMES = 4


class FrameReader:
    """Frames of one source, decoded ahead in a background thread while somebody iterates.

    ``for frame in reader`` may be repeated and left early: no thread outlives its loop. ``with`` or ``close()`` ends
    an iterator that is kept elsewhere.
    """

    def __init__(self, source: Source, selected: range) -> None:
        self._source = source
        self._selected = selected
        # Weak, so that leaving a loop drops the iterator, which ends its thread.
        self._running: weakref.ref[Generator[Frame]] | None = None
        self.busy_seconds = 0.0
        """Time that the background thread spent on decoding in the last pass."""

    @property
    def name(self) -> str:
        """What results of this source are called."""
        return self._source.name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every frame, pixels."""
        return self._source.size

    @property
    def frame_rate(self) -> float:
        """Frames a second of the source, whatever is left out here."""
        return self._source.frame_rate

    @property
    def every(self) -> int:
        """Step from one frame delivered to the next."""
        return self._selected.step

    @property
    def frame_count(self) -> int | None:
        """Frames to expect here, as the source announces them; None where it does not know."""
        total = self._source.frame_count
        if total is None:
            return None
        return len(range(self._selected.start, min(self._selected.stop, total), self._selected.step))

    @property
    def problem(self) -> str | None:
        """What could not be read in the last pass, in one line; None when all is well."""
        return self._source.problem

    def __iter__(self) -> Iterator[Frame]:
        self.close()
        running = prefetch(self._timed(), _QUEUE_FRAMES)
        self._running = weakref.ref(running)
        return running

    def close(self) -> None:
        """End a pass that is under way, and its thread."""
        running = self._running() if self._running is not None else None
        if running is not None:
            running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _timed(self) -> Generator[Frame]:
        self.busy_seconds = 0.0
        with closing(self._source.frames(self._selected)) as frames:
            while True:
                started = time.perf_counter()
                frame = next(frames, None)
                self.busy_seconds += time.perf_counter() - started
                if frame is None:
                    return
                yield frame


def read_frames(
    source: str | Path,
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    frame_rate: float | None = None,
) -> FrameReader:
    """Open a source of frames and check it.

    Args:
        source: a video file, a picture (jpg, png, bmp, webp), a folder of pictures in natural order, or a
            MOTChallenge sequence folder.
        start: index of the first frame, from 0.
        end: index of the first frame that is left out; None: all.
        every: take each n-th frame only.
        frame_rate: frames/s; left out: what the source says (a folder that says nothing: 30).

    Returns:
        An object to iterate over; it tells ``name``, ``size``, ``frame_rate``, ``frame_count`` and, after a pass,
        ``problem``.

    Raises:
        InputError: no such file, a folder without pictures, a file that is no video, or a range without a frame.
    """
    if every < 1:
        raise InputError(f"every {every}: expected 1 (each frame) or more")
    if (start or 0) < 0 or (end is not None and end <= (start or 0)):
        raise InputError(f"frames {start or 0} to {end}: expected 0 <= start < end")
    if frame_rate is not None and not frame_rate > 0:
        raise InputError(f"frame rate {frame_rate:g}: expected a positive number")
    reader = FrameReader(_open(Path(source), frame_rate), range(start or 0, sys.maxsize if end is None else end, every))
    if reader.frame_count == 0:
        total = reader._source.frame_count
        raise InputError(f"{source}: frames from {start} on were asked for, but there are {total}")
    return reader


def _open(path: Path, frame_rate: float | None) -> Source:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource(path, frame_rate)
    return VideoSource(path, frame_rate)
