"""Label files, path lists and ``data.json``: which pictures there are and what is on them.

``data.json`` gives ``root`` (relative to its own folder) and, under ``train``, a list file for each set. A list names
pictures, one a line, relative to the root. The labels of ``.../images/x.jpg`` are ``.../labels_with_ids/x.txt``, a line
``class identity x_centre y_centre width height`` for each object, the last four divided by the picture's size.
Identity -1: none. Class -1: a region in which nothing is counted as wrong (not published).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError, closest_name

COLUMNS = "class identity x y w h"
# Beyond this many picture sizes a number is taken for a pixel that was never normalised.
LARGEST_NORMALISED = 10.0
_KEYS = ("root", "train", "val", "test", "comment")


@dataclass(frozen=True, slots=True)
class Description:
    """A ``data.json``."""

    path: Path
    root: Path
    lists: dict[str, Path]
    """Set name -> list file, in the order of the file, which fixes the joined identities."""


@dataclass(frozen=True, slots=True)
class PictureSet:
    """One named set and its share of the joined numbering."""

    name: str
    pictures: int
    boxes: int
    """Objects, ignore regions not counted."""
    ignored: int
    """Ignore regions."""
    identities: int
    """Largest identity of the set + 1; 0 if it has none."""
    identity_start: int
    """What was added to its identities."""


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    """All pictures of the chosen sets, their label rows in one array, identities joined by offset."""

    paths: tuple[Path, ...]
    rows: NDArray[np.float64]
    """[R, 6] as in the label files."""
    starts: NDArray[np.int64]
    """Picture i has the rows starts[i] to starts[i + 1]; [N + 1]."""
    sets: tuple[PictureSet, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def identity_count(self) -> int:
        """Classes of the identity classifier: all identities and one more, as published (nID)."""
        return sum(each.identities for each in self.sets) + 1

    def labels(self, index: int) -> NDArray[np.float64]:
        """Return a copy of the rows [n, 6] of one picture."""
        return self.rows[self.starts[index] : self.starts[index + 1]].copy()


def with_unique_identities(pictures: LabelledPictures) -> LabelledPictures:
    """Give each object without an identity one of its own, numbered behind all the others of its set."""
    rows = pictures.rows.copy()
    sets: list[PictureSet] = []
    first_picture, start = 0, 0
    for each in pictures.sets:
        last_picture = first_picture + each.pictures
        block = rows[pictures.starts[first_picture] : pictures.starts[last_picture]]
        known = block[:, 1] >= 0
        block[known, 1] += start - each.identity_start
        unknown = (block[:, 1] < 0) & (block[:, 0] != IGNORE_CLASS)
        count = int(unknown.sum())
        block[unknown, 1] = start + each.identities + np.arange(count)
        sets.append(replace(each, identities=each.identities + count, identity_start=start))
        first_picture, start = last_picture, start + each.identities + count
    return LabelledPictures(pictures.paths, rows, pictures.starts, tuple(sets))


def read_description(path: Path | str, root: Path | str | None = None) -> Description:
    """Read a ``data.json``; ``root`` overrides the one in the file.

    List files lie beside ``data.json`` or in the root.

    Raises:
        InputError: no such file, not JSON, an unknown key or a value of the wrong kind.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; 'fairmot data convert' makes one") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f'{path}: expected {{"root": ..., "train": {{name: list file}}}}')
    for key in values:
        if key not in _KEYS:
            raise InputError(f"{path}: unknown key {key!r}{closest_name(key, _KEYS)}")
    train = values.get("train", {})
    if not isinstance(train, dict) or not all(isinstance(value, str) for value in train.values()):
        raise InputError(f"{path}: 'train' must map names of sets to list files")
    stated = values.get("root", ".")
    if not isinstance(stated, str):
        raise InputError(f"{path}: 'root' must be a folder's name")
    folder = Path(root) if root is not None else path.parent / Path(stated).expanduser()
    lists = {name: _list_file(value, path.parent, folder) for name, value in train.items()}
    return Description(path, folder, lists)


def read_pictures(
    description: Path | str, names: Sequence[str] = (), root: Path | str | None = None
) -> LabelledPictures:
    """Read lists and label files of the sets ``names`` (empty: all) of a ``data.json``.

    Identities keep their order: those of a set are moved behind all those of the sets before it.

    Raises:
        InputError: an unknown set, a picture or label file that is missing, a bad line in a label file.
    """
    source = read_description(description, root)
    for name in names:
        if name not in source.lists:
            raise InputError(f"{source.path}: no set {name!r} under 'train'{closest_name(name, source.lists)}")
    chosen = {name: path for name, path in source.lists.items() if not names or name in names}
    if not chosen:
        raise InputError(f"{source.path}: no sets under 'train'; 'fairmot data convert' adds them")

    paths: list[Path] = []
    blocks: list[NDArray[np.float64]] = []
    sets: list[PictureSet] = []
    start = 0
    for name, list_file in chosen.items():
        pictures = read_list(list_file, source.root)
        labels = [read_labels(source.root / label_file(picture)) for picture in pictures]
        rows = np.concatenate([np.zeros((0, 6)), *labels])
        is_region = rows[:, 0] == IGNORE_CLASS
        identities = int(rows[:, 1].max(initial=-1)) + 1
        sets.append(PictureSet(name, len(pictures), int((~is_region).sum()), int(is_region.sum()), identities, start))
        for block in labels:
            block[block[:, 1] >= 0, 1] += start
        start += identities
        paths += [source.root / picture for picture in pictures]
        blocks += labels
    starts = np.cumsum([0, *(len(block) for block in blocks)], dtype=np.int64)
    return LabelledPictures(tuple(paths), np.concatenate(blocks), starts, tuple(sets))


def read_list(path: Path, root: Path) -> list[PurePosixPath]:
    """Read a path list and see that every picture exists under ``root``.

    Raises:
        InputError: no such list, an empty one, or pictures that are missing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: list of pictures cannot be read: {error}") from error
    pictures = [(number, PurePosixPath(line.strip())) for number, line in enumerate(lines, 1) if line.strip()]
    if not pictures:
        raise InputError(f"{path}: names no pictures")
    missing = [(number, picture) for number, picture in pictures if not (root / picture).is_file()]
    if missing:
        number, picture = missing[0]
        more = f" (and {len(missing) - 1} more of {len(pictures)})" if len(missing) > 1 else ""
        raise InputError(f"{path} line {number}: no picture {root / picture}{more}; check 'root'")
    return [picture for _, picture in pictures]


def label_file(picture: PurePosixPath) -> PurePosixPath:
    """Return the label file of a picture, in the folder parallel to its first ``images``.

    Raises:
        InputError: the path has no folder ``images``.
    """
    parts = list(picture.parts)
    if "images" not in parts[:-1]:
        raise InputError(
            f"{picture}: labels are sought in labels_with_ids/, parallel to images/; this path has no images/"
        )
    parts[parts.index("images")] = "labels_with_ids"
    return PurePosixPath(*parts).with_suffix(".txt")


def read_labels(path: Path) -> NDArray[np.float64]:
    """Read one label file: rows [n, 6], identity -1 in ignore regions. An empty file: nobody is in the picture.

    Raises:
        InputError: no such file, or a line that is not six good numbers.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such label file; where nobody is in the picture it is empty") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    fields = [line.split() for line in lines]
    for number, columns in enumerate(fields, 1):
        if columns and len(columns) != 6:
            raise InputError(f"{path} line {number}: {len(columns)} columns, expected 6 ({COLUMNS})")
    numbers = [number for number, columns in enumerate(fields, 1) if columns]
    try:
        rows = np.array([columns for columns in fields if columns], dtype=np.float64).reshape(-1, 6)
    except ValueError:
        rows = np.array([[_number(text, path, number) for text in fields[number - 1]] for number in numbers])
    _check_rows(rows, path, numbers)
    rows[rows[:, 0] == IGNORE_CLASS, 1] = -1
    return rows


def _check_rows(rows: NDArray[np.float64], path: Path, numbers: Sequence[int]) -> None:
    problems: tuple[tuple[NDArray[Any], str], ...] = (
        (~np.isfinite(rows).all(axis=1), "a number is not finite"),
        ((rows[:, :2] != np.floor(rows[:, :2])).any(axis=1), "class and identity must be whole numbers"),
        ((rows[:, :2] < -1).any(axis=1), "class and identity must be -1 or more"),
        (
            (np.abs(rows[:, 2:]) > LARGEST_NORMALISED).any(axis=1),
            "x, y, w, h must be divided by the picture's width and height",
        ),
    )
    for bad, reason in problems:
        if bad.any():
            raise InputError(f"{path} line {numbers[int(bad.argmax())]}: {reason} ({COLUMNS})")


def _number(text: str, path: Path, number: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{path} line {number}: {text!r} is not a number ({COLUMNS})") from None


def _list_file(value: str, beside: Path, root: Path) -> Path:
    path = beside / value
    return path if path.exists() or not (root / value).exists() else root / value
