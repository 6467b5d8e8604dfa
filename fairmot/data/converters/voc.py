"""PASCAL VOC: an XML file for each image."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fairmot.data.converters.output import ConversionSummary, LabelledImage, find_images, label_rows, write_set
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError

_IMAGE_FOLDERS = ("JPEGImages", "images")
_ANNOTATION_FOLDERS = ("Annotations", "annotations")
_CSV_COLUMNS = ("image", "left", "top", "width", "height")
# A box of another class that lies in a kept box by this fraction of its area describes a part of the same person.
_PART_OF_PERSON = 0.5


def convert_voc(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    class_name: str = "person",
    head_classes: Sequence[str] = (),
    ignore: Path | None = None,
) -> ConversionSummary:
    """Convert PASCAL VOC annotations of one class.

    Difficult objects become ignore regions, and so do objects of other classes that do not mostly lie in a kept box: in
    partly labelled sets they are often people too.

    Some sets give people two boxes, the body up to the shoulders and the head with the shoulders. With
    ``head_classes``, each body and the head that stands on it become one box around both, and bodies without a head
    become ignore regions, since their box ends at the neck.

    Args:
        src: folder with ``JPEGImages`` or ``images``, and ``Annotations`` or ``annotations``.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``.
        class_name: the class to keep.
        head_classes: classes of the heads that belong to the bodies of ``class_name``.
        ignore: CSV with the columns image, left, top, width, height (pixels) of more ignore regions.

    Raises:
        InputError: a folder, an image or an annotation is missing or not in this format.
    """
    folder = next((src / each for each in _IMAGE_FOLDERS if (src / each).is_dir()), None)
    annotations = next((src / each for each in _ANNOTATION_FOLDERS if (src / each).is_dir()), None)
    if folder is None or annotations is None:
        raise InputError(f"{src}: expected {' or '.join(_IMAGE_FOLDERS)} and {' or '.join(_ANNOTATION_FOLDERS)} in it")
    files = sorted(annotations.glob("*.xml"))
    if not files:
        raise InputError(f"{annotations}: no XML files in it")
    by_stem = {path.stem: path for path in find_images(folder)}
    regions = _read_regions(ignore) if ignore is not None else {}
    images = []
    for file in files:
        if file.stem not in by_stem:
            raise InputError(f"{file}: no image {file.stem} in {folder}")
        image = by_stem[file.stem]
        size, kept, ignored = _read(file, class_name, head_classes)
        boxes = np.concatenate([kept, ignored, regions.pop(image.name, np.zeros((0, 4)))])
        class_ids = np.where(np.arange(len(boxes)) < len(kept), 0, IGNORE_CLASS)
        images.append(LabelledImage(image, PurePosixPath(image.name), label_rows(boxes, size, class_ids)))
    if regions:
        raise InputError(f"{ignore}: boxes for {next(iter(regions))}, which is not an image of {src}")
    return write_set(out, name or src.resolve().name, images)


def _read(
    path: Path, class_name: str, head_classes: Sequence[str]
) -> tuple[tuple[float, float], NDArray[np.float64], NDArray[np.float64]]:
    """Return the image's size, the kept corners and the ignored ones, pixels."""
    try:
        root = ElementTree.parse(path).getroot()
        size = (float(root.findtext("size/width", "")), float(root.findtext("size/height", "")))
        names, difficult, corners = [], [], []
        for each in root.iter("object"):
            names.append(each.findtext("name", "").strip())
            difficult.append(each.findtext("difficult", "0").strip() == "1")
            corners.append([float(each.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax")])
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise InputError(f"{path}: not a PASCAL VOC annotation: {error}") from error
    if min(size) <= 0:
        raise InputError(f"{path}: the image's size is given as {size[0]:g} x {size[1]:g}")
    # Corners count pixels from 1 and are inclusive: pixel 1 covers 0 to 1.
    boxes = np.array(corners, dtype=np.float64).reshape(-1, 4) - np.array([1, 1, 0, 0])
    is_class = np.array([each == class_name for each in names], dtype=np.bool_)
    is_kept = is_class & ~np.array(difficult, dtype=np.bool_)
    if head_classes:
        kept_index, heads = np.flatnonzero(is_kept), np.flatnonzero(np.isin(names, list(head_classes)))
        bodies_found, heads_found = _pair_heads(boxes[kept_index], boxes[heads])
        bodies, matched = kept_index[bodies_found], heads[heads_found]
        boxes[bodies, :2] = np.minimum(boxes[bodies, :2], boxes[matched, :2])
        boxes[bodies, 2:] = np.maximum(boxes[bodies, 2:], boxes[matched, 2:])
        is_kept = np.isin(np.arange(len(boxes)), bodies)
    kept, other = boxes[is_kept], boxes[~is_kept]
    return size, kept, other[_fraction_inside(other, kept) < _PART_OF_PERSON]


def _pair_heads(bodies: NDArray[np.float64], heads: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return indices of bodies [n, 4] and of the heads [m, 4] that stand on them: together the best aligned pairs."""
    body_size, head_size = bodies[:, None, 2:] - bodies[:, None, :2], heads[None, :, 2:] - heads[None, :, :2]
    aside = np.abs(bodies[:, None, [0, 2]].mean(axis=2) - heads[None, :, [0, 2]].mean(axis=2)) / body_size[..., 0]
    overlaps = (heads[None, :, 3] > bodies[:, None, 1]) & (heads[None, :, 1] < bodies[:, None, 1])
    fits = overlaps & (aside < 0.5) & (head_size[..., 1] < body_size[..., 1])
    # More than any sum of fitting costs, so that the assignment keeps every fitting pair that it can.
    first, second = linear_sum_assignment(np.where(fits, aside, 1.0 + len(bodies)))
    good = fits[first, second]
    return first[good], second[good]


def _fraction_inside(boxes: NDArray[np.float64], containers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each box [n, 4], the largest fraction of its area that lies in one of ``containers`` [m, 4]."""
    first = np.maximum(boxes[:, None, :2], containers[None, :, :2])
    last = np.minimum(boxes[:, None, 2:], containers[None, :, 2:])
    shared = np.clip(last - first, 0, None).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    largest: NDArray[np.float64] = shared.max(axis=1, initial=0) / np.maximum(area, 1e-9)
    return largest


def _read_regions(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return corners [n, 4] by image name."""
    regions: dict[str, list[list[float]]] = defaultdict(list)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [column for column in _CSV_COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path} line 1: no column {missing[0]} (expected {', '.join(_CSV_COLUMNS)})")
            for row in reader:
                try:
                    left, top, width, height = (float(row[column]) for column in _CSV_COLUMNS[1:])
                except (TypeError, ValueError):
                    raise InputError(
                        f"{path} line {reader.line_num}: left, top, width, height must be numbers"
                    ) from None
                regions[row["image"]].append([left, top, left + width, top + height])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return {image: np.array(boxes) for image, boxes in regions.items()}
