"""Files that are never half-written: a crash leaves the old file or the new one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block ends well, else delete it.

    The temporary name keeps the suffix, since some writers choose the format by it. Missing folders are made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def numbered_folder(parent: Path, name: str, overwrite: bool = False) -> Path:
    """Return ``parent/name``, or ``parent/name-2``, ``-3`` ... when it exists and must not be overwritten.

    The folder is created.
    """
    folder = parent / name
    count = 1
    while folder.exists() and not overwrite:
        count += 1
        folder = parent / f"{name}-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
