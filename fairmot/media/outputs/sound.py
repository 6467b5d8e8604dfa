"""The source's sound in the drawn video: copied where an MP4 can hold it, else encoded as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import av

from fairmot.media.sources.frame_times import FrameTimes
from fairmot.media.sources.sound import Sound

COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""Codecs that an MP4 holds, by FFmpeg's names."""
_PACKET_SECONDS = 0.02


class SoundTrack:
    """Writes the sound of a source into an open MP4, bit by bit, as far as its video has come.

    Args:
        container: the MP4, before anything is written to it.
        sound: where the sound is.
        first_seconds: time of the video's first frame after the source's first one.
    """

    def __init__(self, container: Any, sound: Sound, first_seconds: float) -> None:
        self._container = container
        self._offset = sound.video_start + first_seconds
        self._input = av.open(sound.address)
        stream = self._input.streams.audio[0]
        self._is_copied = stream.codec_context.name.removesuffix("float") in COPIED
        if self._is_copied:
            self._output: Any = container.add_stream_from_template(stream)
        else:
            self._output = container.add_stream("aac", rate=stream.codec_context.sample_rate)
        self._waiting = self._timed(stream)
        self._next: tuple[float, Any] | None = None

    def until(self, seconds: float) -> None:
        """Write the sound up to a time of the video."""
        while True:
            found = self._next or next(self._waiting, None)
            self._next = found
            if found is None or found[0] >= seconds:
                return
            self._next = None
            at, item = found
            if at < -_PACKET_SECONDS / 2:
                continue
            base = item.time_base or Fraction(1, 1000)
            item.pts = round(max(0.0, at) / float(base))
            if self._is_copied:
                item.dts, item.stream = item.pts, self._output
                self._container.mux(item)
            else:
                self._container.mux(self._output.encode(item))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if not self._is_copied:
            self._container.mux(self._output.encode(None))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()

    def _timed(self, stream: Any) -> Iterator[tuple[float, Any]]:
        """Yield packets, or decoded frames, with their times in the written video; damage ends the sound."""
        times, start = FrameTimes(1 / _PACKET_SECONDS, is_stream=self._input.format.name in ("mpegts", "mpeg")), None
        packets = self._input.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None or not packet.size:
                    return
                items = [packet] if self._is_copied else packet.decode()
            except av.FFmpegError:
                return
            for item in items:
                base = float(item.time_base or stream.time_base)
                pts, dts = (None if stamp is None else stamp * base for stamp in (item.pts, item.dts))
                start = (pts or 0.0) if start is None else start
                yield times.next(pts, dts, (item.duration or 0) * base) + start - self._offset, item
