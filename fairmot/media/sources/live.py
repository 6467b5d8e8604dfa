"""Frames from a camera, a stream or a pipe: received in a thread, late ones dropped, reconnected when lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import av

from fairmot.errors import InputError
from fairmot.media.hardware import Decoding
from fairmot.media.sources.decoding import Damage, decode, frame_times, stamps, video_stream
from fairmot.media.sources.frame import Frame, fitted
from fairmot.media.sources.latest_queue import LatestQueue
from fairmot.media.sources.locations import Location
from fairmot.media.sources.pipe import open_pipe
from fairmot.media.sources.pixels import upright
from fairmot.media.sources.stream_clock import StreamClock

_DEFAULT_FRAME_RATE = 25.0
_OPEN_SECONDS = 10.0
_FILE_SCHEMES = ("http", "https", "ftp", "ftps", "sftp")
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How streams and cameras are read.

    Raises:
        InputError: a number that is not positive.
    """

    max_latency_seconds: float | None = None
    """A frame that has waited longer is dropped for a younger one; None: only a full queue drops."""
    queue_frames: int = 8
    """Frames that may wait; a full queue drops the oldest."""
    give_up_seconds: float = 30.0
    """How long reconnecting to a lost stream is tried, with pauses that double from 0.25 to 5 s."""
    stall_seconds: float = 5.0
    """A stream that sends nothing for this long counts as lost."""

    def __post_init__(self) -> None:
        for name in ("max_latency_seconds", "queue_frames", "give_up_seconds", "stall_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name.replace('_', ' ')} {value:g}: expected a positive number")


class LiveSource:
    """A camera, a stream or a pipe.

    Frame indices count every frame that was sent, dropped ones included; after a break they continue by the clock.

    Args:
        location: what to open.
        frame_rate: frames/s; left out: the source's own.
        options: how to read it.
        decoding: what decodes it; left out: software.

    Raises:
        InputError: it cannot be opened, or sends no video.
    """

    is_live = True

    def __init__(
        self,
        location: Location,
        frame_rate: float | None = None,
        options: LiveOptions | None = None,
        decoding: Decoding | None = None,
    ) -> None:
        self.name = location.name
        self.frame_count: int | None = None
        self.problem: str | None = None
        self.reconnect_count = 0
        self.busy_seconds = 0.0
        self.decoding: Decoding = decoding or Decoding()
        self._location = location
        self._options = options or LiveOptions()
        self._queue: LatestQueue[Frame] | None = None
        self._kept: Any = None  # the temporary file of a pipe, as long as it is read
        try:
            container = self._open()
            try:
                stream = video_stream(container)
                first = None if stream is None else self._first_frame(container, stream)
            except BaseException:
                container.close()
                raise
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"{location}: {location.advice} ({error.strerror})") from error
        if stream is None or first is None:
            container.close()
            raise InputError(f"{location}: sends no video")
        self.decoding = self.decoding.proven(stream)
        rate = stream.average_rate or stream.guessed_rate
        stated = float(rate) if rate and 1 <= rate <= 240 else _DEFAULT_FRAME_RATE
        self.frame_rate = frame_rate or stated
        image = upright(first)
        self.size = (image.shape[1], image.shape[0])
        self.is_file = _has_end(container) and urlsplit(location.address).scheme in _FILE_SCHEMES
        """Whether it is a file that has an end, at the address of a server of files: no live source."""
        if _has_end(container):
            self._location = replace(location, is_endless=False)
        # Kept open: a pipe cannot be opened twice, and a camera opens slowly.
        self._opened: tuple[Any, Any, Any] | None = (container, stream, first)
        # A pipe is a file that comes bit by bit: its frames have the file's times.
        self._times = frame_times(container, self.frame_rate) if location.is_pipe else None

    @property
    def dropped_count(self) -> int:
        """Frames of the last pass that were dropped."""
        return 0 if self._queue is None else self._queue.dropped_count

    def close(self) -> None:
        """Close an unused connection, and end a pass, whichever thread iterates it."""
        if self._queue is not None:
            self._queue.close()
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    def frames(self, selected: range) -> Generator[Frame]:
        """Yield the selected frames as they arrive; ``problem`` reports a stream that did not come back."""
        self.problem = None
        self.reconnect_count = 0
        self.busy_seconds = 0.0
        queue: LatestQueue[Frame] = LatestQueue(
            self._options.queue_frames, self._location.is_endless, self._options.max_latency_seconds
        )
        self._queue = queue
        stopped = threading.Event()
        thread = threading.Thread(
            target=self._receive, args=(selected, queue, stopped), name="fairmot-receiver", daemon=True
        )
        thread.start()
        try:
            while (frame := queue.get()) is not None:
                yield frame
        finally:
            stopped.set()
            queue.close()
            # A read from a pipe without a writer cannot be interrupted; its thread ends with the program.
            thread.join(self._options.stall_seconds + 1 if self._location.is_endless else 1)

    def _receive(self, selected: range, queue: LatestQueue[Frame], stopped: threading.Event) -> None:
        try:
            self._receive_all(selected, queue, stopped)
        except Exception as error:
            self.problem = f"{self._location}: reading stopped ({getattr(error, 'strerror', None) or error})"
        finally:
            queue.close()

    def _receive_all(self, selected: range, queue: LatestQueue[Frame], stopped: threading.Event) -> None:
        clock = StreamClock(self.frame_rate, self._times)
        lost_since: float | None = None
        wait = _FIRST_WAIT_SECONDS
        reason = "the stream ended"
        while not stopped.is_set():
            before = clock.count
            try:
                reason = self._receive_once(selected, queue, stopped, clock) or reason
            except (av.FFmpegError, OSError) as error:
                reason = error.strerror or str(error)
            if stopped.is_set() or clock.index + 1 >= selected.stop:
                return
            if not self._location.is_endless:
                return
            if clock.count > before:
                lost_since, wait = None, _FIRST_WAIT_SECONDS
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since + wait > self._options.give_up_seconds:
                self.problem = (
                    f"{self._location}: gone for {self._options.give_up_seconds:g} s ({reason}); "
                    f"the {clock.count} frames before it were received"
                )
                return
            stopped.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _receive_once(
        self, selected: range, queue: LatestQueue[Frame], stopped: threading.Event, clock: StreamClock
    ) -> str | None:
        """Receive until the connection ends; return the reason if it is known."""
        opened, self._opened = self._opened, None
        container = self._open() if opened is None else opened[0]
        damage: str | None = None
        with closing(container):
            stream = video_stream(container)
            if stream is None:
                return "no video in it"
            if opened is None:
                self.decoding.configure(stream)
            if clock.count:
                self.reconnect_count += 1
            clock.connected()
            # Streams of single images have no time stamps of their own.
            timed = container.format.name not in ("mpjpeg", "mjpeg", "image2pipe")
            pending = [] if opened is None else [opened[2]]
            source = decode(container, stream)
            while not stopped.is_set():
                begun = time.perf_counter()
                decoded = pending.pop() if pending else next(source, None)
                if decoded is None:
                    break
                if isinstance(decoded, Damage):
                    damage = decoded.reason if decoded.is_fatal else damage
                    continue
                clock.next(*stamps(decoded, stream) if timed else (None,))
                if clock.index in selected:
                    image = upright(decoded)
                    if image.shape[1::-1] != self.size:
                        image = fitted(image, self.size)
                    self.busy_seconds += time.perf_counter() - begun
                    queue.put(Frame(image, clock.index, clock.seconds))
                if clock.index + 1 >= selected.stop:
                    break
        return damage

    def _open(self) -> Any:
        location = self._location
        if location.is_pipe:
            container, self._kept = open_pipe(self.decoding)
            return container
        return self.decoding.open(
            location.address,
            format=location.format,
            options=dict(location.options),
            metadata_errors="replace",
            # The first number limits the opening, the second each read.
            timeout=(_OPEN_SECONDS, self._options.stall_seconds),
        )

    def _first_frame(self, container: Any, stream: Any) -> Any:
        stream.thread_type = "SLICE"  # threads that decode several frames at once would hold them back
        self.decoding.configure(stream)
        return next((frame for frame in decode(container, stream) if not isinstance(frame, Damage)), None)


def _has_end(container: Any) -> bool:
    """Whether a container states its end: a playlist with an end mark, a file whose length the server tells."""
    is_list = container.format.name.startswith(("hls", "dash"))
    return bool(container.duration) or (not is_list and container.size > 0)
