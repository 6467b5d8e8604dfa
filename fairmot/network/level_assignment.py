"""Which cells of a detector on several levels learn which box, in NumPy: the reference of every engine.

RTMDet's dynamic soft label assignment (Lyu et al. 2022, section 3.3). Each pair of a cell and a true box has a cost:

    3 * -log(IoU) + quality focal loss of the score + 10 ** (distance between centre and anchor point in strides - 3)

A box takes its k cheapest cells, where k is the sum of its 13 best IoUs, rounded down, and at least 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CENTRE_RADIUS = 3.0
"""Strides from the centre at which the prior costs 1; it grows tenfold with each further stride."""

IOU_WEIGHT = 3.0
"""Weight of -log(IoU) in the cost."""

BEST_CELLS = 13
"""So many of a box's best IoUs decide how many cells it takes."""

IOU_MARGIN = 1e-7
"""Added to the IoU before the logarithm."""

AREA_MARGIN = 1e-6
"""Areas that are divided by are at least this, square pixels."""

LARGEST_EXPONENT = 30.0
"""The prior grows no further, so that it stays finite in float32."""


class Assignment(NamedTuple):
    """What each cell of one image learns."""

    owners: NDArray[np.int64]
    """Index of its true box [N]; -1: none."""
    qualities: NDArray[np.float64]
    """IoU of the predicted box and its true one [N], which the score learns; 0 for a cell without one."""


def assign_cells(
    logits: NDArray[np.floating[Any]],
    boxes_xyxy: NDArray[np.floating[Any]],
    points: NDArray[np.floating[Any]],
    strides: NDArray[np.floating[Any]],
    true_boxes_xyxy: NDArray[np.floating[Any]],
    class_ids: NDArray[np.integer[Any]],
) -> Assignment:
    """Assign the cells of one image to its true boxes.

    Cells whose anchor point lies inside no true box take no part. A cell that several boxes want goes to the box to
    which it costs least, also if that one is none of them (as published).

    DEVIATION: of cells that cost exactly as much as a box's last one, the box takes all; the published code takes
    whichever sorting puts first.

    Args:
        logits: of the scores [N, C].
        boxes_xyxy: predicted corners [N, 4], canvas pixels.
        points: anchor points [N, 2] (``fairmot.geometry.anchor_points``).
        strides: of each cell [N].
        true_boxes_xyxy: corners [M, 4], canvas pixels.
        class_ids: of the true boxes [M].
    """
    owners, qualities = np.full(len(logits), -1, np.int64), np.zeros(len(logits))
    low, high = points[:, None] - true_boxes_xyxy[:, :2], true_boxes_xyxy[:, 2:] - points[:, None]
    places = np.flatnonzero((np.concatenate([low, high], -1).min(-1) > 0).any(1))
    if not len(places):
        return Assignment(owners, qualities)
    logits = np.asarray(logits, np.float64)[places]
    overlaps = overlaps_of(boxes_xyxy[places, None], true_boxes_xyxy[None])
    centres = (true_boxes_xyxy[:, :2] + true_boxes_xyxy[:, 2:]) / 2
    distances = np.linalg.norm(points[places, None] - centres, axis=-1) / strides[places, None]
    cost = 10 ** np.minimum(distances - CENTRE_RADIUS, LARGEST_EXPONENT) - IOU_WEIGHT * np.log(overlaps + IOU_MARGIN)
    for box, class_id in enumerate(class_ids):
        wanted = np.zeros_like(logits)
        wanted[:, class_id] = overlaps[:, box]
        cost[:, box] += quality_focal(logits, wanted).sum(1)

    counts = np.maximum(np.sort(overlaps, 0)[-BEST_CELLS:].sum(0).astype(np.int64), 1)
    matched = cost <= np.sort(cost, 0)[counts - 1, np.arange(len(counts))]
    contested = matched.sum(1) > 1
    owner = np.where(contested[:, None] | matched, cost, np.inf).argmin(1)
    is_taken = matched.any(1)
    owners[places[is_taken]] = owner[is_taken]
    qualities[places[is_taken]] = overlaps[is_taken, owner[is_taken]]
    return Assignment(owners, qualities)


def quality_focal(logits: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quality focal loss of each score (Li et al. 2020): cross entropy times the squared error, beta 2."""
    with np.errstate(over="ignore"):
        scores = 1 / (1 + np.exp(-logits))
    loss: NDArray[np.float64] = (np.logaddexp(0, logits) - wanted * logits) * (wanted - scores) ** 2
    return loss


def overlaps_of(
    first_xyxy: NDArray[np.floating[Any]], second_xyxy: NDArray[np.floating[Any]], generalised: bool = False
) -> NDArray[np.float64]:
    """IoU, or generalised IoU (Rezatofighi et al. 2019), of boxes [..., 4]; sides of negative length count 0."""
    a, b = np.asarray(first_xyxy, np.float64), np.asarray(second_xyxy, np.float64)
    common = _area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - common
    overlap: NDArray[np.float64] = common / np.maximum(union, AREA_MARGIN)
    if generalised:
        around = _area(np.minimum(a[..., :2], b[..., :2]), np.maximum(a[..., 2:], b[..., 2:]))
        overlap = overlap - (around - union) / np.maximum(around, AREA_MARGIN)
    return overlap


def _area(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = np.clip(high - low, 0, None).prod(-1)
    return area
