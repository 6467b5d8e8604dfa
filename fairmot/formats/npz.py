"""Read ``.npz`` files that may be damaged."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 8 * 2**30
"""All arrays of a file together; more than that is no recording of one video."""

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What NumPy and its zip reader raise on damaged archives: bad checksums, encryption, sizes beyond all memory."""


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return all arrays of a file; runs no code that it may hold.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, holds objects, or is no ``.npz`` file.
    """
    # Opened here: a damaged file would stay open.
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                size = sum(member.file_size for member in archive.infolist())
            if size > MAX_BYTES:
                raise ValueError(f"{size / 2**30:.0f} GiB of arrays, at most {MAX_BYTES >> 30} are read")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (*_DAMAGE, OSError) as error:  # some of its decoders raise OSError
            raise ValueError(" ".join(str(error).split())[:200]) from error
