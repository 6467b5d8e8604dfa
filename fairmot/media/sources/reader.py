"""The frames of one source, read ahead in a background thread."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Self

import av
import cv2

from fairmot.errors import InputError
from fairmot.geometry import ImageArray, Scale
from fairmot.media.sources.frame import Decoded, Frame
from fairmot.media.sources.prefetch import prefetch
from fairmot.media.sources.sound import Sound
from fairmot.media.sources.source import Source

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
        self._needs_images = True

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
    def video_decoder(self) -> str | None:
        """What decodes the video: ``software`` or a device; None for images."""
        return None if self._source.decoding is None else self._source.decoding.device

    @property
    def decoder_fallback(self) -> str | None:
        """Why software decodes although a device was named, in one line; None: it does what was named."""
        return None if self._source.decoding is None else self._source.decoding.fallback

    @property
    def problem(self) -> str | None:
        """What could not be read in the last pass, in one line; None when all is well."""
        return self._source.problem

    def prepare_with(
        self,
        prepare: Callable[[ImageArray], Any] | None,
        prepare_decoded: Callable[[tuple[int, int], Scale], Any] | None = None,
        needs_images: bool = True,
    ) -> None:
        """Let later passes attach to each frame what ``prepare`` returns for its image, as ``Frame.prepared``.

        Frames that can scale themselves as they were decoded come to ``prepare_decoded`` instead, if it is given: their
        width and height, and what scales them; where it returns None, ``prepare`` gets the image. With
        ``needs_images=False`` the loop says that what is prepared is enough: frames that ``prepare_decoded`` took are
        not converted, and have an empty image.

        ``prepare`` runs in the background thread that decodes, ahead of the loop. Frames of a live source are
        prepared only when they are taken: work on frames that are dropped later would delay the others.
        """
        self._prepare, self._prepare_decoded = prepare, prepare_decoded
        self._needs_images = needs_images

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
        with self._reading():
            return next(frames, None)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, av.FFmpegError, cv2.error) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            raise InputError(f"{self._label}: reading stopped ({reason})") from error

    def _prepared(self, frame: Frame) -> Frame:
        prepared = None
        if frame.decoded is not None:
            prepared = self._scaled(frame.decoded)
            image = frame.image
            if self._needs_images or prepared is None:
                started = time.perf_counter()
                with self._reading():
                    image = frame.decoded.image()
                self.busy_seconds += time.perf_counter() - started
            frame = replace(frame, image=image, prepared=prepared, decoded=None)  # the decoder has its buffer back
        if prepared is None and self._prepare is not None:
            started = time.perf_counter()
            frame = replace(frame, prepared=self._prepare(frame.image))
            self.prepare_seconds += time.perf_counter() - started
        return frame

    def _scaled(self, decoded: Decoded) -> Any:
        """Return what ``prepare_decoded`` makes of a frame; None: nothing."""
        if self._prepare is None or self._prepare_decoded is None or decoded.scale is None:
            return None
        decoder_scale = decoded.scale

        def scale(size: tuple[int, int]) -> ImageArray:
            with self._reading():
                return decoder_scale(size)

        started = time.perf_counter()
        prepared = self._prepare_decoded(self._source.size, scale)
        self.prepare_seconds += time.perf_counter() - started
        return prepared
