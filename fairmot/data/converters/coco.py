"""COCO annotations: one JSON file with ``images``, ``annotations`` and ``categories``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fairmot.data.converters.output import ConversionSummary, LabelledImage, label_rows, write_set
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError, closest_name


def convert_coco(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    images: Path | None = None,
    categories: Sequence[str] | None = ("person",),
    empty: bool = False,
) -> ConversionSummary:
    """Convert COCO annotations; crowds (``iscrowd``) become ignore regions.

    Args:
        src: the annotation file.
        out: folder that gets the converted set.
        name: name of the set; default: the stem of ``src``.
        images: folder of the images; default: beside the annotations (for ``annotations/instances_val2017.json``
            ``val2017``, ``images/val2017`` and so on).
        categories: names to keep, all as class 0; None keeps all, numbered in the order of category ids.
        empty: keep images without annotations: neither a kept object nor a crowd.

    Raises:
        InputError: not such a file, an unknown category, or images that are missing.
    """
    data = _read(src)
    try:
        class_of = _classes(data["categories"], categories, src)
        found: dict[Any, list[tuple[int, list[float]]]] = defaultdict(list)
        for annotation in data["annotations"]:
            class_id = class_of.get(annotation["category_id"])
            if class_id is not None:
                class_id = IGNORE_CLASS if annotation.get("iscrowd") else class_id
                found[annotation["image_id"]].append((class_id, annotation["bbox"]))
        kept = [image for image in data["images"] if empty or image["id"] in found]
        folder = _image_folder(src, kept[0]["file_name"] if kept else "", images)
        labelled = []
        for image in kept:
            objects = found[image["id"]]
            boxes = np.array([box for _, box in objects], dtype=np.float64).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            class_ids = np.array([class_id for class_id, _ in objects])
            rows = label_rows(boxes, (image["width"], image["height"]), class_ids)
            labelled.append(LabelledImage(folder / image["file_name"], PurePosixPath(image["file_name"]), rows))
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{src}: not COCO annotations: {reason}") from error
    return write_set(out, name or src.stem, labelled)


def _read(src: Path) -> dict[str, Any]:
    try:
        data = json.loads(src.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{src}: cannot be read as a COCO annotation file: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{src}: not COCO annotations: expected an object")
    return data


def _classes(found: list[dict[str, Any]], chosen: Sequence[str] | None, src: Path) -> dict[int, int]:
    ordered = sorted(found, key=lambda category: int(category["id"]))
    if chosen is None:
        return {int(category["id"]): place for place, category in enumerate(ordered)}
    names = [str(category["name"]) for category in ordered]
    for name in chosen:
        if name not in names:
            raise InputError(f"{src}: no category {name!r}{closest_name(name, names)}")
    return {int(category["id"]): 0 for category in ordered if category["name"] in chosen}


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
    raise InputError(f"{src}: its image {file_name} is not in {', '.join(map(str, folders))}")
