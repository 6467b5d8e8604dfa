"""``run.json`` in a run's folder: what was tracked, how, and with which versions; and how a run gets its place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.files import locked, parse_json, read_json, replacing

RUN_FILE = "run.json"
FORMAT_VERSION = 1
_READY = ".fairmot-ready"
"""A whole run whose files get their places; what is left of it was cut off there."""
_GONE = ".gone.json"


def write_run(folder: Path, content: dict[str, Any]) -> None:
    """Write ``run.json`` of a folder, with the version of its format.

    Raises:
        InputError: it cannot be written.
    """
    content = {"format": FORMAT_VERSION, **content}
    try:
        with replacing(folder / RUN_FILE) as temporary:
            temporary.write_text(_text_of(content), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder / RUN_FILE}: cannot be written ({error.strerror})") from error


def _text_of(content: dict[str, Any]) -> str:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # Names of files need not be UTF-8; what they hold then has a form in JSON alone.
    return text if _is_unicode(text) else json.dumps(content, indent=2) + "\n"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def add_to_run(folder: Path, name: str, value: Any) -> None:
    """Add an entry to ``run.json`` of a folder, if there is one.

    Raises:
        InputError: it cannot be written.
    """
    content = load_run(folder)
    if content is not None:
        write_run(folder, {**content, name: value})


def load_run(folder: Path) -> dict[str, Any] | None:
    """Read ``run.json`` of a folder; None where there is none that can be read."""
    try:
        content = read_json(folder / RUN_FILE)
    except InputError:
        return None
    is_known = isinstance(content, dict) and content.get("format") == FORMAT_VERSION
    sources = content.get("sources") if is_known else None
    are_named = isinstance(sources, dict) and all(isinstance(about, dict) for about in sources.values())
    return content if are_named else None


def is_blurred(result_file: Path) -> bool:
    """Whether ``run.json`` beside a result file says that the run hid the people in it."""
    content = load_run(result_file.parent) or {"sources": {}}
    return content["sources"].get(result_file.stem, {}).get("blur") is True


def put_in_place(parts: Path, folder: Path, gone: Iterable[str]) -> None:
    """Move a run's files and folders from ``parts``, within ``folder``, to their places, over those of the same names.

    What is interrupted here, by a kill too, is finished by the next ``finish_placing``: after the first step the run
    counts as the new one.

    Args:
        parts: holds everything that the run wrote, ``run.json`` included.
        folder: the run's folder, which the caller holds.
        gone: names in ``folder`` that belong to the run before.

    Raises:
        OSError: the folder cannot be written.
    """
    removed = sorted({*gone} - {path.name for path in parts.iterdir()} | {RUN_FILE})
    with replacing(parts / _GONE) as temporary:
        temporary.write_text(json.dumps(removed), encoding="utf-8")
    parts.replace(folder / _READY)
    try:
        finish_placing(folder)
    except BaseException:
        finish_placing(folder)
        raise


def finish_placing(folder: Path) -> None:
    """Finish what ``put_in_place`` was kept from; the caller holds the folder.

    Raises:
        OSError: the folder cannot be written.
    """
    ready = folder / _READY
    if not ready.is_dir():
        return
    gone = ready / _GONE
    if gone.exists():
        # Until everything has its place there is no run.json: the old one would describe the new files.
        for name in parse_json(gone.read_text(encoding="utf-8"), str(gone)):
            _remove(folder / name)
        gone.unlink()
    for part in sorted(ready.iterdir(), key=lambda path: path.name == RUN_FILE):
        if (folder / part.name).is_dir():
            _remove(folder / part.name)
        part.replace(folder / part.name)
    ready.rmdir()


def finish_placing_of_a_killed_run(folder: Path) -> None:
    """Finish what a killed run left to do in a folder that nobody holds.

    Raises:
        InputError: another run writes into it, or it cannot be written.
    """
    if not (folder / _READY).is_dir():
        return
    try:
        with locked(folder):
            finish_placing(folder)
    except OSError as error:
        raise InputError(f"{folder}: a run that was killed cannot be finished here ({error.strerror})") from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
