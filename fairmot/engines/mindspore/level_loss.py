"""The losses of networks on several levels in MindSpore; see ``fairmot.network.level_loss``."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor, ops
from numpy.typing import NDArray

from fairmot.config import LossConfig
from fairmot.engines.interface import LevelTrainingBatch
from fairmot.engines.mindspore.device import on_cpu
from fairmot.engines.mindspore.loss import WeightedLoss
from fairmot.engines.training_rules import Classifier
from fairmot.network.level_assignment import (
    AREA_MARGIN,
    BEST_CELLS,
    CENTRE_RADIUS,
    IOU_MARGIN,
    IOU_WEIGHT,
    LARGEST_EXPONENT,
)
from fairmot.network.level_decoding import level_names

INFINITE = 3.0e38
"""Above every cost, and finite in float32."""

SLOTS = (32, 128)
"""Of objects in an image, where fewer than all are compiled for: the smallest number that holds a batch's objects."""


class LevelLoss(WeightedLoss):
    """Scores, boxes and identity terms, and their weighting; holds no parameters."""

    def __init__(
        self, config: LossConfig, classifiers: Sequence[Classifier], strides: Sequence[int], processes: int = 1
    ) -> None:
        """Qualities are summed over so many processes."""
        super().__init__(config, classifiers)
        self.scores_weight, self.boxes_weight = config.scores_weight, config.boxes_weight
        self.strides, self.processes = tuple(strides), processes
        self.add = ops.AllReduce() if processes > 1 else None
        self.on_cpu = on_cpu()
        names = [level_names(stride) for stride in strides]
        self.heads = (*(name[0] for name in names), *(name[1] for name in names), "embedding")
        """Order in which the cell takes the heads."""
        self.terms = ("total", "scores", "boxes", "identity")
        """What the cell returns, in this order."""

    def construct(self, heads, targets, over, parameters):
        """Take tuples in the orders of ``heads``, ``level_targets_of``, ``Normalisers``, ``parameters_in_order``."""
        is_object, true_boxes, class_ids, identities, is_ignored = targets
        logits, boxes, points, strides = self.line_up(heads)
        owners, is_taken, qualities = self.assign(logits, boxes, points, strides, is_object, true_boxes, class_ids)
        quality = qualities.sum()
        if self.processes > 1:
            quality = self.add(quality) / self.processes
        quality = ops.maximum(quality, 1.0 / self.processes)

        # A one-hot row for each class: padded slots have class 0 and own no cell.
        kinds = ops.expand_dims(ops.gather_elements(class_ids, 1, owners), 2)
        numbers = Tensor(np.arange(logits.shape[2]), ms.int32).reshape(1, 1, -1)
        wanted = ops.where(ops.equal(kinds, numbers), ops.expand_dims(qualities, 2), ops.zeros_like(logits))
        counted = ops.cast(ops.logical_or(is_taken, ops.logical_not(is_ignored)), ms.float32)
        scores = (quality_focal(logits, wanted).sum(2) * counted).sum() / quality
        index = ops.broadcast_to(ops.expand_dims(owners, 2), (*owners.shape, 4))
        fits = overlaps_of(boxes, ops.gather_elements(true_boxes, 1, index), True)
        fit_losses = (1.0 - fits) * qualities
        detection_boxes = ops.where(is_taken, fit_losses, ops.zeros_like(fit_losses)).sum() / quality
        detection = self.scores_weight * scores + self.boxes_weight * detection_boxes
        vectors = ops.transpose(heads[-1][:, :, 0], (0, 2, 1))
        identity = self.identity(vectors, is_object, identities, over[-1], parameters)
        return self.total(detection, identity, parameters), scores, detection_boxes, identity

    def line_up(self, heads):
        """Line up the cells of all levels: logits [B, N, C], boxes [B, N, 4], points [N, 2], strides [N, 1]."""
        count = len(self.strides)
        logits, sides = (), ()
        points, strides = [], []
        for level in range(count):
            stride = self.strides[level]
            batch, classes, height, width = heads[level].shape
            logits = (*logits, heads[level].reshape(batch, classes, height * width))
            sides = (*sides, heads[count + level].reshape(batch, 4, height * width) * float(stride))
            y, x = np.divmod(np.arange(height * width), width)
            points.append(np.stack([x, y], 1) * stride)
            strides.append(np.full((height * width, 1), stride))
        points, strides = Tensor(np.concatenate(points), ms.float32), Tensor(np.concatenate(strides), ms.float32)
        logits = ops.transpose(ops.concat(logits, 2), (0, 2, 1))
        sides = ops.transpose(ops.concat(sides, 2), (0, 2, 1))
        return logits, ops.concat((points - sides[:, :, :2], points + sides[:, :, 2:]), 2), points, strides

    def assign(self, logits, boxes, points, strides, is_object, true_boxes, class_ids):
        """Return of each cell [B, N] its slot (0 where it has none), whether it has one, and its quality."""
        logits, boxes = ops.stop_gradient(logits), ops.stop_gradient(boxes)
        batch, cells, _ = logits.shape
        slots = is_object.shape[1]
        is_object = ops.expand_dims(is_object, 1)  # [B, 1, K]
        left, top, right, bottom = sides_of(ops.expand_dims(true_boxes, 1))
        x, y = points[:, 0:1], points[:, 1:2]  # [N, 1]
        inside_x, inside_y = ops.logical_and(x > left, x < right), ops.logical_and(y > top, y < bottom)
        inside = ops.logical_and(ops.logical_and(inside_x, inside_y), is_object)  # [B, N, K]
        takes_part = ops.cast(inside, ms.float32).sum(2, keepdims=True) > 0
        usable = ops.logical_and(takes_part, is_object)
        found, true = sides_of(ops.expand_dims(boxes, 2)), (left, top, right, bottom)
        if self.on_cpu:
            nothing = ops.cast(usable, ms.float32) * 0.0
            found, true = spread(found, nothing), spread(true, nothing)
        overlaps = overlaps_of_sides(found, true, False)
        overlaps = ops.where(usable, overlaps, ops.zeros_like(overlaps))
        away = ops.sqrt(ops.square(x - (left + right) / 2.0) + ops.square(y - (top + bottom) / 2.0)) / strides
        prior = ops.pow(10.0, ops.minimum(away - CENTRE_RADIUS, LARGEST_EXPONENT))
        cost = prior - IOU_WEIGHT * ops.log(overlaps + IOU_MARGIN)
        # Of all classes the score should be 0, but of the box's own it should be the overlap.
        none = quality_focal(logits, ops.zeros_like(logits))
        index = ops.broadcast_to(ops.expand_dims(class_ids, 1), (batch, cells, slots))
        own = quality_focal(ops.gather_elements(logits, 2, index), overlaps)
        cost = cost + own - ops.gather_elements(none, 2, index) + none.sum(2, keepdims=True)
        infinite = ops.ones_like(cost) * INFINITE
        cost = ops.where(usable, cost, infinite)

        best = min(BEST_CELLS, cells)
        # By index: MindSpore warns of an output that is unpacked and not read, as if a side effect were lost.
        greatest = ops.topk(ops.transpose(overlaps, (0, 2, 1)), best)[0]  # [B, K, 13]
        counts = ops.clamp(ops.cast(greatest.sum(2), ms.int32), 1, best)
        lowest = ops.topk(-ops.transpose(cost, (0, 2, 1)), best)[0]
        limits = -ops.gather_elements(lowest, 2, ops.expand_dims(counts - 1, 2))
        matched = ops.logical_and(cost <= ops.transpose(limits, (0, 2, 1)), usable)
        times = ops.cast(matched, ms.float32).sum(2, keepdims=True)
        owners = ops.argmin(ops.where(ops.logical_or(times > 1.0, matched), cost, infinite), 2)
        is_taken = times[:, :, 0] > 0.0
        owners = ops.cast(owners, ms.int32) * ops.cast(is_taken, ms.int32)
        qualities = ops.gather_elements(overlaps, 2, ops.expand_dims(owners, 2))[:, :, 0]
        return owners, is_taken, ops.stop_gradient(qualities * ops.cast(is_taken, ms.float32))


def quality_focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Quality focal loss of each score, beta 2."""
    softplus = ops.maximum(logits, 0.0) + ops.log1p(ops.exp(-ops.abs(logits)))
    return (softplus - wanted * logits) * ops.square(wanted - ops.sigmoid(logits))


def overlaps_of(first: Tensor, second: Tensor, generalised: bool) -> Tensor:
    """IoU, or generalised IoU, of boxes [..., 4]; sides of negative length count 0."""
    return overlaps_of_sides(sides_of(first), sides_of(second), generalised)


def overlaps_of_sides(first, second, generalised):
    """``overlaps_of`` boxes by their sides, which may have different shapes."""
    left, top, right, bottom = first
    other_left, other_top, other_right, other_bottom = second
    common = area(
        ops.maximum(left, other_left),
        ops.maximum(top, other_top),
        ops.minimum(right, other_right),
        ops.minimum(bottom, other_bottom),
    )
    union = area(left, top, right, bottom) + area(other_left, other_top, other_right, other_bottom) - common
    overlap = common / ops.maximum(union, AREA_MARGIN)
    if not generalised:
        return overlap
    around = area(
        ops.minimum(left, other_left),
        ops.minimum(top, other_top),
        ops.maximum(right, other_right),
        ops.maximum(bottom, other_bottom),
    )
    return overlap - (around - union) / ops.maximum(around, AREA_MARGIN)


def sides_of(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Left, top, right and bottom of boxes [..., 4]."""
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def spread(sides, nothing):
    """Bring sides to the shape of ``nothing``, which is 0.

    On a processor MindSpore takes 39 ns for the larger of two numbers of different shapes, and 3 for a sum or for
    equal shapes.
    """
    left, top, right, bottom = sides
    return left + nothing, top + nothing, right + nothing, bottom + nothing


def area(left: Tensor, top: Tensor, right: Tensor, bottom: Tensor) -> Tensor:
    """Area of boxes by their sides."""
    return ops.maximum(right - left, 0.0) * ops.maximum(bottom - top, 0.0)


def slots_needed(batch: LevelTrainingBatch) -> NDArray[np.float64]:
    """Mark the place in ``SLOTS`` of the smallest number that holds these objects; behind the last: all slots."""
    last = int(np.flatnonzero(batch.is_object.any(0)).max(initial=-1))
    marks = np.zeros(len(SLOTS) + 1)
    marks[np.searchsorted(SLOTS, last + 1)] = 1
    return marks


def slots_of(marks: NDArray[np.float64], every: int) -> int:
    """Return the largest number that is marked, at most ``every`` slot."""
    return min((*SLOTS, every)[int(np.flatnonzero(marks)[-1])], every)


def level_targets_of(batch: LevelTrainingBatch, slots: int | None = None) -> tuple[Tensor, ...]:
    """Return the target arrays of a batch as tensors; empty slots hold 0, and no identity.

    Slots from ``slots`` on are left out.
    """
    is_object = np.array(batch.is_object[:, :slots], dtype=np.bool_)
    return (
        Tensor(is_object),
        Tensor(np.where(is_object[..., None], batch.boxes_xyxy[:, :slots], 0).astype(np.float32)),
        Tensor(np.where(is_object, batch.class_ids[:, :slots], 0).astype(np.int32)),
        Tensor(np.where(is_object, batch.identities[:, :slots], -1).astype(np.int32)),
        Tensor(np.array(batch.is_ignored, dtype=np.bool_)),
    )
