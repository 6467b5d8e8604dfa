"""COCO annotations: one JSON file with ``images``, ``annotations`` and ``categories``."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fairmot.data.converters.categories import choose_categories
from fairmot.data.converters.ledger import Ledger
from fairmot.data.converters.output import (
    ConversionSummary,
    LabelledImage,
    check_stated_sizes,
    label_rows,
    write_set,
)
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError
from fairmot.formats.text import read_text


def convert_coco(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    images: Path | None = None,
    categories: Sequence[str] | None = None,
    empty: bool = False,
) -> ConversionSummary:
    """Convert COCO annotations; crowds (``iscrowd``) become ignore regions.

    Identifiers may be numbers or texts. ``track_id`` of an annotation, or of its ``attributes``, is its identity.

    Args:
        src: the annotation file.
        out: folder that gets the converted set.
        name: name of the set; default: the stem of ``src``.
        images: folder of the images; default: beside the annotations (for ``annotations/instances_val2017.json``
            ``val2017``, ``images/val2017`` and so on).
        categories: names to keep, all as class 0; ``all`` keeps every one, numbered in the order of category ids.
            Default: person and pedestrian, or the only category.
        empty: keep images without annotations: neither a kept object nor a crowd.

    Raises:
        InputError: not such a file, an unknown category, a malformed box (the annotation's id is named), images that
            are missing, or whose stated size has another shape than they have.
    """
    data = _read(src)
    ledger = Ledger(len(data["images"]), len(data["annotations"]))
    try:
        class_of, names = _classes(data["categories"], categories, src)
        objects = _objects(data["annotations"], class_of, names, ledger, src)
        listed = {str(image["id"]) for image in data["images"]}
        found: dict[str, list[_Object]] = defaultdict(list)
        for image_id, each in objects:
            if image_id in listed:
                found[image_id].append(each)
            else:
                ledger.boxes_left_out["of images that the file does not list"] += 1
        kept = [image for image in data["images"] if empty or str(image["id"]) in found]
        ledger.images_left_out["without annotations (kept with --empty)"] = len(data["images"]) - len(kept)
        folder = _image_folder(src, kept[0]["file_name"] if kept else "", images)
        paths = [folder / image["file_name"] for image in kept]
        sizes = [(float(image["width"]), float(image["height"])) for image in kept]
        check_stated_sizes(src, list(zip(paths, sizes, strict=True)))
        numbers = _identities([each.track for image in kept for each in found[str(image["id"])]])
        labelled = []
        for image, path, size in zip(kept, paths, sizes, strict=True):
            here = found[str(image["id"])]
            boxes = np.array([each.box for each in here], dtype=np.float64).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            class_ids = np.array([each.class_id for each in here])
            identities = np.array([numbers.get(each.track, -1) for each in here])
            rows = label_rows(boxes, size, class_ids, np.where(class_ids == IGNORE_CLASS, -1, identities))
            labelled.append(LabelledImage(path, PurePosixPath(image["file_name"]), rows))
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{src}: not COCO annotations: {reason}") from error
    return write_set(out, name or src.stem, labelled, ledger)


@dataclass(frozen=True, slots=True)
class _Object:
    """One annotation."""

    class_id: int
    box: list[float]
    """Left, top, width, height, pixels."""
    track: str | None
    """Its identity as written."""


def _objects(
    annotations: list[dict[str, Any]], class_of: dict[str, int], names: dict[str, str], ledger: Ledger, src: Path
) -> Iterator[tuple[str, _Object]]:
    """Yield image and object of each annotation that is kept; the others are counted."""
    for annotation in annotations:
        category = str(annotation["category_id"])
        if category not in class_of:
            ledger.boxes_left_out[f"of category {names.get(category, f'id {category}, which has no name')}"] += 1
            continue
        box = annotation.get("bbox")
        if not box:
            ledger.boxes_left_out["without numbers (annotations that are no boxes)"] += 1
            continue
        if not (isinstance(box, list) and len(box) == 4 and all(_is_number(value) for value in box)):
            raise InputError(
                f"{src}: annotation {annotation.get('id', 'without id')}: bbox {str(box)[:60]}, expected left, top, "
                "width, height in pixels"
            )
        if min(box[2:]) <= 0:
            ledger.boxes_left_out["without area"] += 1
            continue
        attributes = annotation.get("attributes")
        track = annotation.get("track_id", attributes.get("track_id") if isinstance(attributes, dict) else None)
        class_id = IGNORE_CLASS if annotation.get("iscrowd") else class_of[category]
        yield str(annotation["image_id"]), _Object(class_id, box, None if track in (None, -1, "") else str(track))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _identities(tracks: list[str | None]) -> dict[str | None, int]:
    """Return the number of each identity, from 0: in the order of numbers where all are numbers."""
    known = {track for track in tracks if track is not None}
    whole = all(track.isdigit() for track in known)
    return {track: number for number, track in enumerate(sorted(known, key=int if whole else str))}


def _read(src: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_text(src))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{src}: cannot be read as a COCO annotation file: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{src}: not COCO annotations: expected an object")
    for key in ("categories", "images", "annotations"):
        if not isinstance(data.get(key), list):
            raise InputError(f"{src}: not COCO annotations: '{key}' is missing")
    return data


def _classes(
    found: list[dict[str, Any]], chosen: Sequence[str] | None, src: Path
) -> tuple[dict[str, int], dict[str, str]]:
    """Return the class of each category id that is kept, and the name of each id."""
    ids = [str(category["id"]) for category in found]
    order = sorted(range(len(ids)), key=lambda n: int(ids[n]) if all(each.isdigit() for each in ids) else n)
    names = {ids[n]: str(found[n]["name"]) for n in order}
    class_of = choose_categories(list(names.values()), chosen, src)
    return {key: class_of[name] for key, name in names.items() if name in class_of}, names


def _image_folder(src: Path, file_name: str, images: Path | None) -> Path:
    split = src.stem.rpartition("_")[2]
    beside, above = src.parent, src.parent.parent
    folders = (
        [images]
        if images is not None
        else [base / inner for base in (above, beside) for inner in (split, f"images/{split}", "images", ".")]
    )
    for folder in folders:
        if (folder / file_name).exists():
            return folder
    missing = f"{src}: its image {file_name} is not in {', '.join(map(str, folders))}"
    raise InputError(missing if images is not None else f"{missing}; give the folder of its images", "images")
