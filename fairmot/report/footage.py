"""The video under the page's overlay: its file, and when each of its frames is shown."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError
from fairmot.media.outputs.video import VideoWriter
from fairmot.media.sources.frames import read_frames
from fairmot.progress import Progress

# What Chromium, Firefox and Safari play: container (FFmpeg's name) -> codecs.
_PLAYABLE = {"mov": ("h264",), "matroska": ("vp8", "vp9", "av1")}
_PIXELS = ("yuv420p", "yuvj420p")
_WEBM = ".webm"


@dataclass(frozen=True, slots=True)
class Footage:
    """A video that browsers play, and its tracked frames."""

    path: Path
    size: tuple[int, int]
    """Width and height, pixels."""
    seconds: NDArray[np.float64]
    """When each tracked frame is shown [K]."""
    selected: range
    """Index in the file of each tracked frame."""
    drawn: bool
    """Whether the tracks are drawn on it already."""
    made: bool = False
    """Whether it was written for the page, to be deleted if the page does not link to it."""

    @property
    def media_type(self) -> str:
        """MIME type."""
        return "video/webm" if self.path.suffix.lower() == _WEBM else "video/mp4"

    @property
    def has_sound(self) -> bool:
        """Whether there is sound to play."""
        with av.open(f"file:{self.path}", metadata_errors="replace") as container:
            return bool(container.streams.audio)


def drawn_footage(video: Path, size: tuple[int, int] | None = None) -> Footage:
    """Return the video that a run wrote: its frames are the tracked ones.

    Args:
        video: the file.
        size: width and height of the tracked frames, which the video may show smaller; None: those of the video.

    Raises:
        InputError: it cannot be read.
    """
    times = frame_seconds(video)
    shown = read_frames(video).size
    # Frames of odd size are shown with a repeated row or column, not scaled (``VideoWriter``).
    if size is None or shown == (size[0] + size[0] % 2, size[1] + size[1] % 2):
        size = shown
    return Footage(video, size, times, range(len(times)), drawn=True)


def source_footage(source: Path, frames: range, copy: Path, progress: Progress | None = None) -> Footage:
    """Return the frames that a run tracked, as a video that browsers play.

    Args:
        source: what was tracked: a video, a folder of images, a sequence.
        frames: indices of the tracked frames; ``sys.maxsize`` as the end: to the end.
        copy: where to write a video if browsers do not play the source itself.
        progress: called for every frame of that copy.

    Raises:
        InputError: the source cannot be read or has fewer frames.
    """
    reader = read_frames(source, frames.start, frames.stop, frames.step)
    if is_playable(source):
        times = frame_seconds(source)
        selected = range(frames.start, min(frames.stop, len(times)), frames.step)
        return Footage(source, reader.size, times[selected.start : selected.stop : selected.step], selected, False)
    try:
        with reader, VideoWriter(copy, reader.size, reader.frame_rate / reader.every) as writer:
            first: float | None = None
            for done, frame in enumerate(reader):
                first = frame.seconds if first is None else first
                writer.write(frame.image, frame.seconds - first)
                if progress:
                    progress(f"{reader.name}: video for the page", done + 1, reader.frame_count)
    except OSError as error:
        raise InputError(f"{copy}: cannot write the page's video of {source} ({error.strerror})") from error
    times = frame_seconds(copy)
    return Footage(copy, reader.size, times, range(len(times)), drawn=False, made=True)


def frame_seconds(video: Path) -> NDArray[np.float64]:
    """Return the time of each frame after the first [F], in seconds, ascending; nothing is decoded.

    Raises:
        InputError: not a video.
    """
    try:
        with av.open(f"file:{video}", metadata_errors="replace") as container:
            stream = _stream(container, video)
            ticks = [packet.pts for packet in container.demux(stream) if packet.pts is not None and packet.size]
            base = float(stream.time_base)
    except av.FFmpegError as error:
        raise InputError(f"{video}: not a video that can be read ({error.strerror})") from error
    if not ticks:
        raise InputError(f"{video}: a video without frames")
    times = np.sort(np.array(ticks, dtype=np.float64))
    seconds: NDArray[np.float64] = (times - times[0]) * base
    return seconds


def all_frames(start: int = 0, every: int = 1) -> range:
    """Return the indices of every ``every``-th frame from ``start`` to the end of the source."""
    return range(start, sys.maxsize, every)


def is_playable(source: Path) -> bool:
    """Whether browsers play the file unchanged."""
    if not source.is_file():
        return False
    try:
        with av.open(f"file:{source}", metadata_errors="replace") as container:
            stream = _stream(container, source)
            kind = container.format.name.split(",")[0]
            known = stream.codec_context.name in _codecs(kind) and stream.codec_context.pix_fmt in _PIXELS
            # Tracks are in pixels of the file, which browsers would stretch.
            is_square = (stream.sample_aspect_ratio or 1) == 1
    except (av.FFmpegError, InputError):
        return False
    return known and is_square and (kind != "matroska" or source.suffix.lower() == _WEBM)


def _codecs(kind: str) -> tuple[str, ...]:
    # FFmpeg's decoders of these formats carry the names of libraries.
    codecs = _PLAYABLE.get(kind, ())
    return codecs + tuple(f"lib{name}" for name in ("dav1d", "aom-av1", "vpx-vp9")) if "av1" in codecs else codecs


def _stream(container: Any, video: Path) -> Any:
    if not container.streams.video:
        raise InputError(f"{video}: no video in this file")
    return container.streams.video[0]
