"""A video through standard input, also an MP4 whose index stands at its end."""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import suppress
from typing import Any

from fairmot.media.hardware import Decoding

_STANDARD_INPUT = 0
_CHUNK = 1 << 16
_BOX_HEADER = 8
_LONG_BOX_HEADER = 16


def open_pipe(decoding: Decoding) -> tuple[Any, Any]:
    """Open the video that comes through standard input; nothing else may have read from it.

    An MP4 with its index behind its frames cannot be read forwards: it is kept in a temporary file until it is whole.

    Args:
        decoding: what decodes it.

    Returns:
        The container, and what must live as long as it does (the temporary file), or None.

    Raises:
        av.FFmpegError: no video comes in.
    """
    head, has_late_index = _head()
    if has_late_index:
        file = tempfile.NamedTemporaryFile(prefix="fairmot-", suffix=".mp4")  # noqa: SIM115 - the caller keeps it
        file.write(head)
        while chunk := os.read(_STANDARD_INPUT, _CHUNK):
            file.write(chunk)
        file.flush()
        return decoding.open(f"file:{file.name}"), file
    reader, writer = os.pipe()
    threading.Thread(target=_feed, args=(head, writer), name="fairmot-pipe", daemon=True).start()
    return decoding.open(f"pipe:{reader}"), None


def _feed(head: bytes, writer: int) -> None:
    """Pass standard input on, after what was read of it already; ends when nobody reads any more."""
    with suppress(OSError):
        _write(writer, head)
        while chunk := os.read(_STANDARD_INPUT, _CHUNK):
            _write(writer, chunk)
    os.close(writer)


def _write(writer: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(writer, view) :]


def _head() -> tuple[bytes, bool]:
    """Read standard input up to the first box that tells; return what was read, and whether the index comes last."""
    data = _read(b"", _BOX_HEADER)
    if data[4:8] != b"ftyp":
        return data, False
    begin = 0
    while True:
        data = _read(data, begin + _LONG_BOX_HEADER)
        if len(data) < begin + _BOX_HEADER:
            return data, False
        kind, size = data[begin + 4 : begin + 8], int.from_bytes(data[begin : begin + 4], "big")
        if kind in (b"moov", b"moof", b"mdat"):
            return data, kind == b"mdat"
        if size == 1:
            size = int.from_bytes(data[begin + 8 : begin + 16], "big")
        if size < _BOX_HEADER:
            return data, False
        begin += size


def _read(data: bytes, count: int) -> bytes:
    """Return at least ``count`` bytes from the first one on, or all that there are."""
    parts, have = [data], len(data)
    while have < count and (chunk := os.read(_STANDARD_INPUT, min(_CHUNK, count - have))):
        parts.append(chunk)
        have += len(chunk)
    return b"".join(parts)
