"""Files that are never half-written: a crash leaves the old file or the new one. Names of output folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block ends well, else delete it.

    The temporary name keeps the suffix, since some writers choose the format by it. Missing folders are made. The file
    gets the permissions of any new file there, also from writers that keep theirs private (safetensors does).
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    permissions = _permissions_of_a_new_file(temporary)
    try:
        yield temporary
        # Some file systems refuse every change of permissions: change nothing without need.
        if stat.S_IMODE(temporary.stat().st_mode) != permissions:
            temporary.chmod(permissions)  # first: MindSpore leaves its files read-only
        with temporary.open("r+b") as file:  # Windows refuses to flush a handle that only reads
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _permissions_of_a_new_file(path: Path) -> int:
    # By creating a file: reading the umask changes it for a moment in all threads, and it is not all that decides.
    path.unlink(missing_ok=True)
    try:
        with path.open("xb") as file:
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    finally:
        path.unlink(missing_ok=True)


def numbered_folder(parent: Path, name: str, overwrite: bool = False) -> Path:
    """Return ``parent/name``, or ``parent/name-2``, ``-3`` ... when it exists and must not be overwritten.

    The folder is created. Without ``overwrite`` no other call gets the same one, even in another process.
    """
    folder = parent / name
    if overwrite:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    parent.mkdir(parents=True, exist_ok=True)
    for number in count(2):
        try:
            folder.mkdir()
            break
        except FileExistsError:
            folder = parent / f"{name}-{number}"
    return folder


def folder_name(folder: Path | str) -> str:
    """Return a folder's name as the user wrote it: a link's own name, not that of the folder it leads to.

    Where the path ends in no name (``.``, ``..``), return the name of the folder itself.
    """
    path = Path(folder)
    return path.name if path.name not in ("", "..") else path.resolve().name
