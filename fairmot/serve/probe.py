"""What a server accepts: self-contained videos within its limits, and sources that clients may name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import av

from fairmot.errors import InputError
from fairmot.geometry import ImageArray
from fairmot.media.sources.decoding import Damage, decode, video_stream
from fairmot.media.sources.locations import without_password
from fairmot.media.sources.pixels import upright
from fairmot.serve.settings import Settings

# Containers that hold their own frames. FFmpeg also reads playlists and lists of files (HLS, DASH, concat), through
# which an upload could make the server read any file and request any address.
_CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,h264,hevc,m4v,ivf,mxf,gif"
_STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "rtp")
_PROBE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Media:
    """The properties that a video states."""

    width: int
    height: int
    frame_rate: float
    frame_count: int | None
    first: ImageArray | None
    """The first frame, BGR; None: it was not read."""


def probe(path: Path, name: str, settings: Settings) -> Media:
    """Decode the first frame of a video and check its properties.

    Args:
        path: the file.
        name: its name in messages, which must not reveal paths of the server.
        settings: the limits.

    Raises:
        InputError: no video, a container that is not permitted, or a video that is too long or too large.
    """
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    try:
        with av.open(
            f"file:{path}", container_options=options, timeout=_PROBE_SECONDS, metadata_errors="replace"
        ) as container:
            stream = video_stream(container)
            if stream is None:
                raise InputError(f"{name}: no video in this file")
            if stream.width * stream.height > settings.max_pixels:
                raise InputError(f"{name}: frames of {stream.width} x {stream.height} pixels are too large")
            rate = float(stream.average_rate or stream.guessed_rate or 25)
            seconds = container.duration / av.time_base if container.duration else None
            count = stream.frames or (round(seconds * rate) if seconds else None)
            first = next((frame for frame in decode(container, stream) if not isinstance(frame, Damage)), None)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{name}: not a video that can be read") from error
    if first is None:
        raise InputError(f"{name}: a video without one frame that can be decoded")
    if seconds is not None and seconds > settings.max_seconds:
        raise InputError(f"{name}: {seconds:.0f} s long; at most {settings.max_seconds:g} s are accepted")
    if count is not None and count > settings.max_frames:
        raise InputError(f"{name}: {count} frames; at most {settings.max_frames} are accepted")
    image = upright(first)
    height, width = image.shape[:2]
    return Media(width, height, rate, count, image)


def permitted_path(text: str, settings: Settings) -> Path:
    """Return the file in the permitted folder (``allow_paths``) that a client named, links followed.

    Raises:
        InputError: paths are not permitted, or this one leads outside the folder or to no file. The last two have the
            same message, so that clients cannot learn what lies outside.
    """
    if settings.allow_paths is None:
        raise InputError("paths are not permitted on this server")
    folder = settings.allow_paths.resolve()
    absent = InputError(f"{text}: no such file in the permitted folder")
    try:
        path = (folder / text).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise absent from None
    if not path.is_relative_to(folder) or not path.is_file():
        raise absent
    return path


def permitted_stream(address: str, settings: Settings) -> tuple[str, str]:
    """Return the address of a stream that a client named, and its name for people.

    Raises:
        InputError: streams are not permitted, or this is not the address of one.
    """
    if not settings.allow_streams:
        raise InputError("streams are not permitted on this server")
    try:
        parts = urlsplit(address)
        is_address = bool(parts.hostname) and address.isprintable() and " " not in address
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in _STREAM_SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in _STREAM_SCHEMES)
        raise InputError(f"expected the address of a stream ({known})")
    return address, without_password(address)
