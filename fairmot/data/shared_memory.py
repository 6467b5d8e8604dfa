"""Batches in shared memory: one block each, whose memory is taken before anybody writes into it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import fields
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FILES = Path("/dev/shm")
"""Where Linux has the blocks, as files; a container has 64 MB there unless it is asked for more."""
_ALIGNMENT = 64
"""Every array begins at a multiple of so many bytes."""
_MB = 1e6

Layout = dict[str, tuple[int, tuple[int, ...], str]]
"""Field -> offset in bytes, shape and type of its array."""


class SharedMemoryFullError(Exception):
    """The system has too little shared memory; the message says how much."""


def layout_of(batch: Any) -> tuple[Layout, int]:
    """Return where the arrays of a batch lie in a block, and the bytes of the block."""
    layout: Layout = {}
    end = 0
    for field in fields(batch):
        array = getattr(batch, field.name)
        if isinstance(array, np.ndarray):
            layout[field.name] = end, array.shape, array.dtype.str
            end += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    return layout, end


def arrays_in(block: SharedMemory, layout: Layout) -> dict[str, NDArray[Any]]:
    """Return the arrays of a block, which stays open as long as they live."""
    return {name: np.ndarray(shape, dtype, block.buf, offset) for name, (offset, shape, dtype) in layout.items()}


def create_blocks(size: int, count: int) -> list[SharedMemory]:
    """Create blocks of so many bytes, to be freed with ``free_blocks``.

    Raises:
        SharedMemoryFullError: they do not all fit.
    """
    blocks: list[SharedMemory] = []
    try:
        for _ in range(count):
            blocks.append(SharedMemory(create=True, size=size))
            _take_memory(blocks[-1])
    except OSError as error:
        free_blocks(blocks)
        raise SharedMemoryFullError(_what_is_there(size * count, error)) from error
    except BaseException:
        free_blocks(blocks)
        raise
    return blocks


def free_blocks(blocks: list[SharedMemory]) -> None:
    """Close blocks and give their memory back."""
    for block in blocks:
        block.close()
        with suppress(FileNotFoundError):
            block.unlink()


def _take_memory(block: SharedMemory) -> None:
    """Let a full file system be an error here: a process that writes to memory which is not there is killed."""
    file = _FILES / block.name
    if not file.exists():  # another system: creating the block takes its memory, or nothing can be told
        return
    number = os.open(file, os.O_RDWR)
    try:
        os.posix_fallocate(number, 0, block.size)
    finally:
        os.close(number)


def _what_is_there(needed: int, error: OSError) -> str:
    line = f"{needed / _MB:.1f} MB of shared memory are needed"
    if _FILES.is_dir():
        space = shutil.disk_usage(_FILES)
        line += f", and {_FILES} has {space.free / _MB:.1f} of {space.total / _MB:.1f} MB free"
    return f"{line} ({error.strerror or error})"
