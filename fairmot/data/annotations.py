"""Path lists and ``data.json``: the images of the sets, and all their labels in one array.

``data.json`` gives ``root`` (relative to its own folder) and, under ``train``, a list file for each set; under ``val``
it gives lists of held-out images in the same way. A list names images, one a line, relative to the root. The labels of
``.../images/x.jpg`` are in ``.../labels_with_ids/x.txt``: a line ``class identity x_centre y_centre width height`` for
each object, the last four divided by the image's size. Identity -1: unknown. Class -1: an ignore region, in which
nothing counts as wrong (not published).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.labels import COLUMNS, LARGEST_NORMALISED, label_file, read_labels
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError, closest_name
from fairmot.formats.text import read_text

__all__ = [
    "COLUMNS",
    "LARGEST_NORMALISED",
    "Description",
    "ImageSet",
    "LabelledImages",
    "label_file",
    "read_description",
    "read_images",
    "read_labels",
    "read_list",
]

# Of these, "root", "train" and "val" are read; the others are in published files.
_KEYS = ("root", "train", "val", "test", "test_emb", "comment")


@dataclass(frozen=True, slots=True)
class Description:
    """A ``data.json``."""

    path: Path
    root: Path
    lists: dict[str, Path]
    """Set name -> list file, in the order of the file, which fixes the joined identities."""


@dataclass(frozen=True, slots=True)
class ImageSet:
    """One named set and its part of the joined numbering."""

    name: str
    images: int
    boxes: int
    """Objects, ignore regions not counted."""
    ignored: int
    """Ignore regions."""
    identities: int
    """Largest identity of the set + 1; 0 if it has none."""
    identity_start: int
    """Offset that is added to its identities."""


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """All images of the chosen sets, their label rows in one array, identities joined by offset."""

    paths: tuple[Path, ...]
    rows: NDArray[np.float64]
    """[R, 6] as in the label files."""
    starts: NDArray[np.int64]
    """Image i has the rows starts[i] to starts[i + 1]; [N + 1]."""
    sets: tuple[ImageSet, ...]
    skipped: tuple[str, ...] = ()
    """Names of absent sets that were skipped (``skip_missing``)."""

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def identity_count(self) -> int:
        """Classes of the identity classifier: all identities and one more, as published (nID)."""
        return sum(each.identities for each in self.sets) + 1

    def labels(self, index: int) -> NDArray[np.float64]:
        """Return a copy of the rows [n, 6] of one image."""
        return self.rows[self.starts[index] : self.starts[index + 1]].copy()


def read_description(path: Path | str, root: Path | str | None = None, part: str = "train") -> Description:
    """Read a ``data.json``; ``root`` overrides the one in the file, ``part`` is ``train`` or ``val``.

    List files are relative to ``data.json``, to the root, or to the working directory.

    Raises:
        InputError: no such file, not JSON, an unknown key or a value of the wrong kind.
    """
    path = Path(path)
    try:
        values = json.loads(read_text(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; 'fairmot data convert' makes one") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f'{path}: expected {{"root": ..., "train": {{name: list file}}}}')
    for key in values:
        if key not in _KEYS:
            raise InputError(f"{path}: unknown key {key!r}{closest_name(key, _KEYS)}")
    named = values.get(part, {})
    if not isinstance(named, dict) or not all(isinstance(value, str) for value in named.values()):
        raise InputError(f"{path}: {part!r} must map names of sets to list files")
    stated = values.get("root", ".")
    if not isinstance(stated, str):
        raise InputError(f"{path}: 'root' must be a folder's name")
    try:
        folder = Path(root) if root is not None else path.parent / Path(stated).expanduser()
    except RuntimeError as error:  # ~name of nobody here
        raise InputError(f"{path}: 'root' {stated}: {error}") from error
    try:
        lists = {name: _list_file(value, path.parent, folder) for name, value in named.items()}
    except (OSError, ValueError) as error:  # a name that no file system can hold
        raise InputError(f"{path}: {part!r}: no list file can be called that ({error.args[-1]})") from error
    return Description(path, folder, lists)


def read_images(
    description: Path | str,
    names: Sequence[str] = (),
    root: Path | str | None = None,
    skip_missing: bool = False,
    part: str = "train",
) -> LabelledImages:
    """Read lists and label files of the sets ``names`` (empty: all) of a ``data.json``.

    Identities keep their order: those of a set follow all those of the sets before it. A set is absent if its list or
    all its images are; a set with only some of its images is incomplete, which is always an error.

    Args:
        description: a ``data.json``.
        names: sets to read.
        root: overrides the one in the file.
        skip_missing: skip absent sets (``skipped`` names them), as long as one set is present.
        part: ``train``, or ``val`` for the held-out images.

    Raises:
        InputError: an unknown set, absent ones (all in one message), an image or label file that is missing, a bad
            line in a label file.
    """
    source = read_description(description, root, part)
    for name in names:
        if name not in source.lists:
            raise InputError(f"{source.path}: no set {name!r} under {part!r}{closest_name(name, source.lists)}")
    chosen = {name: path for name, path in source.lists.items() if not names or name in names}
    if not chosen:
        raise InputError(f"{source.path}: no sets under {part!r}; 'fairmot data convert' adds them")

    absent = {name: reason for name, path in chosen.items() if (reason := _absence(path, source.root))}
    if absent and (not skip_missing or len(absent) == len(chosen)):
        raise InputError(
            f"{source.path}: {len(absent)} of {len(chosen)} sets are absent: "
            f"{'; '.join(f'{name} ({reason})' for name, reason in absent.items())}; "
            "make them with 'fairmot data convert', choose others with data.sets"
            + ("" if skip_missing else ", or set data.skip_missing to true to train on the rest")
        )
    chosen = {name: path for name, path in chosen.items() if name not in absent}

    paths: list[Path] = []
    blocks: list[NDArray[np.float64]] = []
    sets: list[ImageSet] = []
    start = 0
    for name, list_file in chosen.items():
        images = read_list(list_file, source.root)
        labels = [read_labels(source.root / label_file(image)) for image in images]
        rows = np.concatenate([np.zeros((0, 6)), *labels])
        is_region = rows[:, 0] == IGNORE_CLASS
        identities = int(rows[:, 1].max(initial=-1)) + 1
        sets.append(ImageSet(name, len(images), int((~is_region).sum()), int(is_region.sum()), identities, start))
        for block in labels:
            block[block[:, 1] >= 0, 1] += start
        start += identities
        paths += [source.root / image for image in images]
        blocks += labels
    starts = np.cumsum([0, *(len(block) for block in blocks)], dtype=np.int64)
    return LabelledImages(tuple(paths), np.concatenate(blocks), starts, tuple(sets), tuple(absent))


def read_list(path: Path, root: Path) -> list[PurePosixPath]:
    """Read a path list and check that every image exists under ``root``.

    Raises:
        InputError: no such list, an empty one, or images that are missing.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: list of images cannot be read: {error}") from error
    images = [(number, PurePosixPath(line.strip())) for number, line in enumerate(lines, 1) if line.strip()]
    if not images:
        raise InputError(f"{path}: names no images")
    missing = [(number, image) for number, image in images if not (root / image).is_file()]
    if missing:
        number, image = missing[0]
        more = f" (and {len(missing) - 1} more of {len(images)})" if len(missing) > 1 else ""
        raise InputError(f"{path} line {number}: no image {root / image}{more}; check 'root'")
    return [image for _, image in images]


def _absence(list_file: Path, root: Path) -> str | None:
    """Return why a set is absent, or None if its list and an image of it exist."""
    if not list_file.exists():
        return f"no list {list_file}"
    try:
        lines = read_text(list_file).split("\n")
    except (OSError, UnicodeDecodeError):
        return None  # reading it raises the error
    images = [line.strip() for line in lines if line.strip()]
    # Usually the first image exists, and no other has to be checked.
    if not images or any((root / image).is_file() for image in images):
        return None
    return f"none of the {len(images)} images of {list_file} in {root}"


def _list_file(value: str, beside: Path, root: Path) -> Path:
    candidates = (beside / value, root / value, Path(value))
    return next((path for path in candidates if path.exists()), candidates[0])
