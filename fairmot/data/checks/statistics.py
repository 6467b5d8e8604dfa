"""Statistics of a data set: counts of images, boxes and identities, and their sizes."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.data.annotations import LabelledImages
from fairmot.data.image_files import image_size
from fairmot.data.targets import IGNORE_CLASS

_PERCENTILES = (0, 10, 50, 90, 100)
_SIZES_NAMED = 8
_THREADS_A_CORE = 4


@dataclass(frozen=True, slots=True)
class SetStatistics:
    """Counts of one set, or of several together."""

    name: str
    images: int
    empty_images: int
    """Without any box."""
    boxes: int
    """Objects, ignore regions not counted."""
    ignored: int
    boxes_with_identity: int
    identities: int
    """Different ones."""
    identity_slots: int
    """Largest identity + 1: classes that the set takes in the classifier."""
    boxes_per_image: dict[str, float]
    """mean and max."""
    classes: dict[int, int]
    """Boxes of each class."""
    box_heights_px: dict[str, float]
    """Percentiles p0, p10, p50, p90, p100."""
    box_widths_px: dict[str, float]
    image_sizes: dict[str, int]
    """WIDTHxHEIGHT -> images, most frequent first; rarer sizes together as ``other``."""

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON takes them."""
        values = {field: getattr(self, field) for field in self.__slots__}
        return values | {"classes": {str(key): count for key, count in self.classes.items()}}


def statistics(images: LabelledImages, threads: int | None = None) -> list[SetStatistics]:
    """Count each set and, if there are several, all together under the name ``all``.

    Args:
        images: what ``read_images`` returned.
        threads: threads that read headers of image files; default: four for each core.

    Raises:
        InputError: an image cannot be read.
    """
    with ThreadPoolExecutor(threads or _THREADS_A_CORE * (os.cpu_count() or 1)) as pool:
        sizes = np.array(list(pool.map(image_size, images.paths)), dtype=np.int64).reshape(-1, 2)
    found, first = [], 0
    for each in images.sets:
        found.append(_count(each.name, images, sizes, first, first + each.images, each.identities))
        first += each.images
    if len(found) > 1:
        slots = sum(each.identities for each in images.sets)
        found.append(_count("all", images, sizes, 0, len(images), slots))
    return found


def _count(
    name: str, images: LabelledImages, sizes: NDArray[np.int64], first: int, last: int, slots: int
) -> SetStatistics:
    rows = images.rows[images.starts[first] : images.starts[last]]
    place = np.repeat(np.arange(last - first), np.diff(images.starts[first : last + 1]))
    is_object = rows[:, 0] != IGNORE_CLASS
    objects, place = rows[is_object], place[is_object]
    per_image = np.bincount(place, minlength=last - first)
    known = objects[objects[:, 1] >= 0, 1]
    classes, counts = np.unique(objects[:, 0].astype(np.int64), return_counts=True)
    extents = objects[:, 4:6] * sizes[first:last][place]
    shapes = Counter(f"{width}x{height}" for width, height in sizes[first:last].tolist()).most_common()
    others = sum(count for _, count in shapes[_SIZES_NAMED:])
    return SetStatistics(
        name=name,
        images=last - first,
        empty_images=int((per_image == 0).sum()),
        boxes=len(objects),
        ignored=int((~is_object).sum()),
        boxes_with_identity=len(known),
        identities=len(np.unique(known)),
        identity_slots=slots,
        boxes_per_image={"mean": float(per_image.mean()), "max": float(per_image.max(initial=0))},
        classes=dict(zip(classes.tolist(), counts.tolist(), strict=True)),
        box_heights_px=_percentiles(extents[:, 1]),
        box_widths_px=_percentiles(extents[:, 0]),
        image_sizes=dict(shapes[:_SIZES_NAMED]) | ({"other": others} if others else {}),
    )


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    if not len(values):
        return {}
    return {f"p{each}": round(float(np.percentile(values, each)), 1) for each in _PERCENTILES}


def description_of(source: Path) -> Path:
    """Return the ``data.json`` of a folder, or the file itself."""
    return source / "data.json" if source.is_dir() else source
