"""Read frames from files, folders, globs, MOTChallenge sequences, cameras, streams and pipes."""

from __future__ import annotations

import stat
import sys
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import av
import cv2

from fairmot.errors import InputError
from fairmot.formats.images import IMAGE_SUFFIXES
from fairmot.formats.seqinfo import MAX_FRAME_RATE, MIN_FRAME_RATE
from fairmot.geometry import ImageArray, Scale
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.images import ImageSource
from fairmot.media.sources.live import LiveOptions, LiveSource
from fairmot.media.sources.locations import (
    expand,
    is_address,
    is_file_address,
    live_location,
    local_file,
    without_password,
)
from fairmot.media.sources.prefetch import prefetch
from fairmot.media.sources.sound import Sound
from fairmot.media.sources.source import Source
from fairmot.media.sources.video import VideoSource

__all__ = ["Frame", "FrameReader", "read_frames"]

# Enough to hide a slow frame; at 1080p a frame takes 6 MB.
_QUEUE_FRAMES = 4


class FrameReader:
    """Frames of one source, decoded ahead in a background thread while the caller iterates.

    ``for frame in reader`` may be repeated and left early: no thread outlives its loop. ``with`` or ``close()`` ends
    an iterator that is kept elsewhere.

    Raises:
        InputError: while it iterates: the source cannot be read on.
    """

    def __init__(self, source: Source, selected: range, label: str | None = None) -> None:
        self._source = source
        self._label = source.name if label is None else label
        self._selected = selected
        # Weak, so that leaving a loop drops the iterator, which ends its thread.
        self._running: weakref.ref[Generator[Frame]] | None = None
        self.busy_seconds = 0.0
        """Time that the background thread spent on decoding in the last pass."""
        self.prepare_seconds = 0.0
        """Time that preparing took in the last pass."""
        self._prepare: Callable[[ImageArray], Any] | None = None
        self._prepare_decoded: Callable[[tuple[int, int], Scale], Any] | None = None

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
        """Frames a second of the whole source, also where ``every`` leaves frames out."""
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
    def start(self) -> int:
        """Index of the first frame delivered."""
        return self._selected.start

    @property
    def end(self) -> int | None:
        """Index of the first frame left out; None: all."""
        return None if self._selected.stop == sys.maxsize else self._selected.stop

    @property
    def is_live(self) -> bool:
        """Whether the source sets the pace: a camera, stream or pipe."""
        return self._source.is_live

    @property
    def dropped_count(self) -> int:
        """Frames of a live source that were dropped in the last pass, because they were not taken in time."""
        return self._source.dropped_count

    @property
    def reconnect_count(self) -> int:
        """How often a live source was lost and reconnected in the last pass."""
        return self._source.reconnect_count

    @property
    def sound(self) -> Sound | None:
        """Where the source's sound is; None: it has none, or is live."""
        return getattr(self._source, "sound", None)

    @property
    def problem(self) -> str | None:
        """What could not be read in the last pass, in one line; None when all is well."""
        return self._source.problem

    def prepare_with(
        self,
        prepare: Callable[[ImageArray], Any] | None,
        prepare_decoded: Callable[[tuple[int, int], Scale], Any] | None = None,
    ) -> None:
        """Let later passes attach to each frame what ``prepare`` returns for its image, as ``Frame.prepared``.

        Frames that can scale themselves as they were decoded come to ``prepare_decoded`` instead, if it is given: their
        width and height, and what scales them; where it returns None, ``prepare`` gets the image.

        ``prepare`` runs in the background thread that decodes, ahead of the loop. Frames of a live source are
        prepared only when they are taken: work on frames that are dropped later would delay the others.
        """
        self._prepare, self._prepare_decoded = prepare, prepare_decoded

    def __iter__(self) -> Iterator[Frame]:
        self._end_pass()
        self.busy_seconds = self.prepare_seconds = 0.0
        # A live source has its own thread; another queue would only make its frames older.
        running = self._received() if self.is_live else prefetch(self._timed(), _QUEUE_FRAMES)
        self._running = weakref.ref(running)
        return running

    def close(self) -> None:
        """End a pass that is under way, and its thread."""
        self._end_pass()
        self._source.close()

    def stop(self) -> None:
        """End a pass that another thread iterates, soon, even while it waits for a camera's next frame."""
        self._source.close()

    def _end_pass(self) -> None:
        running = self._running() if self._running is not None else None
        if running is not None:
            running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _received(self) -> Generator[Frame]:
        with closing(self._source.frames(self._selected)) as frames:
            while (frame := self._next(frames)) is not None:
                yield self._prepared(frame)
                self.busy_seconds = self._source.busy_seconds

    def _timed(self) -> Generator[Frame]:
        with closing(self._source.frames(self._selected)) as frames:
            while True:
                started = time.perf_counter()
                frame = self._next(frames)
                self.busy_seconds += time.perf_counter() - started
                if frame is None:
                    return
                yield self._prepared(frame)

    def _next(self, frames: Generator[Frame]) -> Frame | None:
        try:
            return next(frames, None)
        except (OSError, av.FFmpegError, cv2.error) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            raise InputError(f"{self._label}: reading stopped ({reason})") from error

    def _prepared(self, frame: Frame) -> Frame:
        if self._prepare is None:  # nobody scales: the decoder has its buffer back
            return frame if frame.scale is None else replace(frame, scale=None)
        started = time.perf_counter()
        prepared = None
        if self._prepare_decoded is not None and frame.scale is not None:
            prepared = self._prepare_decoded(self._source.size, frame.scale)
        if prepared is None:
            prepared = self._prepare(frame.image)
        frame = replace(frame, prepared=prepared, scale=None)  # the decoder's buffer is free again
        self.prepare_seconds += time.perf_counter() - started
        return frame


def read_frames(
    source: str | Path,
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    frame_rate: float | None = None,
    live: LiveOptions | None = None,
) -> FrameReader:
    """Open a source of frames and check it.

    Args:
        source: a video file or its ``http`` address, an image (jpg, png, tif, webp ...), a folder of images in natural
            order, a glob of images, a MOTChallenge sequence folder, a camera (``0``), a stream (``rtsp://...``), or
            ``-`` for a video that comes through standard input.
        start: index of the first frame, from 0.
        end: index of the first frame that is left out; None: all.
        every: take each n-th frame only.
        frame_rate: frames/s; left out: the source's own (30 for a folder that states none).
        live: how streams and cameras are read.

    Returns:
        An object to iterate over, with ``name``, ``size``, ``frame_rate``, ``frame_count`` and, after a pass,
        ``problem``.

    Raises:
        InputError: no such source, a folder without images, a file that is no video, a glob that matches several
            sources, or a range without a frame.
    """
    opened = open_frames([source], start, end, every, frame_rate, live)
    if len(opened) > 1:
        for _, reader in opened:
            reader.close()
        raise InputError(f"{source}: matches {len(opened)} sources, expected one")
    return opened[0][1]


def open_frames(
    sources: Sequence[str | Path],
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    frame_rate: float | None = None,
    live: LiveOptions | None = None,
) -> list[tuple[str, FrameReader]]:
    """Open all sources that are named, as ``read_frames`` does; a glob may name several.

    Returns:
        The name of each source as given, without a password, and its frames.

    Raises:
        InputError: one of them cannot be used; none is left open.
    """
    if every < 1:
        raise InputError(f"every {every}: expected 1 (each frame) or more")
    if (start or 0) < 0 or (end is not None and end <= (start or 0)):
        raise InputError(f"frames {start or 0} to {end}: expected 0 <= start < end")
    if frame_rate is not None and not MIN_FRAME_RATE <= frame_rate <= MAX_FRAME_RATE:
        raise InputError(f"frame rate {frame_rate:g}: expected a number from {MIN_FRAME_RATE:g} to {MAX_FRAME_RATE:g}")
    selected = range(start or 0, sys.maxsize if end is None else end, every)
    opened: list[tuple[str, FrameReader]] = []
    try:
        for source in expand(sources):
            word = str(source[0].parent) if isinstance(source, list) else without_password(source)
            reader = FrameReader(_open(source, frame_rate, live), selected, word)
            opened.append((word, reader))
            if reader.frame_count == 0:
                total = reader._source.frame_count
                raise InputError(f"{word}: no frame from {start} on; the source has {total} frames")
    except BaseException:
        for _, reader in opened:
            reader.close()
        raise
    return opened


def _open(source: str | list[Path], frame_rate: float | None, live: LiveOptions | None) -> Source:
    if isinstance(source, list):
        return ImageSource(source, frame_rate)
    if is_address(source) and is_file_address(source):
        return VideoSource(local_file(source) or source, frame_rate)
    location = live_location(source)
    if location is not None:
        found = LiveSource(location, frame_rate, live)
        if not found.is_file:
            return found
        found.close()
        return VideoSource(source, frame_rate)
    path = Path(source)
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no such file or folder") from error
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise InputError(f"{path}: neither a file nor a folder; a video that comes through a pipe is '-' with < {path}")
    # A single GIF is an animation most of the time; several of them are images.
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES - {".gif"}:
        return ImageSource(path, frame_rate)
    return VideoSource(path, frame_rate)
