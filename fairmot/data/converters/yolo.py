"""YOLO text labels: ``class cx cy w h`` or polygons, in parallel folders ``images`` and ``labels``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from fairmot.data.converters.categories import choose_categories
from fairmot.data.converters.ledger import Ledger
from fairmot.data.converters.output import ConversionSummary, LabelledImage, find_images, write_set
from fairmot.errors import InputError
from fairmot.formats.text import read_text, split_fields

_COLUMNS = "class cx cy w h"
_SPLITS = ("train", "valid", "val", "test")
_SYNONYMS = {"val": "valid", "valid": "val"}
_CORNERS = 3


@dataclass(frozen=True, slots=True)
class _Names:
    """What ``data.yaml`` says."""

    names: dict[int, str]
    """Class -> name; empty: it names none."""
    keypoint_columns: int = 0
    """Columns behind a box, of its keypoints."""


def convert_yolo(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    split: str | None = None,
    categories: Sequence[str] | None = None,
) -> ConversionSummary:
    """Convert YOLO text labels. An image without a label file has no annotations, as usual in this format.

    Polygons become the boxes around them; keypoints (``kpt_shape`` in ``data.yaml``) are left out.

    Args:
        src: folder with ``images/`` and ``labels/`` (with or without splits below or above them, as
            ``train/images``), or one folder of images below an ``images``.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``, with the split.
        split: convert ``images/<split>`` or ``<split>/images`` alone; ``val`` and ``valid`` are the same.
        categories: names in ``data.yaml``, or numbers, to keep, all as class 0; ``all`` keeps every class as it is.
            Default: person and pedestrian by name, or the only class; where no file names the classes, class 0.

    Raises:
        InputError: no images, a label line that cannot be used, or nobody among the classes is a person by name.
    """
    folders = _image_folders(src, split)
    stated = _read_names(src)
    ledger = Ledger()
    found: list[tuple[Path, PurePosixPath, NDArray[np.float64]]] = []
    for folder in folders:
        parts = list(folder.resolve().parts)
        place = len(parts) - 1 - parts[::-1].index("images")
        labels = Path(*parts[:place], "labels", *parts[place + 1 :])
        if not labels.is_dir():
            raise InputError(f"{labels}: no such folder; labels must lie there (parallel to images/)")
        top = PurePosixPath(folder.parent.name) if len(folders) > 1 else PurePosixPath()
        for image in find_images(folder, recursive=True):
            relative = image.relative_to(folder)
            rows = _read((labels / relative).with_suffix(".txt"), stated.keypoint_columns, ledger)
            found.append((image, top / relative.as_posix(), rows))
    numbers = np.unique(np.concatenate([np.zeros(0), *(rows[:, 0] for _, _, rows in found)])).astype(int).tolist()
    class_of = _classes(numbers, stated.names, categories, src)
    images = []
    for image, path, rows in found:
        kept = np.isin(rows[:, 0], list(class_of))
        ledger.images += 1
        ledger.boxes += len(rows)
        for number in rows[~kept, 0].astype(int).tolist():
            ledger.boxes_left_out[f"of class {number}{_called(stated.names.get(number))}"] += 1
        rows = rows[kept]
        rows[:, 0] = [class_of[int(number)] for number in rows[:, 0]]
        images.append(LabelledImage(image, path, np.insert(rows, 1, -1, axis=1)))
    default = src.resolve().name if split is None else f"{src.resolve().name}_{split}"
    return write_set(out, name or default, images, ledger)


def _called(name: str | None) -> str:
    return "" if name is None else f" ({name})"


def _classes(
    numbers: Sequence[int], names: dict[int, str], categories: Sequence[str] | None, src: Path
) -> dict[int, int]:
    """Return the class of each number that is kept."""
    if categories is not None and tuple(categories) == ("all",):
        return {number: number for number in numbers}
    if categories is not None and all(each.isdigit() for each in categories):
        return {int(each): 0 for each in categories}
    if not names:
        if categories is not None:
            raise InputError(f"{src}: no data.yaml names its classes; choose categories by number")
        return {0: 0}
    kept = choose_categories(list(names.values()), categories, src)
    return {number: 0 for number, name in names.items() if name in kept}


def _read_names(src: Path) -> _Names:
    """Read ``data.yaml``, another YAML file with ``names``, or ``classes.txt``, of the set or above it."""
    for folder in (src, src.parent, src.parent.parent):
        for path in sorted(folder.glob("*.y*ml"), key=lambda path: path.name != "data.yaml"):
            values = _yaml(path)
            if isinstance(values, dict) and isinstance(values.get("names"), list | dict):
                names = values["names"]
                pairs = enumerate(names) if isinstance(names, list) else names.items()
                shape = values.get("kpt_shape") or (0, 0)
                try:
                    keypoints = int(shape[0]) * int(shape[1])
                    return _Names({int(number): str(name).strip() for number, name in pairs}, keypoints)
                except (TypeError, ValueError, IndexError) as error:
                    raise InputError(f"{path}: names must map class numbers to names ({error})") from error
        for path in (folder / "classes.txt", folder / "labels" / "classes.txt", folder / "obj.names"):
            if path.is_file():
                return _Names(dict(enumerate(line.strip() for line in read_text(path).splitlines() if line.strip())))
    return _Names({})


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(read_text(path))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error


def _image_folders(src: Path, split: str | None) -> list[Path]:
    if not src.is_dir():
        raise InputError(f"{src}: no such folder")
    if split is None:
        candidates = [src / "images"]
        if "images" in src.resolve().parts:
            candidates.append(src)
        if not candidates[0].is_dir():
            parts = [src / each / "images" for each in _SPLITS if (src / each / "images").is_dir()]
            if parts:
                return parts
    else:
        words = [split, *([_SYNONYMS[split]] if split in _SYNONYMS else [])]
        candidates = [path for word in words for path in (src / "images" / word, src / word / "images")]
    for candidate in candidates:
        if candidate.is_dir():
            return [candidate]
    splits = {path.name for path in (src / "images").glob("*/")} | {path.parent.name for path in src.glob("*/images/")}
    found = ", ".join(sorted(splits)) if split else ""
    raise InputError(f"{candidates[0]}: no such folder{f'; there are {found}' if found else ''}")


def _read(path: Path, keypoint_columns: int, ledger: Ledger) -> NDArray[np.float64]:
    """Return rows [n, 5] of one label file: class, centre, size."""
    values: list[list[float]] = []
    for number, line in enumerate(read_text(path).splitlines() if path.is_file() else [], 1):
        columns = split_fields(line)
        if not columns:
            continue
        try:
            numbers = [float(column) for column in columns]
        except ValueError:
            raise InputError(f"{path} line {number}: not numbers ({_COLUMNS}): {line.strip()}") from None
        if not (numbers[0] >= 0 and numbers[0].is_integer()):
            raise InputError(f"{path} line {number}: class {columns[0]} is not a whole number from 0 on")
        if keypoint_columns and len(numbers) == 5 + keypoint_columns:
            ledger.shapes_left_out["sets of keypoints (their boxes are kept)"] += 1
            numbers = numbers[:5]
        elif len(numbers) >= 1 + 2 * _CORNERS and len(numbers) % 2:
            corners = np.array(numbers[1:]).reshape(-1, 2)
            low, high = corners.min(axis=0), corners.max(axis=0)
            numbers = [numbers[0], *((low + high) / 2).tolist(), *(high - low).tolist()]
        if len(numbers) != 5:
            raise InputError(
                f"{path} line {number}: {len(columns)} columns, expected 5 ({_COLUMNS}) or a class and a polygon"
            )
        values.append(numbers)
    return np.array(values, dtype=np.float64).reshape(-1, 5)
