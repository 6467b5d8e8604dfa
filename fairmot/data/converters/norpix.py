"""The ``.seq`` film container of NorPix, which holds CalTech's frames as JPEGs or PNGs one after the other."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from fairmot.data.converters.output import PartOfFile
from fairmot.errors import InputError

_MAGIC = 0xFEED
_HEADER_BYTES = 1024
# Offset 548: width, height, bit depth, real bit depth, bytes of an image, format, number of frames.
_FIELDS = struct.Struct("<7I")
_FIELDS_AT = 548
_SUFFIXES = {1: ".png", 2: ".png", 102: ".jpg", 201: ".jpg"}
_STARTS = {".jpg": b"\xff\xd8", ".png": b"\x89PNG"}
# Behind a frame lie a time stamp (4 + 2 bytes) and, depending on the recorder's version, unused bytes.
_LARGEST_GAP = 64


def read_seq(path: Path) -> tuple[str, list[PartOfFile]]:
    """Return the suffix for the frames of a film (``.jpg`` or ``.png``), and where each of them lies in it.

    A frame is four bytes with the size of frame and these four bytes, then the image. The header may give 0 frames.

    Raises:
        InputError: no such file, not this format, frames without compression, or an end in the middle of a frame.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or struct.unpack_from("<I", header)[0] != _MAGIC:
            raise InputError(f"{path}: not a .seq film of NorPix")
        *_, kind, expected = _FIELDS.unpack_from(header, _FIELDS_AT)
        if kind not in _SUFFIXES:
            raise InputError(f"{path}: frames of format {kind}; JPEG (102, 201) and PNG (1, 2) can be read")
        suffix = _SUFFIXES[kind]
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            frames = _frames(path, content, _STARTS[suffix], expected)
    return suffix, frames


def _frames(path: Path, content: mmap.mmap, start: bytes, expected: int) -> list[PartOfFile]:
    frames: list[PartOfFile] = []
    position = _HEADER_BYTES
    while not expected or len(frames) < expected:
        image = content.find(start, position + 4, position + 4 + _LARGEST_GAP + len(start))
        if image < 0:
            if expected:
                raise InputError(f"{path}: {len(frames)} frames, but its header states {expected}: incomplete")
            return frames
        size = struct.unpack_from("<I", content, image - 4)[0] - 4
        if size <= 0 or image + size > len(content):
            raise InputError(f"{path}: ends in the middle of frame {len(frames)}: incomplete")
        frames.append(PartOfFile(path, image, size))
        position = image + size
    return frames
