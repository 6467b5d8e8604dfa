"""How much there is in a data set: pictures, boxes, identities and their sizes."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.data.annotations import LabelledPictures
from fairmot.data.image_files import picture_size
from fairmot.data.targets import IGNORE_CLASS

_PERCENTILES = (0, 10, 50, 90, 100)
_SIZES_NAMED = 8
_THREADS_A_CORE = 4


@dataclass(frozen=True, slots=True)
class SetStatistics:
    """Counts of one set, or of several together."""

    name: str
    pictures: int
    empty_pictures: int
    """Without any box."""
    boxes: int
    """Objects, ignore regions not counted."""
    ignored: int
    boxes_with_identity: int
    identities: int
    """Different ones."""
    identity_slots: int
    """Largest identity + 1: classes that the set takes in the classifier."""
    boxes_per_picture: dict[str, float]
    """mean and max."""
    classes: dict[int, int]
    """Boxes of each class."""
    box_heights_px: dict[str, float]
    """Percentiles p0, p10, p50, p90, p100."""
    box_widths_px: dict[str, float]
    picture_sizes: dict[str, int]
    """WIDTHxHEIGHT -> pictures, most frequent first; rarer sizes together as ``other``."""

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON takes them."""
        values = {field: getattr(self, field) for field in self.__slots__}
        return values | {"classes": {str(key): count for key, count in self.classes.items()}}


def statistics(pictures: LabelledPictures, threads: int | None = None) -> list[SetStatistics]:
    """Count each set, and where there are several, all together under the name ``all``.

    Args:
        pictures: what ``read_pictures`` returned.
        threads: read headers of picture files; default: four a core.

    Raises:
        InputError: a picture cannot be read.
    """
    with ThreadPoolExecutor(threads or _THREADS_A_CORE * (os.cpu_count() or 1)) as pool:
        sizes = np.array(list(pool.map(picture_size, pictures.paths)), dtype=np.int64).reshape(-1, 2)
    found, first = [], 0
    for each in pictures.sets:
        found.append(_count(each.name, pictures, sizes, first, first + each.pictures, each.identities))
        first += each.pictures
    if len(found) > 1:
        slots = sum(each.identities for each in pictures.sets)
        found.append(_count("all", pictures, sizes, 0, len(pictures), slots))
    return found


def _count(
    name: str, pictures: LabelledPictures, sizes: NDArray[np.int64], first: int, last: int, slots: int
) -> SetStatistics:
    rows = pictures.rows[pictures.starts[first] : pictures.starts[last]]
    place = np.repeat(np.arange(last - first), np.diff(pictures.starts[first : last + 1]))
    is_object = rows[:, 0] != IGNORE_CLASS
    objects, place = rows[is_object], place[is_object]
    per_picture = np.bincount(place, minlength=last - first)
    known = objects[objects[:, 1] >= 0, 1]
    classes, counts = np.unique(objects[:, 0].astype(np.int64), return_counts=True)
    extents = objects[:, 4:6] * sizes[first:last][place]
    shapes = Counter(f"{width}x{height}" for width, height in sizes[first:last].tolist()).most_common()
    others = sum(count for _, count in shapes[_SIZES_NAMED:])
    return SetStatistics(
        name=name,
        pictures=last - first,
        empty_pictures=int((per_picture == 0).sum()),
        boxes=len(objects),
        ignored=int((~is_object).sum()),
        boxes_with_identity=len(known),
        identities=len(np.unique(known)),
        identity_slots=slots,
        boxes_per_picture={"mean": float(per_picture.mean()), "max": float(per_picture.max(initial=0))},
        classes=dict(zip(classes.tolist(), counts.tolist(), strict=True)),
        box_heights_px=_percentiles(extents[:, 1]),
        box_widths_px=_percentiles(extents[:, 0]),
        picture_sizes=dict(shapes[:_SIZES_NAMED]) | ({"other": others} if others else {}),
    )


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    if not len(values):
        return {}
    return {f"p{each}": round(float(np.percentile(values, each)), 1) for each in _PERCENTILES}


def description_of(source: Path) -> Path:
    """Return the ``data.json`` that a user means by a file or by the folder with one."""
    return source / "data.json" if source.is_dir() else source
