"""Loaders of a small street, and whether two series of batches are the same bit for bit."""

import dataclasses
import os
import time

import numpy as np

from fairmot.config import AugmentationConfig
from fairmot.data.loader import Loader

SIZE = (96, 64)
EVERYTHING = AugmentationConfig(blur=0.3, jpeg=0.3, grey=0.3, stretch=0.3, mosaic=0.5)


@dataclasses.dataclass
class Numbers:
    """A batch of numbers in place of images."""

    values: np.ndarray


class Numbering:
    """Fills each slot with the index of its image, which takes no time."""

    def reserve(self, indices):
        return Numbers(np.zeros(len(indices), dtype=np.int64))

    def fill(self, batch, slot, epoch, index):
        batch.values[slot] = index


class Ending(Numbering):
    """Ends its process with code 7, a while after the files are closed: the end of a large process takes as long."""

    def fill(self, batch, slot, epoch, index):
        os.closerange(3, 1000)
        time.sleep(0.3)
        os._exit(7)


def loader_of(images, **options):
    return Loader(
        images, SIZE, **({"batch_size": 3, "seed": 5, "augmentation": EVERYTHING, "max_objects": 8} | options)
    )


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.paths == other.paths
        for field in dataclasses.fields(one):
            if field.name != "paths":
                np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
