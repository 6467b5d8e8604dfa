"""Training targets of networks on several levels: boxes, classes and identities in slots, and ignored cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.data.targets import IGNORE_CLASS, NO_IDENTITY, check_classes
from fairmot.geometry import ImageArray, anchor_points


@dataclass(frozen=True, slots=True)
class LevelTargets:
    """What the heads should find in one image; K slots, N cells."""

    is_object: NDArray[np.bool_]
    """Whether a slot holds an object [K]."""
    boxes_xyxy: NDArray[np.float32]
    """Corners of the whole box [K, 4], canvas pixels; 0 in empty slots."""
    class_ids: NDArray[np.int64]
    """Class [K]; 0 in empty slots."""
    identities: NDArray[np.int64]
    """Identity [K]; -1: object without one, or an empty slot."""
    is_ignored: NDArray[np.bool_]
    """Whether a cell's anchor point lies in an ignore region [N], in the order of ``anchor_points``."""


def make_level_targets(
    labels: NDArray[np.floating[Any]],
    canvas_size: tuple[int, int],
    strides: Sequence[int],
    classes: int = 1,
    max_objects: int = 500,
) -> LevelTargets:
    """Make the targets of one image from its label rows.

    Row k is slot k, ignore regions (class -1) left out; a row without area leaves its slot empty and rows from
    ``max_objects`` on are dropped. Boxes are not clipped to the canvas.

    Args:
        labels: rows [n, 6] class, identity, centre x, centre y, width, height, the last four divided by the canvas.
        canvas_size: width and height, pixels.
        strides: pixels per cell of each level.
        classes: C.
        max_objects: K.

    Raises:
        ValueError: a class outside [-1, C).
    """
    rows = np.asarray(labels, dtype=np.float64).reshape(-1, 6)
    corners = np.concatenate([rows[:, 2:4] - rows[:, 4:6] / 2, rows[:, 2:4] + rows[:, 4:6] / 2], axis=1)
    corners *= np.array(canvas_size * 2)
    is_region = rows[:, 0] == IGNORE_CLASS
    points, _ = anchor_points(canvas_size, strides)
    regions = corners[is_region]
    is_ignored = ((points[:, None] >= regions[:, :2]) & (points[:, None] < regions[:, 2:])).all(axis=2).any(axis=1)

    rows, corners = rows[~is_region][:max_objects], corners[~is_region][:max_objects]
    check_classes(rows[:, 0], classes)
    slots = np.flatnonzero((rows[:, 4:6] > 0).all(axis=1))
    is_object = np.zeros(max_objects, dtype=np.bool_)
    boxes = np.zeros((max_objects, 4), dtype=np.float32)
    class_ids = np.zeros(max_objects, dtype=np.int64)
    identities = np.full(max_objects, NO_IDENTITY, dtype=np.int64)
    is_object[slots] = True
    boxes[slots] = corners[slots]
    class_ids[slots] = rows[slots, 0].astype(np.int64)
    identities[slots] = rows[slots, 1].astype(np.int64)
    return LevelTargets(is_object, boxes, class_ids, identities, is_ignored)


@dataclass(slots=True)
class LevelBatch:
    """The arrays that ``fairmot.engines.interface.LevelTrainingBatch`` describes, and their images."""

    images: NDArray[np.uint8]
    is_object: NDArray[np.bool_]
    boxes_xyxy: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    identities: NDArray[np.int64]
    is_ignored: NDArray[np.bool_]
    paths: tuple[Path, ...]
    """Image of each canvas (of a mosaic: the first)."""

    @classmethod
    def reserved(
        cls, paths: Iterable[Path], input_size: tuple[int, int], strides: Sequence[int], max_objects: int
    ) -> LevelBatch:
        """Reserve the arrays. Workers fill them, each its own slot, so that nothing is copied afterwards.

        Args:
            paths: the images, one a slot.
            input_size: width and height of the canvases, pixels.
            strides: pixels per cell of each level.
            max_objects: slots for objects an image.
        """
        paths = tuple(paths)
        b, k, (width, height) = len(paths), max_objects, input_size
        cells = sum((width // stride) * (height // stride) for stride in strides)
        return cls(
            images=np.empty((b, height, width, 3), dtype=np.uint8),
            is_object=np.empty((b, k), dtype=np.bool_),
            boxes_xyxy=np.empty((b, k, 4), dtype=np.float32),
            class_ids=np.empty((b, k), dtype=np.int64),
            identities=np.empty((b, k), dtype=np.int64),
            is_ignored=np.empty((b, cells), dtype=np.bool_),
            paths=paths,
        )

    def fill(self, slot: int, canvas: ImageArray, targets: LevelTargets) -> None:
        """Put one image, BGR [H, W, 3], and its targets into their slot."""
        self.images[slot] = canvas
        self.is_object[slot] = targets.is_object
        self.boxes_xyxy[slot] = targets.boxes_xyxy
        self.class_ids[slot] = targets.class_ids
        self.identities[slot] = targets.identities
        self.is_ignored[slot] = targets.is_ignored
