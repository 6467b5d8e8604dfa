"""One training batch: arrays that workers fill slot by slot, and what the workers need for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fairmot.config import STRIDE
from fairmot.data.targets import Targets
from fairmot.geometry import ImageArray

BatchT = TypeVar("BatchT")


class Filler(Protocol[BatchT]):
    """What workers need of the loader; processes get a pickled one each."""

    def reserve(self, indices: NDArray[np.integer[Any]]) -> BatchT:
        """Reserve the arrays of a batch of these images."""
        ...

    def fill(self, batch: BatchT, slot: int, epoch: int, index: int) -> None:
        """Fill the slot of one image."""
        ...


@dataclass(slots=True)
class Batch:
    """The arrays that ``fairmot.engines.interface.TrainingBatch`` describes, and their images."""

    images: NDArray[np.uint8]
    heatmap: NDArray[np.float32]
    is_object: NDArray[np.bool_]
    cells: NDArray[np.int64]
    extents: NDArray[np.float32]
    offsets: NDArray[np.float32]
    identities: NDArray[np.int64]
    paths: tuple[Path, ...]
    """Image of each canvas (of a mosaic: the first)."""

    @classmethod
    def reserved(cls, paths: Iterable[Path], input_size: tuple[int, int], classes: int, max_objects: int) -> Batch:
        """Reserve the arrays. Workers fill them, each its own slot, so that nothing is copied afterwards.

        Args:
            paths: the images, one a slot.
            input_size: width and height of the canvases, pixels.
            classes: heatmap channels.
            max_objects: slots for objects an image.
        """
        paths = tuple(paths)
        b, k, (width, height) = len(paths), max_objects, input_size
        return cls(
            images=np.empty((b, height, width, 3), dtype=np.uint8),
            heatmap=np.empty((b, classes, height // STRIDE, width // STRIDE), dtype=np.float32),
            is_object=np.empty((b, k), dtype=np.bool_),
            cells=np.empty((b, k), dtype=np.int64),
            extents=np.empty((b, k, 4), dtype=np.float32),
            offsets=np.empty((b, k, 2), dtype=np.float32),
            identities=np.empty((b, k), dtype=np.int64),
            paths=paths,
        )

    def fill(self, slot: int, canvas: ImageArray, targets: Targets) -> None:
        """Put one image, BGR [H, W, 3], and its targets into their slot."""
        self.images[slot] = canvas
        self.heatmap[slot] = targets.heatmap
        self.is_object[slot] = targets.is_object
        self.cells[slot] = targets.cells
        self.extents[slot] = targets.extents
        self.offsets[slot] = targets.offsets
        self.identities[slot] = targets.identities
