"""Text files of other programs: with or without a byte order mark, in UTF-8 or UTF-16, with any usual separator."""

from __future__ import annotations

from pathlib import Path

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with a byte order mark; the mark is no part of it.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is in another encoding.
    """
    data = path.read_bytes()
    text = data.decode("utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_fields(line: str) -> list[str]:
    """Return the fields of a line, separated by commas where there is one, else by white space (tabs included)."""
    if "," not in line:
        return line.split()
    fields = [field.strip() for field in line.split(",")]
    return fields if fields[-1] else fields[:-1]
