"""Decode the packets of a container, whatever is missing or damaged in it, with the time stamps of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

from fairmot.media.sources.frame_times import FrameTimes

# Recorders join transport streams with ``cat``: at a join the container misses pieces that nobody sent.
_JOIN_PACKETS = 8
STREAMS = ("mpegts", "mpeg")


class Damage:
    """A part of a video that could not be decoded; after a fatal one nothing more can be read."""

    def __init__(self, reason: str, is_fatal: bool = False) -> None:
        self.reason = reason
        self.is_fatal = is_fatal


def video_stream(container: Any) -> Any:
    """Return the first video stream that is no cover image; None where there is none."""
    covers = av.stream.Disposition.attached_pic
    return next((stream for stream in container.streams.video if not stream.disposition & covers), None)


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
    return FrameTimes(frame_rate, by_decoding=name == "avi", is_stream=name in STREAMS)


def stamps(frame: Any, stream: Any) -> tuple[float | None, float | None, float]:
    """Return the time stamps of presentation and of decoding of a decoded frame, and its duration (0: not known), s."""
    base = float(frame.time_base or stream.time_base)
    pts, dts = (None if stamp is None else stamp * base for stamp in (frame.pts, frame.dts))
    return pts, dts, (frame.duration or 0) * base
