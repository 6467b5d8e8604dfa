"""CUHK-SYSU (person search): ``annotation/Images.mat``, ``Person.mat`` and ``pool.mat``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fairmot.data.converters.matlab import as_list, field, read_mat
from fairmot.data.converters.output import (
    ConversionSummary,
    LabelledImage,
    label_rows,
    numbered_from_zero,
    write_set,
)
from fairmot.data.image_files import image_size
from fairmot.errors import InputError

_Box = tuple[float, ...]


def convert_cuhksysu(src: Path, out: Path, name: str | None = None, *, split: str = "train") -> ConversionSummary:
    """Convert all people; those without an annotated identity get -1.

    ``Images.mat`` lists boxes (``idlocate``: left, top, width, height) by image, ``Person.mat`` the boxes of each
    identity (``idname``: p1, p2 ...), ``pool.mat`` the images of the test gallery: all others are for training.
    ``test/train_test/Train.mat`` (the training identities alone) can take the place of ``Person.mat``.

    Args:
        src: the data set's folder, with ``Image/SSM`` and ``annotation``.
        out: folder that gets the converted set.
        name: name of the set; default: cuhksysu with the split.
        split: train, test or all.

    Raises:
        InputError: a file or an image is missing or not in this format.
    """
    if split not in ("train", "test", "all"):
        raise InputError(f"{split}: CUHK-SYSU has the splits train, test and all")
    folder, annotation = src / "Image" / "SSM", src / "annotation"
    identity_of = _identities(annotation)
    gallery: set[str] = set()
    if split != "all":
        path = annotation / "pool.mat"
        gallery = {str(each) for each in as_list(field(read_mat(path), "pool", path))}
    sources: list[tuple[Path, np.ndarray[Any, Any]]] = []
    identities: list[int] = []
    path = annotation / "Images.mat"
    for image in as_list(field(read_mat(path), "Img", path)):
        file_name = str(field(image, "imname", path))
        if split != "all" and (file_name in gallery) != (split == "test"):
            continue
        boxes = [_box(each, path) for each in as_list(field(image, "box", path))]
        sources.append((folder / file_name, np.array(boxes, dtype=np.float64).reshape(-1, 4)))
        identities += [identity_of.get((file_name, box), -1) for box in boxes]
    numbered = numbered_from_zero(np.array(identities, dtype=np.int64))
    starts = np.cumsum([0, *(len(boxes) for _, boxes in sources)])
    images = []
    for (image, block), start in zip(sources, starts[:-1], strict=True):
        block[:, 2:] += block[:, :2]
        rows = label_rows(block, image_size(image), 0, numbered[start : start + len(block)])
        images.append(LabelledImage(image, PurePosixPath(image.name), rows))
    return write_set(out, name or f"cuhksysu.{split}", images)


def _identities(annotation: Path) -> dict[tuple[str, _Box], int]:
    """Return the identity of a box in an image."""
    variable = "Person"
    path = annotation / "Person.mat"
    if not path.is_file() and (annotation / "test/train_test/Train.mat").is_file():
        variable, path = "Train", annotation / "test/train_test/Train.mat"
    found: dict[tuple[str, _Box], int] = {}
    for person in as_list(field(read_mat(path), variable, path)):
        label = str(field(person, "idname", path))
        if not label.lstrip("p").isdigit():
            raise InputError(f"{path}: {label!r} is not an identity such as p17")
        for scene in as_list(field(person, "scene", path)):
            found[str(field(scene, "imname", path)), _box(scene, path)] = int(label.lstrip("p"))
    return found


def _box(value: Any, path: Path) -> _Box:
    box = np.asarray(field(value, "idlocate", path)).ravel()
    if box.size != 4:
        raise InputError(f"{path}: a box has {box.size} numbers, expected 4 (left, top, width, height)")
    return tuple(float(each) for each in box)
