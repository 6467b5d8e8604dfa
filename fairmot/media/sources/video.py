"""Frames from a video file of any codec that FFmpeg reads."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from fairmot.errors import InputError
from fairmot.formats.seqinfo import MAX_FRAME_RATE, MIN_FRAME_RATE
from fairmot.geometry import ImageArray, Scale
from fairmot.media.sources.frame import Frame, fitted
from fairmot.media.sources.frame_times import FrameTimes
from fairmot.media.sources.locations import without_password
from fairmot.media.sources.sound import Sound
from fairmot.media.sources.source import StoredSource

# A container that lacks less than this counts as complete: durations are rounded, and audio may be longer.
_TOLERATED_LOSS_SECONDS = 0.5
_DEFAULT_FRAME_RATE = 25.0
_MOST_PIXELS = 8192 * 4608
_ADDRESS_SECONDS = (20.0, 30.0)
# Recorders join transport streams with ``cat``: at a join the container misses pieces that nobody sent.
_JOIN_PACKETS = 8
_STREAMS = ("mpegts", "mpeg")
_UPRIGHT = (1, 0, 0, 1)


class VideoSource(StoredSource):
    """A video file, local or at an ``http`` address: frames as a player shows them, turned by the recorded rotation.

    Pixels stay as they are coded: non-square ones are not stretched.

    Args:
        path: the file, or its address.
        frame_rate: frames/s; left out: the mean rate of the file.

    Raises:
        InputError: the file holds no video, or not one frame of it can be decoded.
    """

    def __init__(self, path: Path | str, frame_rate: float | None = None) -> None:
        self.path = path
        self._label = without_password(str(path))
        self.name = path.stem if isinstance(path, Path) else Path(urlsplit(self._label).path).stem or "video"
        self.problem: str | None = None
        try:
            with _open(path) as container:
                stream = video_stream(container)
                # FFmpeg renders plain text as a video of a terminal.
                if stream is None or container.format.name == "tty":
                    raise InputError(
                        f"{self._label}: no video in this file; give a video, an image or a folder of images"
                    )
                rate = _frame_rate(container, stream)
                self.frame_rate = frame_rate or rate or _DEFAULT_FRAME_RATE
                self._duration = _duration_seconds(container, stream)
                self.frame_count = _frame_count(container, stream, self._duration, rate)
                first = next((frame for frame in decode(container, stream) if not isinstance(frame, Damage)), None)
                if first is not None and container.streams.audio:
                    self.sound = Sound(
                        path if isinstance(path, str) else f"file:{path}", stamps(first, stream)[0] or 0.0
                    )
        except av.FFmpegError as error:
            raise InputError(f"{self._label}: not a video that can be read ({error.strerror})") from error
        if first is None:
            raise InputError(f"{self._label}: a video without one frame that can be decoded")
        image = upright(first)
        self.size = (image.shape[1], image.shape[0])

    def frames(self, selected: range) -> Generator[Frame]:
        """Yield the selected frames; ``problem`` reports damage, an early end and a change of size."""
        self.problem = None
        damage: list[Damage] = []
        change: str | None = None
        index = -1
        end_seconds = 0.0
        with _open(self.path) as container:
            stream = video_stream(container)
            # Threads decode several frames at once; the default of one thread a frame is half as fast.
            stream.thread_type = "AUTO"
            # A video may grow in the middle: its decoder must not take all memory for that.
            most = max(_MOST_PIXELS, 4 * self.size[0] * self.size[1])
            stream.codec_context.options = {"max_pixels": str(most)}
            times = frame_times(container, self.frame_rate)
            reformatter = VideoReformatter()
            for decoded in decode(container, stream):
                if isinstance(decoded, Damage):
                    damage.append(decoded)
                    continue
                index += 1
                pts, dts, length = stamps(decoded, stream)
                seconds = times.next(pts, dts, length)
                end_seconds = seconds + length
                if index in selected:
                    image = upright(decoded)
                    if image.shape[1::-1] != self.size:
                        change = change or (
                            f"{self._label}: the frame size changes from {self.size[0]} x {self.size[1]} to "
                            f"{image.shape[1]} x {image.shape[0]} pixels at frame {index + 1}; "
                            "frames of other sizes were fitted into the first size"
                        )
                        image = fitted(image, self.size)
                    yield Frame(image, index, seconds, scale=_scale(decoded, reformatter) if change is None else None)
                if index + 1 >= selected.stop:
                    break
        wanted_all = index + 1 < selected.stop
        problems = (self._describe(damage, index + 1, end_seconds, wanted_all), change)
        self.problem = "; ".join(problem for problem in problems if problem) or None

    def _describe(self, damage: list[Damage], count: int, seconds: float, wanted_all: bool) -> str | None:
        kept = f"the {count} frames before it were read"
        if wanted_all and self._duration is not None and self._duration - seconds > _TOLERATED_LOSS_SECONDS:
            return f"{self._label}: the video is cut off at {seconds:.1f} s of {self._duration:.1f} s; {kept}"
        if damage and damage[0].is_fatal:
            return f"{self._label}: reading stopped at {seconds:.1f} s ({damage[0].reason}); {kept}"
        if damage:
            return (
                f"{self._label}: {len(damage)} damaged packet{'s' * (len(damage) > 1)} "
                f"({damage[0].reason}); {count} frames were read"
            )
        return None


class Damage:
    """A part of a video that could not be decoded; after a fatal one nothing more can be read."""

    def __init__(self, reason: str, is_fatal: bool = False) -> None:
        self.reason = reason
        self.is_fatal = is_fatal


def _open(path: Path | str) -> Any:
    if isinstance(path, str):
        # The first number limits the opening, the second each read.
        return av.open(path, timeout=_ADDRESS_SECONDS, metadata_errors="replace")
    # Without the prefix a colon in the name would be read as a protocol.
    return av.open(f"file:{path}", metadata_errors="replace")


def video_stream(container: Any) -> Any:
    """Return the first video stream that is no cover image; None where there is none."""
    covers = av.stream.Disposition.attached_pic
    return next((stream for stream in container.streams.video if not stream.disposition & covers), None)


def _duration_seconds(container: Any, stream: Any) -> float | None:
    """Return the duration that the file states for its video, else for its only stream; None where it states none."""
    # FFmpeg shortens the duration of a truncated AVI to what is left; the number of frames stays as written.
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    start = float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0
    if tag := stream.metadata.get("DURATION"):  # Matroska: 00:00:02.400000000
        try:
            hours, minutes, seconds = tag.split(":")
            # FFmpeg writes the time of the end; other programs the duration, which is no less than what is left here.
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - start
        except ValueError:
            return None
    if container.duration and len(container.streams) == 1:
        return float(container.duration / av.time_base)
    return None


def _frame_rate(container: Any, stream: Any) -> float | None:
    # In AVI the mean counts the fields of H.264 as frames.
    rates = (stream.average_rate, stream.guessed_rate)
    rate = next(filter(None, reversed(rates) if container.format.name == "avi" else rates), None)
    return float(rate) if rate and MIN_FRAME_RATE <= rate <= MAX_FRAME_RATE else None


def _frame_count(container: Any, stream: Any, duration: float | None, rate: float | None) -> int | None:
    """Return the number of frames that the file states; None where it states none, or only of its last segment."""
    if container.format.name in _STREAMS:
        return None
    if stream.frames and (container.format.name != "avi" or stream.average_rate == rate):
        return int(stream.frames)
    return round(duration * rate) if duration and rate else None


def decode(container: Any, stream: Any) -> Iterator[Any]:
    """Yield decoded frames, and a ``Damage`` for each part that cannot be decoded."""
    packets = container.demux(stream)
    missing: list[int] = []  # packets with missing pieces, by number, that a join may explain
    number, joined_at, last_dts = 0, -_JOIN_PACKETS, None
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            yield Damage(error.strerror, is_fatal=True)
            packet = None
        if packet is None:
            # An empty packet flushes the frames that the decoder holds; the time base is for their times.
            packet = av.Packet()
            packet.time_base = stream.time_base
        last = packet.size == 0
        number += 1
        if packet.dts is not None:
            if last_dts is not None and packet.dts < last_dts:
                joined_at, missing = number, []
            last_dts = packet.dts
        if packet.is_corrupt and number > joined_at + _JOIN_PACKETS:
            missing.append(number)  # the container reports missing pieces; the decoder uses what there is
        while missing and (last or number >= missing[0] + _JOIN_PACKETS):
            missing.pop(0)
            yield Damage("pieces are missing")
        try:
            yield from stream.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError as error:
            yield Damage(error.strerror)
        if last:
            return


def frame_times(container: Any, frame_rate: float) -> FrameTimes:
    """Return what computes the times of the frames of an open file."""
    name = container.format.name
    return FrameTimes(frame_rate, by_decoding=name == "avi", is_stream=name in _STREAMS)


def stamps(frame: Any, stream: Any) -> tuple[float | None, float | None, float]:
    """Return the time stamps of presentation and of decoding of a decoded frame, and its duration (0: not known), s."""
    base = float(frame.time_base or stream.time_base)
    pts, dts = (None if stamp is None else stamp * base for stamp in (frame.pts, frame.dts))
    return pts, dts, (frame.duration or 0) * base


def upright(frame: Any) -> ImageArray:
    """Return the pixels of a decoded frame, BGR, turned and mirrored by the recorded display matrix."""
    image: ImageArray = frame.to_ndarray(format="bgr24")
    return np.ascontiguousarray(_as_shown(image, *_display_matrix(frame)))


def _scale(frame: Any, reformatter: VideoReformatter) -> Scale | None:
    """Return what scales a decoded frame and converts it to BGR in one step; None: it must be turned."""
    if _display_matrix(frame) != _UPRIGHT:
        return None
    # The filter of areas, as of ``Letterbox``; one thread, since the network has the others.
    reformat = functools.partial(reformatter.reformat, frame, format="bgr24", interpolation="AREA", threads=1)

    def scale(size: tuple[int, int]) -> ImageArray:
        image: Any = reformat(width=size[0], height=size[1]).to_ndarray()
        return image  # type: ignore[no-any-return]

    return scale


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """Return a, b, c, d of the matrix that takes a pixel (x, y) to (a x + c y, b x + d y): each -1, 0 or 1."""
    data = frame.side_data.get("DISPLAYMATRIX") if frame.side_data else None
    if data is None:
        return _UPRIGHT
    values = np.frombuffer(bytes(data), dtype=np.int32)[[0, 1, 3, 4]].astype(np.float64)
    # 16.16 fixed point; cameras record multiples of 90 degrees. Any other angle becomes the nearest of them.
    a, b, c, d = values / max(1.0, float(np.abs(values).max()))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _sign(a), 0, 0, _sign(d)
    return 0, _sign(b), _sign(c), 0


def _sign(value: float) -> int:
    return -1 if value < 0 else 1


def _as_shown(image: ImageArray, a: int, b: int, c: int, d: int) -> ImageArray:
    """Return an image [H, W, 3] under a display matrix of -1, 0 and 1; see ``_display_matrix``."""
    if a == 0:  # x and y change places
        image = image.transpose(1, 0, 2)
        a, d = c, b
    return image[:: d or 1, :: a or 1]
