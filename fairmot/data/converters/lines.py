"""Lines of annotation files, with their numbers."""

from __future__ import annotations

from pathlib import Path

from fairmot.errors import InputError
from fairmot.formats.text import read_text


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Return number (from 1) and text of each line that is not blank.

    Raises:
        InputError: the file cannot be read as UTF-8.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
