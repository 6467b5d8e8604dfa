"""Frames from a video file of any codec that FFmpeg reads."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
from av.video.reformatter import VideoReformatter

from fairmot.errors import InputError
from fairmot.formats.seqinfo import MAX_FRAME_RATE, MIN_FRAME_RATE
from fairmot.media.hardware import SOFTWARE, Decoding
from fairmot.media.sources.decoding import STREAMS, Damage, decode, frame_times, stamps, video_stream
from fairmot.media.sources.frame import NO_IMAGE, Frame, fitted
from fairmot.media.sources.locations import without_password
from fairmot.media.sources.pixels import DecodedFrame
from fairmot.media.sources.sound import Sound
from fairmot.media.sources.source import StoredSource

# A container that lacks less than this counts as complete: durations are rounded, and audio may be longer.
_TOLERATED_LOSS_SECONDS = 0.5
_DEFAULT_FRAME_RATE = 25.0
_MOST_PIXELS = 8192 * 4608
_ADDRESS_SECONDS = (20.0, 30.0)


class VideoSource(StoredSource):
    """A video file, local or at an ``http`` address: frames as a player shows them, turned by the recorded rotation.

    Pixels stay as they are coded: non-square ones are not stretched.

    Args:
        path: the file, or its address.
        frame_rate: frames/s; left out: the mean rate of the file.
        decoding: what decodes it; left out: software.

    Raises:
        InputError: the file holds no video, or not one frame of it can be decoded.
    """

    def __init__(self, path: Path | str, frame_rate: float | None = None, decoding: Decoding | None = None) -> None:
        self.path = path
        self._label = without_password(str(path))
        self.name = path.stem if isinstance(path, Path) else Path(urlsplit(self._label).path).stem or "video"
        self.problem: str | None = None
        self.decoding: Decoding = decoding or Decoding()
        try:
            with _open(path, self.decoding) as container:
                stream = video_stream(container)
                # FFmpeg renders plain text as a video of a terminal.
                if stream is None or container.format.name == "tty":
                    raise InputError(
                        f"{self._label}: no video in this file; give a video, an image or a folder of images"
                    )
                rate = _frame_rate(container, stream)
                self.decoding.configure(stream)
                self.frame_rate = frame_rate or rate or _DEFAULT_FRAME_RATE
                self._duration = _duration_seconds(container, stream)
                self.frame_count = _frame_count(container, stream, self._duration, rate)
                first = next((frame for frame in decode(container, stream) if not isinstance(frame, Damage)), None)
                self.decoding = self.decoding.proven(stream)
                if first is not None and container.streams.audio:
                    self.sound = Sound(
                        path if isinstance(path, str) else f"file:{path}", stamps(first, stream)[0] or 0.0
                    )
        except av.FFmpegError as error:
            raise InputError(f"{self._label}: not a video that can be read ({error.strerror})") from error
        if first is None:
            raise InputError(f"{self._label}: a video without one frame that can be decoded")
        self.size = DecodedFrame(first, VideoReformatter()).size

    def frames(self, selected: range) -> Generator[Frame]:
        """Yield the selected frames; ``problem`` reports damage, an early end and a change of size."""
        self.problem = None
        damage: list[Damage] = []
        change: str | None = None
        index = -1
        end_seconds = 0.0
        with _open(self.path, self.decoding) as container:
            stream = video_stream(container)
            # Threads decode several frames at once; the default of one thread a frame is half as fast.
            stream.thread_type = "AUTO"
            self.decoding.configure(stream)
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
                if index == 0:
                    self.decoding = self.decoding.proven(stream)
                pts, dts, length = stamps(decoded, stream)
                seconds = times.next(pts, dts, length)
                end_seconds = seconds + length
                if index in selected:
                    frame = DecodedFrame(decoded, reformatter)
                    if frame.size == self.size:
                        yield Frame(NO_IMAGE, index, seconds, decoded=frame)
                    else:
                        change = change or (
                            f"{self._label}: the frame size changes from {self.size[0]} x {self.size[1]} to "
                            f"{frame.size[0]} x {frame.size[1]} pixels at frame {index + 1}; "
                            "frames of other sizes were fitted into the first size"
                        )
                        yield Frame(fitted(frame.image(), self.size), index, seconds)
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


def _open(path: Path | str, decoding: Decoding) -> Any:
    try:
        return _open_with(path, decoding)
    except av.FFmpegError:
        if decoding.device == SOFTWARE:
            raise
    return _open_with(path, Decoding())  # the device has no room for another video, or has gone since its trial


def _open_with(path: Path | str, decoding: Decoding) -> Any:
    if isinstance(path, str):
        # The first number limits the opening, the second each read.
        return decoding.open(path, timeout=_ADDRESS_SECONDS, metadata_errors="replace")
    # Without the prefix a colon in the name would be read as a protocol.
    return decoding.open(f"file:{path}", metadata_errors="replace")


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
    if container.format.name in STREAMS:
        return None
    if stream.frames and (container.format.name != "avi" or stream.average_rate == rate):
        return int(stream.frames)
    return round(duration * rate) if duration and rate else None
