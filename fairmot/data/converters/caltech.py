"""The CalTech pedestrian benchmark: ``.seq`` films or frames taken out of them, and ``.vbb`` annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.categories import choose_categories
from fairmot.data.converters.ledger import Ledger
from fairmot.data.converters.matlab import as_list, field, read_mat
from fairmot.data.converters.norpix import read_seq
from fairmot.data.converters.output import ConversionSummary, LabelledImage, PartOfFile, label_rows, write_set
from fairmot.data.image_files import image_size
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError

_PERSON = "person"
_LABELS = (_PERSON, "people", "person?", "person-fa")
_VIDEO = re.compile(r"(set\d\d)[/_](V\d{3})$")
# set00/V000/I00029.jpg, set00/V000/images/I00029.jpg, set00_V000_I00029.jpg, set00_V000_29.png: frames count from 0.
_FRAME = re.compile(r"(set\d\d)[/_](V\d{3})(?:\.seq)?(?:[/_]images)?[/_]I?(\d+)\.(?:jpg|jpeg|png)$", re.IGNORECASE)
_SPLITS = {"train": range(6), "test": range(6, 11), "all": range(11)}
_Source = Path | PartOfFile


def convert_caltech(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    split: str = "all",
    every: int = 1,
    empty: bool = False,
    categories: Sequence[str] | None = None,
) -> ConversionSummary:
    """Convert full boxes of single people (label ``person``) with their identities.

    All other labels (``people`` for groups, ``person?`` for uncertain cases) become ignore regions. Positions stay as
    they are (left, top, width, height), without a shift by a pixel. Identities are those of the annotation, separate
    for each video.

    Args:
        src: folder with ``annotations/set00/V000.vbb`` and, anywhere in it, ``set00/V000.seq`` or images of frames,
            named by set, video and number.
        out: folder that gets the converted set.
        name: name of the set; default: caltech with the split.
        split: train (set00 to set05), test (set06 to set10) or all.
        every: take each frame whose number, counted from 1, is a multiple of this. The benchmark evaluates every 30th.
        empty: keep images without a single person.
        categories: labels to keep, all as class 0; default: person; ``all`` keeps every one. All others become ignore
            regions.

    Raises:
        InputError: films, frames or annotations are missing or not in this format.
    """
    if split not in _SPLITS or every < 1:
        raise InputError(f"caltech: split {split}, every {every}: expected train, test or all, and 1 or more")
    class_of = choose_categories(_LABELS, (_PERSON,) if categories is None else categories, src)
    none = "without a single person" if categories is None else f"without a {' or '.join(class_of)}"
    videos = {
        (match[1], match[2]): path
        for path in sorted(src.rglob("*.vbb"))
        if (match := _VIDEO.search(path.with_suffix("").as_posix())) and int(match[1][3:]) in _SPLITS[split]
    }
    if not videos:
        raise InputError(f"{src}: no annotations (setNN/VNNN.vbb) of the split {split!r} in it")
    frames = _extracted(src)
    films = {path.relative_to(path.parents[1]).with_suffix("").as_posix(): path for path in src.rglob("*.seq")}
    images: list[LabelledImage] = []
    ledger = Ledger()
    start = 0
    for (group, video), annotation in videos.items():
        found = frames.get((group, video)) or dict(enumerate(_film(films, f"{group}/{video}", annotation)))
        suffix = ".png" if _first_bytes(next(iter(found.values()))).startswith(b"\x89PNG") else ".jpg"
        size = _size(next(iter(found.values())))
        known: dict[int, int] = {}
        for number, boxes, classes, identities in _objects(annotation, class_of, ledger):
            ledger.images += 1
            why = None
            if (number + 1) % every:
                why = "between the steps of --every"
            elif number not in found:
                why = "without an image"
            elif not (empty or (classes != IGNORE_CLASS).any()):
                why = f"{none} (kept with --empty)"
            if why is not None:
                ledger.images_left_out[why] += 1
                ledger.boxes_left_out[f"of images {why}"] += len(boxes)
                continue
            own = [-1 if i < 0 else known.setdefault(i, start + len(known)) for i in identities]
            rows = label_rows(boxes, size, classes, np.array(own))
            images.append(LabelledImage(found[number], PurePosixPath(group, video, f"I{number:05}{suffix}"), rows))
        start += len(known)
    return write_set(out, name or f"caltech.{split}", images, ledger)


def _objects(
    path: Path, class_of: dict[str, int], ledger: Ledger
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.int64], list[int]]]:
    """Yield each frame's index, corners, classes (from 0, or ignored) and identities (-1 where ignored)."""
    annotation = field(read_mat(path), "A", path)
    labels = [str(label) for label in as_list(field(annotation, "objLbl", path))]
    for number, frame in enumerate(as_list(field(annotation, "objLists", path))):
        objects: list[Any] = as_list(frame)
        ids = np.array([int(field(each, "id", path)) for each in objects], dtype=np.int64)
        if len(ids) and not (ids.min() >= 1 and ids.max() <= len(labels)):
            raise InputError(f"{path}: frame {number} has an object without a label in objLbl")
        boxes = np.array([field(each, "pos", path) for each in objects], dtype=np.float64).reshape(-1, 4)
        good = (boxes[:, 2:] > 0).all(axis=1)
        ledger.boxes += len(boxes)
        ledger.boxes_left_out["without area"] += int((~good).sum())
        ids, boxes = ids[good], boxes[good]
        boxes[:, 2:] += boxes[:, :2]
        classes = np.array([class_of.get(labels[each - 1], IGNORE_CLASS) for each in ids], dtype=np.int64)
        yield number, boxes, classes, np.where(classes == IGNORE_CLASS, -1, ids).tolist()


def _extracted(src: Path) -> dict[tuple[str, str], dict[int, _Source]]:
    found: dict[tuple[str, str], dict[int, _Source]] = {}
    for path in src.rglob("*"):
        if match := _FRAME.search(path.as_posix()):
            found.setdefault((match[1], match[2]), {})[int(match[3])] = path
    return found


def _film(films: dict[str, Path], video: str, annotation: Path) -> list[PartOfFile]:
    if video not in films:
        raise InputError(f"{annotation}: no {video}.seq and no images of its frames ({video}/I00000.jpg ...)")
    frames = read_seq(films[video])[1]
    if not frames:
        raise InputError(f"{films[video]}: no frames in it")
    return frames


def _first_bytes(source: _Source) -> bytes:
    return source.read() if isinstance(source, PartOfFile) else source.read_bytes()


def _size(source: _Source) -> tuple[int, int]:
    return image_size(BytesIO(source.read()) if isinstance(source, PartOfFile) else source)
