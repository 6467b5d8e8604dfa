"""Other numberings of the identities of labelled images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fairmot.data.annotations import ImageSet, LabelledImages
from fairmot.data.targets import IGNORE_CLASS


def with_unique_identities(images: LabelledImages) -> LabelledImages:
    """Give every object without an identity its own one, numbered after all others of its set."""
    rows = images.rows.copy()
    sets: list[ImageSet] = []
    first_image, start = 0, 0
    for each in images.sets:
        last_image = first_image + each.images
        block = rows[images.starts[first_image] : images.starts[last_image]]
        known = block[:, 1] >= 0
        block[known, 1] += start - each.identity_start
        unknown = (block[:, 1] < 0) & (block[:, 0] != IGNORE_CLASS)
        count = int(unknown.sum())
        block[unknown, 1] = start + each.identities + np.arange(count)
        sets.append(replace(each, identities=each.identities + count, identity_start=start))
        first_image, start = last_image, start + each.identities + count
    return LabelledImages(images.paths, rows, images.starts, tuple(sets), images.skipped)


def with_identities_of_classes(images: LabelledImages, classes: int) -> tuple[LabelledImages, tuple[int, ...]]:
    """Number identities class by class, and return nID of each: its identities and one more, as published for one.

    The numbers of a class follow those of the class before, so that a number determines the class too.
    """
    rows = images.rows.copy()
    counts: list[int] = []
    for class_id in range(classes):
        chosen = (rows[:, 0] == class_id) & (rows[:, 1] >= 0)
        found, places = np.unique(rows[chosen, 1], return_inverse=True)
        rows[chosen, 1] = sum(counts) + places
        counts.append(len(found) + 1)
    return replace(images, rows=rows), tuple(counts)
