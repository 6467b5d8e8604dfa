"""Frames from a video file of any codec that FFmpeg reads."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import cv2
import numpy as np

from fairmot.errors import InputError
from fairmot.geometry import ImageArray
from fairmot.media.sources.frame import Frame, fitted
from fairmot.media.sources.locations import without_password
from fairmot.media.sources.source import StoredSource

# A container that lacks less than this counts as complete: durations are rounded, and audio may be longer.
_TOLERATED_LOSS_SECONDS = 0.5
_ROTATIONS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


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
        self.name = path.stem if isinstance(path, Path) else Path(urlsplit(path).path).stem
        self.problem: str | None = None
        try:
            with av.open(_address(path)) as container:
                stream = video_stream(container)
                # FFmpeg renders plain text as a video of a terminal.
                if stream is None or container.format.name == "tty":
                    raise InputError(
                        f"{self._label}: no video in this file; give a video, an image or a folder of images"
                    )
                rate = stream.average_rate or stream.guessed_rate
                self.frame_rate = frame_rate or (float(rate) if rate else 25.0)
                self._duration = _duration_seconds(container, stream)
                self.frame_count = stream.frames or (
                    round(self._duration * float(rate)) if self._duration and rate else None
                )
                first = next((frame for frame in decode(container, stream) if not isinstance(frame, Damage)), None)
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
        origin = end_seconds = 0.0
        with av.open(_address(self.path)) as container:
            stream = video_stream(container)
            # Threads decode several frames at once; the default of one thread a frame is half as fast.
            stream.thread_type = "AUTO"
            for decoded in decode(container, stream):
                if isinstance(decoded, Damage):
                    damage.append(decoded)
                    continue
                index += 1
                time = index / self.frame_rate if decoded.time is None else decoded.time
                origin = time if index == 0 else origin
                length = float(decoded.duration * decoded.time_base) if decoded.duration else 0.0
                end_seconds = max(end_seconds, time - origin + length)
                if index in selected:
                    image = upright(decoded)
                    if image.shape[1::-1] != self.size:
                        change = change or (
                            f"{self._label}: the frame size changes from {self.size[0]} x {self.size[1]} to "
                            f"{image.shape[1]} x {image.shape[0]} pixels at frame {index + 1}; "
                            "frames of other sizes were fitted into the first size"
                        )
                        image = fitted(image, self.size)
                    yield Frame(image, index, time - origin)
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


def _address(path: Path | str) -> str:
    if isinstance(path, str):
        return path
    # Without the prefix a colon in the name would be read as a protocol.
    return f"file:{path}"


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
    if tag := stream.metadata.get("DURATION"):  # Matroska: 00:00:02.400000000
        try:
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            return None
    if container.duration and len(container.streams) == 1:
        return float(container.duration / av.time_base)
    return None


def decode(container: Any, stream: Any) -> Iterator[Any]:
    """Yield decoded frames, and a ``Damage`` for each part that cannot be decoded."""
    packets = container.demux(stream)
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
        if packet.is_corrupt:  # the container reports missing pieces; the decoder uses what there is
            yield Damage("pieces are missing")
        try:
            yield from stream.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError as error:
            yield Damage(error.strerror)
        if last:
            return


def upright(frame: Any) -> ImageArray:
    """Return the pixels of a decoded frame, BGR, turned by the recorded rotation."""
    image: ImageArray = frame.to_ndarray(format="bgr24")
    # The recorded angle is counterclockwise (libavutil/display.h); cameras record multiples of 90.
    turn = _ROTATIONS.get(round(frame.rotation / 90) * 90 % 360)
    return np.ascontiguousarray(image) if turn is None else cv2.rotate(image, turn)
