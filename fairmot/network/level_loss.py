"""The detection losses of networks on several levels in NumPy: the reference of every engine.

RTMDet (Lyu et al. 2022): quality focal loss of all scores, and 1 - generalised IoU of the boxes of assigned cells,
each weighted by its quality; both are divided by the sum of the qualities, at least 1.

An ignore region says that nobody knows who is there. A cell whose anchor point lies in one and that is assigned to no
box adds no loss, in any class; a true box inside a region trains its cells as anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import anchor_points
from fairmot.network.level_assignment import Assignment, assign_cells, overlaps_of, quality_focal
from fairmot.network.level_decoding import level_names


class LevelTruth(NamedTuple):
    """What the heads should find: K slots in each of B images, N cells."""

    is_object: NDArray[np.bool_]
    """Whether a slot holds an object [B, K]."""
    boxes_xyxy: NDArray[np.floating[Any]]
    """Corners [B, K, 4], canvas pixels."""
    class_ids: NDArray[np.integer[Any]]
    """Class [B, K]."""
    is_ignored: NDArray[np.bool_]
    """Whether a cell's anchor point lies in an ignore region [B, N], in the order of ``anchor_points``."""


class LevelLosses(NamedTuple):
    """Losses of a batch."""

    scores: float
    boxes: float


def assign_batch(
    heads: dict[str, NDArray[np.floating[Any]]], strides: Sequence[int], truth: LevelTruth
) -> list[Assignment]:
    """Assign the cells of each image; an owner is a slot."""
    logits, boxes, points, cell_strides = cells_of(heads, strides)
    found = []
    for image, is_object in enumerate(truth.is_object):
        slots = np.flatnonzero(is_object)
        true_boxes, class_ids = truth.boxes_xyxy[image, slots], truth.class_ids[image, slots]
        each = assign_cells(logits[image], boxes[image], points, cell_strides, true_boxes, class_ids)
        owners = np.where(each.owners >= 0, slots[each.owners] if len(slots) else -1, -1)
        found.append(Assignment(owners, each.qualities))
    return found


def level_losses(
    heads: dict[str, NDArray[np.floating[Any]]],
    strides: Sequence[int],
    truth: LevelTruth,
    assigned: Sequence[Assignment] | None = None,
) -> LevelLosses:
    """Return the losses of a batch.

    Args:
        heads: ``scores_<stride>`` logits [B, C, h, w] and ``distances_<stride>`` [B, 4, h, w] in strides.
        strides: of the levels, in the order of the cells.
        truth: what they should find.
        assigned: the assignment of each image; made here by default. No gradient flows through it: hold it fixed to
            take differences.
    """
    logits, boxes, _, _ = cells_of(heads, strides)
    assigned = assigned or assign_batch(heads, strides, truth)
    scores_sum = boxes_sum = quality_sum = 0.0
    for image, (owners, qualities) in enumerate(assigned):
        taken = np.flatnonzero(owners >= 0)
        slots = owners[taken]
        wanted = np.zeros_like(logits[image])
        wanted[taken, truth.class_ids[image, slots]] = qualities[taken]
        counted = (owners >= 0) | ~truth.is_ignored[image]
        scores_sum += float(quality_focal(logits[image], wanted)[counted].sum())
        fits = overlaps_of(boxes[image, taken], truth.boxes_xyxy[image, slots], generalised=True)
        boxes_sum += float((qualities[taken] * (1 - fits)).sum())
        quality_sum += float(qualities.sum())
    over = max(quality_sum, 1.0)
    return LevelLosses(scores_sum / over, boxes_sum / over)


def cells_of(
    heads: dict[str, NDArray[np.floating[Any]]], strides: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return logits [B, N, C], boxes [B, N, 4] in canvas pixels, anchor points [N, 2] and strides [N] of all cells."""
    height, width = heads[level_names(strides[0])[0]].shape[2:]
    points, cell_strides = anchor_points((width * strides[0], height * strides[0]), strides)
    logits, sides = (
        np.concatenate([_rows(heads[level_names(stride)[kind]]) for stride in strides], 1) for kind in (0, 1)
    )
    sides = sides * cell_strides[:, None]
    boxes = np.concatenate([points - sides[..., :2], points + sides[..., 2:]], -1)
    return logits, boxes, points.astype(np.float64), cell_strides.astype(np.float64)


def _rows(maps: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    rows: NDArray[np.float64] = maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1).astype(np.float64)
    return rows
