"""Decoding of detectors on several levels in NumPy: the reference that every engine is compared with.

RTMDet (Lyu et al. 2022) without objectness: a cell's score is the sigmoid of its logit, its box lies at linear
distances around the cell's anchor point, and boxes that overlap a better one of the same class are suppressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Heads = dict[str, NDArray[np.float32]]

CANDIDATES = 1000
"""So many of the best boxes of an image take part in the suppression (the public file: 5 000)."""

MAX_OBJECTS = 100
"""So many boxes of an image are kept at the most (the public file: 100)."""

MIN_SCORE = 0.001
"""Boxes up to this score are left out (the public file: 0.05, of scores that are not calibrated)."""

MAX_IOU = 0.6
"""A box that overlaps a better one by more is suppressed (the public file)."""


MAX_CHAIN = 64
"""Longest chain of boxes, each in conflict with the next worse one, that engines of fixed sizes settle exactly."""


class LevelDetections(NamedTuple):
    """The boxes of each image that were not suppressed, by falling score; empty slots have score 0 and no extent."""

    boxes_xyxy: NDArray[np.float32]
    """Corners [B, K, 4], canvas pixels; not clipped to the canvas."""
    scores: NDArray[np.float32]
    """Score [B, K]."""
    class_ids: NDArray[np.int64]
    """Class [B, K]."""


def level_names(stride: int) -> tuple[str, str]:
    """Names of the two heads of a level: scores and distances."""
    return f"scores_{stride}", f"distances_{stride}"


def strides_of(names: Iterable[str]) -> tuple[int, ...]:
    """Return the strides of the levels among the names of heads; none where all heads stand on one level."""
    prefix = level_names(0)[0].removesuffix("0")
    return tuple(int(name.removeprefix(prefix)) for name in names if name.startswith(prefix))


def decode_levels(heads: Heads, strides: Sequence[int], max_objects: int = MAX_OBJECTS) -> LevelDetections:
    """Decode the heads of all levels.

    Args:
        heads: of each stride ``scores_<stride>`` logits [B, C, h, w] and ``distances_<stride>`` [B, 4, h, w]: from the
            anchor point to left, top, right and bottom, in strides. The anchor point of cell (x, y) is the pixel
            (x * stride, y * stride).
        strides: of the levels.
        max_objects: K.
    """
    logits = np.concatenate([_cells(heads[level_names(stride)[0]]) for stride in strides], 1)  # [B, N, C]
    boxes = np.concatenate([_boxes(heads[level_names(stride)[1]], stride) for stride in strides], 1)  # [B, N, 4]
    with np.errstate(over="ignore"):
        scores = 1 / (1 + np.exp(-logits))
    found = [_suppressed(*image, max_objects) for image in zip(boxes, scores, strict=True)]
    return LevelDetections(*(np.stack(parts) for parts in zip(*found, strict=True)))


def _cells(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn maps [B, C, h, w] into rows of cells [B, h * w, C]."""
    return maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1)


def _boxes(distances: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    height, width = distances.shape[2:]
    y, x = np.divmod(np.arange(height * width), width)
    points = np.stack([x, y], 1).astype(np.float32)
    sides = _cells(distances)
    boxes: NDArray[np.float32] = stride * np.concatenate([points - sides[..., :2], points + sides[..., 2:]], -1)
    return boxes


def _suppressed(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], max_objects: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Keep the best boxes of an image: boxes [N, 4] and scores [N, C] give [K, 4], [K], [K]."""
    classes = scores.shape[1]
    order = np.argsort(-scores.reshape(-1), kind="stable")[:CANDIDATES]
    order = order[scores.reshape(-1)[order] > MIN_SCORE]
    candidates, class_ids = np.divmod(order, classes)
    corners = boxes[candidates].astype(np.float64)
    conflicts = (_overlaps(corners) > MAX_IOU) & (class_ids[:, None] == class_ids[None])
    kept: list[int] = []
    is_free = np.ones(len(order), dtype=np.bool_)
    for index in range(len(order)):
        if is_free[index] and len(kept) < max_objects:
            kept.append(index)
            is_free &= ~conflicts[index]
    out_boxes = np.zeros((max_objects, 4), np.float32)
    out_scores = np.zeros(max_objects, np.float32)
    out_classes = np.zeros(max_objects, np.int64)
    out_boxes[: len(kept)], out_classes[: len(kept)] = boxes[candidates[kept]], class_ids[kept]
    out_scores[: len(kept)] = scores.reshape(-1)[order[kept]]
    return out_boxes, out_scores, out_classes


def _overlaps(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU [N, N] of boxes with each other; 0 where one has no extent."""
    sides = np.clip(
        np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2]), 0, None
    )
    common = sides.prod(-1)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1)
    union = areas[:, None] + areas[None] - common
    overlaps: NDArray[np.float64] = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return overlaps
