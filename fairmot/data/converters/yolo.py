"""YOLO text labels: ``class cx cy w h``, parallel folders ``images`` and ``labels``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.output import ConversionSummary, LabelledImage, find_images, write_set
from fairmot.errors import InputError

_COLUMNS = "class cx cy w h"


def convert_yolo(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    split: str | None = None,
    classes: Sequence[int] | None = (0,),
) -> ConversionSummary:
    """Convert YOLO text labels. An image without a label file has no annotations, as usual in this format.

    Args:
        src: folder with ``images/`` and ``labels/`` (with or without splits below or above them), or one folder of
            images below an ``images``.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``, with the split.
        split: convert ``images/<split>`` or ``<split>/images`` alone.
        classes: keep these and make all of them class 0; None keeps every class as it is.

    Raises:
        InputError: no images, or a label line that is not five good numbers.
    """
    folder = _image_folder(src, split)
    parts = list(folder.resolve().parts)
    place = len(parts) - 1 - parts[::-1].index("images")
    labels = Path(*parts[:place], "labels", *parts[place + 1 :])
    if not labels.is_dir():
        raise InputError(f"{labels}: no such folder; labels must lie there (parallel to images/)")
    images = []
    for image in find_images(folder, recursive=True):
        relative = image.relative_to(folder)
        rows = _read((labels / relative).with_suffix(".txt"), classes)
        images.append(LabelledImage(image, PurePosixPath(relative.as_posix()), rows))
    default = src.resolve().name if split is None else f"{src.resolve().name}_{split}"
    return write_set(out, name or default, images)


def _image_folder(src: Path, split: str | None) -> Path:
    if not src.is_dir():
        raise InputError(f"{src}: no such folder")
    candidates = [src / "images"] if split is None else [src / "images" / split, src / split / "images"]
    if split is None and "images" in src.resolve().parts:
        candidates.append(src)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    found = ", ".join(sorted(path.name for path in (src / "images").glob("*/"))) if split else ""
    raise InputError(f"{candidates[0]}: no such folder{f'; there are {found}' if found else ''}")


def _read(path: Path, classes: Sequence[int] | None) -> NDArray[np.float64]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    values = []
    for number, line in enumerate(lines, 1):
        columns = line.split()
        if columns and len(columns) != 5:
            raise InputError(f"{path} line {number}: {len(columns)} columns, expected 5 ({_COLUMNS})")
        try:
            values += [[float(column) for column in columns]] if columns else []
        except ValueError:
            raise InputError(f"{path} line {number}: not five numbers ({_COLUMNS}): {line.strip()}") from None
        if columns and not (values[-1][0] >= 0 and values[-1][0].is_integer()):
            raise InputError(f"{path} line {number}: class {columns[0]} is not a whole number from 0 on")
    found = np.array(values, dtype=np.float64).reshape(-1, 5)
    if classes is not None:
        found = found[np.isin(found[:, 0], list(classes))]
        found[:, 0] = 0
    return np.insert(found, 1, -1, axis=1)
