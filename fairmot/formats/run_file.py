"""``run.json`` in a run's folder: what was tracked, how, and with which versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.files import replacing

RUN_FILE = "run.json"
FORMAT_VERSION = 1


def write_run(folder: Path, content: dict[str, Any]) -> None:
    """Write ``run.json`` of a folder, with the version of its format.

    Raises:
        InputError: it cannot be written.
    """
    content = {"format": FORMAT_VERSION, **content}
    try:
        with replacing(folder / RUN_FILE) as temporary:
            temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder / RUN_FILE}: cannot be written ({error.strerror})") from error


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
        content = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_known = isinstance(content, dict) and content.get("format") == FORMAT_VERSION
    return content if is_known and isinstance(content.get("sources"), dict) else None
