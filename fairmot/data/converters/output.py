"""The output of every converter: images, label files, the list and the entry in ``data.json``."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.data.annotations import LARGEST_NORMALISED, read_description
from fairmot.data.converters.ledger import Ledger
from fairmot.data.image_files import image_size
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.formats.images import IMAGE_SUFFIXES
from fairmot.formats.text import read_text

# Almost all time is spent waiting until each file is safely on the disk.
_WRITING_THREADS = 16


@dataclass(frozen=True, slots=True)
class PartOfFile:
    """An image that lies inside a larger file, such as a frame of a ``.seq`` film."""

    path: Path
    offset: int
    size: int
    """Bytes."""

    def read(self) -> bytes:
        """Return the image's bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image of the source and its labels."""

    source: Path | PartOfFile
    relative: PurePosixPath
    """Its path inside ``images/<name>/``."""
    rows: NDArray[np.float64]
    """[n, 6] class, identity, centre x, centre y, width, height, the last four divided by the image's size."""


@dataclass(frozen=True, slots=True)
class ConversionSummary:
    """Counts of the written set."""

    name: str
    images: int
    boxes: int
    """Objects, ignore regions not counted."""
    identities: int
    ignored: int
    """Ignore regions."""
    replaced: bool
    """Whether ``data.json`` had a set of this name before."""
    description: Path
    """The ``data.json``."""
    ledger: Ledger
    """What came in and what was left out, and why."""

    @property
    def table(self) -> str:
        """What came in, went out and was left out, and why; several lines."""
        return self.ledger.table(self.images, self.boxes, self.ignored)

    def __str__(self) -> str:
        counts = (
            f"{self.images} images, {self.boxes} boxes, {self.identities} identities, {self.ignored} ignore regions"
        )
        verb = "replaced in" if self.replaced else "added to"
        return f"{self.name}: {counts}; {verb} {self.description}\n{self.table}"


def label_rows(
    boxes_xyxy: NDArray[np.floating[Any]],
    size: tuple[float, float],
    class_ids: NDArray[Any] | int = 0,
    identities: NDArray[Any] | int = -1,
) -> NDArray[np.float64]:
    """Return label rows [n, 6] for corners [n, 4] in pixels of an image of ``size`` (width, height)."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4) / np.array(size * 2, dtype=np.float64)
    rows = np.empty((len(boxes), 6))
    rows[:, 0], rows[:, 1] = class_ids, identities
    rows[:, 2:4] = (boxes[:, :2] + boxes[:, 2:]) / 2
    rows[:, 4:6] = boxes[:, 2:] - boxes[:, :2]
    return rows


def check_stated_sizes(source: object, stated: Sequence[tuple[Path, tuple[float, float]]]) -> None:
    """Check that annotations state the sizes of images as they are read, turned by their EXIF entry.

    Labels are fractions of the size, so that the same annotations also serve images that were scaled as a whole.

    Args:
        source: for messages.
        stated: images and the width and height that the annotations state, pixels.

    Raises:
        InputError: an image has another shape; the first one is named.
    """
    wrong = []
    for file, (width, height) in stated:
        # 0: not stated. Images that are missing are named later.
        actual = image_size(file) if width and height and file.is_file() else (width, height)
        # A scaled side is rounded to whole pixels.
        if abs(width * actual[1] - height * actual[0]) > max(width, height, *actual):
            wrong.append(
                f"{file}: stated as {width:g} x {height:g}, but it is read as {actual[0]} x {actual[1]} pixels"
            )
    if wrong:
        more = f" ({len(wrong)} such images)" if len(wrong) > 1 else ""
        raise InputError(
            f"{source}: {wrong[0]}{more}; images are turned as their EXIF entry says: annotate them as they are shown, "
            "or remove the entry"
        )


def numbered_from_zero(identities: NDArray[Any]) -> NDArray[np.int64]:
    """Return identities [n] renumbered without gaps, in their order; negative (unknown) ones become -1."""
    known = identities >= 0
    numbered = np.full(len(identities), -1, dtype=np.int64)
    numbered[known] = np.unique(identities[known], return_inverse=True)[1]
    return numbered


def find_images(folder: Path, recursive: bool = False) -> list[Path]:
    """Return the image files in a folder, sorted by path, without hidden ones (unfinished, or a system's notes).

    Raises:
        InputError: no such folder, or no images in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    paths = folder.rglob("*") if recursive else folder.glob("*")
    seen = (path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    found = sorted(path for path in seen if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise InputError(f"{folder}: no images in it ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def write_set(out: Path, name: str, images: Sequence[LabelledImage], ledger: Ledger) -> ConversionSummary:
    """Write images, labels and list of one set and enter it in ``out/data.json``.

    Images become hard links, or copies on file systems without links. The list and ``data.json`` come last, each
    written as a whole: after a crash, ``data.json`` names only whole sets. A set of the same name is replaced; files of
    the old set that the new one lacks stay, but no list names them.

    Args:
        out: folder of all sets.
        name: of this one.
        images: what to write.
        ledger: what the source holds, and what of it is left out; the counts must balance.

    Raises:
        InputError: a name that cannot be a folder's, no images, one that is missing, two with one label file, or a
            ``data.json`` in ``out`` that is broken or has its root elsewhere.
    """
    if not re.fullmatch(r"[\w][\w.+-]*", name):
        raise InputError(f"{name!r} cannot name a set: give a name of letters, digits, '_', '.', '+' and '-'")
    if not images:
        why = "; ".join(f"{count} are left out {reason}" for reason, count in ledger.images_left_out.most_common())
        raise InputError(f"{name}: no images to convert{f' ({why})' if why else ''}")
    ledger.drop_empty()
    ledger.check(len(images), sum(len(image.rows) for image in images))
    stems = [image.relative.with_suffix("") for image in images]
    if len(set(stems)) < len(stems):
        twice = Counter(stems).most_common(1)[0][0]
        raise InputError(f"{name}: two images have the name {twice} and would share one label file: rename one")
    for image in images:
        if image.relative.is_absolute() or ".." in image.relative.parts:
            raise InputError(f"{name}: the image {image.relative} would lie outside of the set's folder")
        file = image.source if isinstance(image.source, Path) else image.source.path
        if not file.is_file():
            raise InputError(f"{file}: no such image, but there are labels for it")
        if not (np.abs(image.rows[:, 2:]) <= LARGEST_NORMALISED).all():
            raise InputError(
                f"{file}: a label of {image.relative} lies more than {LARGEST_NORMALISED:g} image sizes away"
            )
    description = out / "data.json"
    values = _existing(description, out)

    with ThreadPoolExecutor(_WRITING_THREADS) as pool:
        for _ in pool.map(partial(_write, out, name), images):
            pass  # an error of a thread is raised here
    with replacing(out / f"{name}.txt") as temporary:
        lines = (f"images/{name}/{image.relative}\n" for image in images)
        temporary.write_text("".join(lines), encoding="utf-8")
    replaced = name in values["train"]
    values["train"][name] = f"{name}.txt"
    with replacing(description) as temporary:
        temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    rows = np.concatenate([image.rows for image in images])
    is_region = rows[:, 0] == IGNORE_CLASS
    identities = np.unique(rows[~is_region, 1])
    return ConversionSummary(
        name=name,
        images=len(images),
        boxes=int((~is_region).sum()),
        identities=int((identities >= 0).sum()),
        ignored=int(is_region.sum()),
        replaced=replaced,
        description=description,
        ledger=ledger,
    )


def _existing(description: Path, out: Path) -> dict[str, Any]:
    if not description.exists():
        return {"root": ".", "train": {}}
    root = read_description(description).root
    if root.resolve() != out.resolve():
        raise InputError(f"{description}: its root is {root}: convert into that folder")
    values: dict[str, Any] = json.loads(read_text(description))
    values.setdefault("train", {})
    return values


def _write(out: Path, name: str, image: LabelledImage) -> None:
    _place(image.source, out / "images" / name / image.relative)
    label = (out / "labels_with_ids" / name / image.relative).with_suffix(".txt")
    with replacing(label) as temporary:
        temporary.write_text("".join(map(_line, image.rows)), encoding="utf-8")


def _place(source: Path | PartOfFile, target: Path) -> None:
    with replacing(target) as temporary:
        if isinstance(source, PartOfFile):
            temporary.write_bytes(source.read())
            return
        try:
            os.link(source.resolve(), temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, temporary)


def _line(row: NDArray[np.float64]) -> str:
    return f"{row[0]:.0f} {row[1]:.0f} {row[2]:.8f} {row[3]:.8f} {row[4]:.8f} {row[5]:.8f}\n"
