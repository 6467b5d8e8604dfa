"""Read frames from files, folders, globs, MOTChallenge sequences, cameras, streams and pipes."""

from __future__ import annotations

import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from fairmot.errors import InputError
from fairmot.formats.images import IMAGE_SUFFIXES
from fairmot.formats.seqinfo import MAX_FRAME_RATE, MIN_FRAME_RATE
from fairmot.media.hardware import SOFTWARE, Decoding, choose_decoding
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
from fairmot.media.sources.reader import FrameReader
from fairmot.media.sources.source import Source
from fairmot.media.sources.video import VideoSource


def read_frames(
    source: str | Path,
    start: int | None = None,
    end: int | None = None,
    every: int = 1,
    frame_rate: float | None = None,
    live: LiveOptions | None = None,
    video_decoder: str = SOFTWARE,
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
        video_decoder: what decodes videos: ``software``; a device by FFmpeg's name, such as ``cuda``, ``vaapi`` or
            ``videotoolbox``; ``auto``: the first device that opens, else software. Software stands in for a device that
            does not open or does not take a video; the reader's ``decoder_fallback`` says why.

    Returns:
        An object to iterate over, with ``name``, ``size``, ``frame_rate``, ``frame_count`` and, after a pass,
        ``problem``.

    Raises:
        InputError: no such source, a folder without images, a file that is no video, a glob that matches several
            sources, a range without a frame, or a decoder that FFmpeg does not know.
    """
    opened = open_frames([source], start, end, every, frame_rate, live, video_decoder)
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
    video_decoder: str = SOFTWARE,
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
    decoding = choose_decoding(video_decoder)
    opened: list[tuple[str, FrameReader]] = []
    try:
        for source in expand(sources):
            word = str(source[0].parent) if isinstance(source, list) else without_password(source)
            reader = FrameReader(_open(source, frame_rate, live, decoding), selected, word)
            opened.append((word, reader))
            if reader.frame_count == 0:
                total = reader._source.frame_count
                raise InputError(f"{word}: no frame from {start} on; the source has {total} frames")
    except BaseException:
        for _, reader in opened:
            reader.close()
        raise
    return opened


def _open(source: str | list[Path], frame_rate: float | None, live: LiveOptions | None, decoding: Decoding) -> Source:
    if isinstance(source, list):
        return ImageSource(source, frame_rate)
    if is_address(source) and is_file_address(source):
        return VideoSource(local_file(source) or source, frame_rate, decoding)
    location = live_location(source)
    if location is not None:
        found = LiveSource(location, frame_rate, live, decoding)
        if not found.is_file:
            return found
        found.close()
        return VideoSource(source, frame_rate, decoding)
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
    return VideoSource(path, frame_rate, decoding)
