"""List the images of a ``data.json`` or of a bare folder, without stopping at missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fairmot.data.annotations import read_description
from fairmot.errors import InputError, closest_name
from fairmot.formats.images import IMAGE_SUFFIXES
from fairmot.formats.text import read_text


@dataclass(frozen=True, slots=True)
class ListedSet:
    """A set, and the lines of its list."""

    name: str
    list_file: Path
    root: Path
    lines: tuple[tuple[int, PurePosixPath], ...] | None
    """Line number and image relative to the root; None: the list cannot be read."""
    problem: str = ""
    """Why it cannot be read."""


def listed_sets(source: Path, names: Sequence[str] = ()) -> list[ListedSet]:
    """Return the sets of a ``data.json``, of a folder with one, or of a folder with ``images/`` (all images in it).

    Args:
        source: file or folder.
        names: the sets to take; empty: all.

    Raises:
        InputError: no such source, or an unknown name.
    """
    source = Path(source)
    if source.is_dir() and (source / "data.json").is_file():
        source = source / "data.json"
    if source.is_dir():
        found = sorted(path for path in (source / "images").rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        if not found:
            raise InputError(f"{source}: neither data.json nor images below images/ in it")
        lines = tuple((number, PurePosixPath(path.relative_to(source))) for number, path in enumerate(found, 1))
        return [ListedSet(source.resolve().name, source / "images", source, lines)]
    description = read_description(source)
    for name in names:
        if name not in description.lists:
            raise InputError(f"{source}: no set {name!r} under 'train'{closest_name(name, description.lists)}")
    chosen = {name: path for name, path in description.lists.items() if not names or name in names}
    if not chosen:
        raise InputError(f"{source}: no sets under 'train'; 'fairmot data convert' adds them")
    return [_read(name, path, description.root) for name, path in chosen.items()]


def _read(name: str, list_file: Path, root: Path) -> ListedSet:
    try:
        text = read_text(list_file).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return ListedSet(name, list_file, root, None, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    lines = tuple((number, PurePosixPath(line.strip())) for number, line in enumerate(text, 1) if line.strip())
    return ListedSet(name, list_file, root, lines or None, "names no images")
