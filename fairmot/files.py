"""Files that are never half-written: a crash leaves the old file or the new one. Output folders: names and locks."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from fairmot.errors import InputError

LOCK = ".fairmot.lock"
"""File in a folder that a run writes into, as long as it does."""
PARTS = ".fairmot-part"
"""Folder in which a run collects its files before they get their places."""
_LEFTOVER = re.compile(r"\..*\.(?P<process>\d+)\.part(\.\w+)?|\.tmp\w{6}|\..+\.part")
"""What a killed process leaves: ``replacing``, safetensors, a folder of images."""

_CLOCKS_DIFFER_SECONDS = 2.0
"""Between times of files and times of processes; some file systems round to two seconds."""


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


class FolderInUseError(InputError):
    """Another run writes into a folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which exists, for this run alone, and sweep what killed runs left in it.

    The lock ends with the process, whichever way that ends. Its file says who holds it, and is deleted at the end.

    Raises:
        FolderInUseError: another run holds it; the message says which.
        OSError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout  # here: most commands lock nothing

    path = folder / LOCK
    # No singleton: a second run in this process must not get the folder either.
    lock = FileLock(path, timeout=0, thread_local=False)
    for _ in range(3):
        try:
            lock.acquire()
            break
        except Timeout:
            if path.exists():
                continue  # else the other one has just ended, and its file is gone
    else:
        raise FolderInUseError(f"{folder}: {_holder(path)} writes into this folder; wait for it, or choose another")
    try:
        path.write_text(
            f"process {os.getpid()} on {platform.node()} since {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}\n",
            encoding="utf-8",
        )
        sweep(folder)
        yield
    finally:
        # Deleted while it is held: whoever opened the old file sees that it is gone.
        with suppress(OSError):
            path.unlink()
        lock.release()


def _holder(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        if text := path.read_text(encoding="utf-8").strip():
            return f"another run ({text})"
    return "another run"


def sweep(folder: Path) -> None:
    """Delete what killed processes left in a folder, whose lock the caller holds, and in the folders within it."""
    for path in [*folder.glob(".*"), *folder.glob("*/.*")]:
        match = _LEFTOVER.fullmatch(path.name)
        if match is None and path.name != PARTS:
            continue
        if match is not None and match["process"] and _may_be_written(path, int(match["process"])):
            continue  # such as a report on this run
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _may_be_written(path: Path, process: int) -> bool:
    """Whether the process whose number a file has may still write it: it lives, and has since before the file.

    Numbers come again, in a container with every start: one that began after the file's last change is another process.
    """
    import psutil

    if process == os.getpid() or process >= 2**31:
        return False
    try:
        return bool(psutil.Process(process).create_time() < path.stat().st_mtime + _CLOCKS_DIFFER_SECONDS)
    except (OSError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        return True


def is_unused(folder: Path) -> bool:
    """Whether a folder holds nothing, or only what runs left that were killed in it before they wrote results."""
    return all(path.name in (LOCK, PARTS) or _LEFTOVER.fullmatch(path.name) for path in folder.iterdir())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: it cannot be read, or is no JSON that this program can hold.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return parse_json(text, str(path))


def parse_json(text: str, origin: str) -> Any:
    """Parse JSON text; ``origin`` is what the message calls it.

    Raises:
        InputError: it is no JSON, nested too deeply, or holds a number with thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(f"{origin}: JSON that is nested too deeply") from error
    except ValueError as error:
        raise InputError(f"{origin}: not JSON ({error})") from error
