"""The Penn-Fudan pedestrian database (PASCAL annotation 1.00)."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.output import ConversionSummary, LabelledImage, find_images, label_rows, write_set
from fairmot.errors import InputError

_SIZE = re.compile(r"Image size \(X x Y x C\) : (\d+) x (\d+) x \d+")
_BOX = re.compile(r"Bounding box for object \d+ .*: \((\d+), (\d+)\) - \((\d+), (\d+)\)")
_IMAGE_FOLDERS = ("PNGImages", "images")
_ANNOTATION_FOLDERS = ("Annotation", "annotations")


def convert_pennfudan(src: Path, out: Path, name: str | None = None) -> ConversionSummary:
    """Convert all boxes of Penn-Fudan, also those added later (they are in the annotation texts).

    Args:
        src: folder with ``PNGImages`` or ``images``, and ``Annotation`` or ``annotations``.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``.

    Raises:
        InputError: a folder, an image or an annotation is missing or not in this format.
    """
    folder = _one_of(src, _IMAGE_FOLDERS)
    texts = sorted(_one_of(src, _ANNOTATION_FOLDERS).glob("*.txt"))
    if not texts:
        raise InputError(f"{src}: no annotation texts")
    by_stem = {path.stem: path for path in find_images(folder)}
    images = []
    for text in texts:
        if text.stem not in by_stem:
            raise InputError(f"{text}: no image {text.stem}.png or .jpg in {folder}")
        image = by_stem[text.stem]
        images.append(LabelledImage(image, PurePosixPath(image.name), _read(text)))
    return write_set(out, name or src.resolve().name, images)


def _read(path: Path) -> NDArray[np.float64]:
    text = path.read_text(encoding="latin-1")
    size = _SIZE.search(text)
    if size is None:
        raise InputError(f"{path}: no line 'Image size (X x Y x C)': not an annotation of Penn-Fudan")
    boxes = np.array(_BOX.findall(text), dtype=np.float64).reshape(-1, 4)
    announced = text.count("Bounding box for object")
    if announced != len(boxes):
        raise InputError(f"{path}: states {announced} bounding boxes, but {len(boxes)} can be read")
    # Corners count pixels from 1 and are inclusive: pixel 1 covers 0 to 1.
    return label_rows(boxes - np.array([1, 1, 0, 0]), (int(size[1]), int(size[2])))


def _one_of(src: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (src / name).is_dir():
            return src / name
    raise InputError(f"{src}: no folder {' or '.join(names)} in it")
