"""The losses of FairMOT (section 4.4) from head maps and targets."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from fairmot.config import LossConfig
from fairmot.engines.interface import TrainingBatch
from fairmot.engines.training_rules import (
    OVERLAP_MARGIN,
    PROBABILITY_MARGIN,
    Classifier,
    Normalisers,
)

HEADS = ("heatmap", "extents", "offsets", "embedding")
"""Order in which the loss cell takes the head maps."""

WEIGHTS = ("loss.s_det", "loss.s_id")
"""The last parameters that the loss cell takes; weight and bias of each classifier come first."""


class WeightedLoss(nn.Cell):
    """Identity term, and the weighting of the terms of detection and identity; holds no parameters."""

    def __init__(self, config: LossConfig, classifiers: Sequence[Classifier]) -> None:
        super().__init__(auto_prefix=False)
        self.identity_weight = config.identity_weight
        self.learned = config.weighting == "uncertainty"
        self.blocks = tuple((each.first, each.identities, each.scale) for each in classifiers)
        self.has_identities = len(self.blocks) > 0
        self.parameters_in_order = (
            *(f"{each.name}.{kind}" for each in classifiers for kind in ("weight", "bias")),
            *WEIGHTS,
        )
        """The parameters that it takes, in this order."""

    def identity(self, vectors, is_object, identities, labelled, parameters):
        """Cross entropy of unit-length embeddings, each slot among its class, over the labelled ones."""
        identity = ops.zeros_like(labelled)
        if self.has_identities:
            embeddings = unit_length(vectors)
            for place in range(len(self.blocks)):
                first, count, scale = self.blocks[place]
                local = identities - first
                # Identity -1 (none), padded slots and other classes take no part.
                counted = ops.logical_and(is_object, ops.logical_and(local >= 0, local < count))
                weight, bias = parameters[2 * place], parameters[2 * place + 1]
                identity = identity + cross_entropy(embeddings * scale, weight, bias, local, counted)
            identity = identity / labelled
        return identity

    def total(self, detection, identity, parameters):
        """Weight the two losses as configured."""
        if not self.learned:
            return detection + self.identity_weight * identity
        s_det, s_id = parameters[-2], parameters[-1]
        total = ops.exp(-s_det) * detection + s_det
        if self.has_identities:
            total = total + ops.exp(-s_id) * identity + s_id
        return 0.5 * ops.squeeze(total)


class FairLoss(WeightedLoss):
    """Heatmap, extents, offsets, overlap and identity terms, and their weighting; holds no parameters."""

    def __init__(self, config: LossConfig, classifiers: Sequence[Classifier]) -> None:
        super().__init__(config, classifiers)
        self.heatmap_weight = config.heatmap_weight
        self.extents_weight = config.extents_weight
        self.offsets_weight = config.offsets_weight
        self.overlap_weight = config.overlap_weight
        self.overlaps = config.overlap_weight > 0
        self.heads = HEADS
        """Order in which the cell takes the heads."""
        between = ("overlap",) if self.overlaps else ()
        self.terms = ("total", "heatmap", "extents", "offsets", *between, "identity")
        """What the cell returns, in this order."""

    def construct(self, heads, targets, over, parameters):
        """Take tuples in the orders of ``HEADS``, ``targets_of``, ``Normalisers`` and ``parameters_in_order``."""
        heatmap_map, extents_map, offsets_map, embedding_map = heads
        target_heatmap, is_object, cells, target_extents, target_offsets, identities = targets
        peaks, extent_numbers, offset_numbers, objects, labelled = over

        heatmap = focal_loss(heatmap_map, target_heatmap) / peaks
        extents_at = gather_cells(extents_map, cells)
        offsets_at = gather_cells(offsets_map, cells)
        extents = box_loss(extents_at, target_extents, is_object) / extent_numbers
        offsets = box_loss(offsets_at, target_offsets, is_object) / offset_numbers
        detection = self.heatmap_weight * heatmap + self.extents_weight * extents + self.offsets_weight * offsets
        terms = (heatmap, extents, offsets)
        if self.overlaps:
            overlap = overlap_loss(extents_at, offsets_at, target_extents, target_offsets, is_object) / objects
            detection = detection + self.overlap_weight * overlap
            terms = (*terms, overlap)
        identity = self.identity(gather_cells(embedding_map, cells), is_object, identities, labelled, parameters)
        return (self.total(detection, identity, parameters), *terms, identity)


def focal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Sum of CornerNet's focal loss, alpha 2, beta 4."""
    probability = ops.clip_by_value(ops.sigmoid(logits), PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    is_peak = target == 1
    positive = ops.log(probability) * ops.square(1 - probability)
    negative = ops.log(1 - probability) * ops.square(probability) * ops.square(ops.square(1 - target))
    return -ops.where(is_peak, positive, negative).sum()


def box_loss(predicted: Tensor, target: Tensor, is_object: Tensor) -> Tensor:
    """Sum of absolute errors [B, K, n] over objects; whatever a padded slot holds has no effect."""
    mask = ops.broadcast_to(ops.expand_dims(is_object, 2), target.shape)
    # Both sides are masked before the difference: a NaN in a padded slot would survive a product with 0.
    nothing = ops.zeros_like(target)
    return ops.abs(ops.where(mask, predicted, nothing) - ops.where(mask, target, nothing)).sum()


def overlap_loss(
    extents: Tensor, offsets: Tensor, target_extents: Tensor, target_offsets: Tensor, is_object: Tensor
) -> Tensor:
    """Sum over objects of 1 - generalised IoU (Rezatofighi et al., 2019) of predicted and true box.

    Boxes are measured from the object's cell, in cells: offset - (left, top) to offset + (right, bottom).
    """
    left, top, right, bottom = _sides(extents, offsets, is_object)
    true_left, true_top, true_right, true_bottom = _sides(target_extents, target_offsets, is_object)
    inner = _area(
        ops.maximum(left, true_left),
        ops.maximum(top, true_top),
        ops.minimum(right, true_right),
        ops.minimum(bottom, true_bottom),
    )
    outer = _area(
        ops.minimum(left, true_left),
        ops.minimum(top, true_top),
        ops.maximum(right, true_right),
        ops.maximum(bottom, true_bottom),
    )
    union = _area(left, top, right, bottom) + _area(true_left, true_top, true_right, true_bottom) - inner
    generalised = inner / ops.maximum(union, OVERLAP_MARGIN) - (outer - union) / ops.maximum(outer, OVERLAP_MARGIN)
    return ((1.0 - generalised) * ops.cast(is_object, ms.float32)).sum()


def _sides(extents, offsets, is_object):
    # Masked for the same reason as in ``box_loss``.
    mask = ops.expand_dims(is_object, 2)
    extents = ops.where(ops.broadcast_to(mask, extents.shape), extents, ops.zeros_like(extents))
    offsets = ops.where(ops.broadcast_to(mask, offsets.shape), offsets, ops.zeros_like(offsets))
    left, top, right, bottom = extents[:, :, 0], extents[:, :, 1], extents[:, :, 2], extents[:, :, 3]
    x, y = offsets[:, :, 0], offsets[:, :, 1]
    return x - left, y - top, x + right, y + bottom


def _area(left, top, right, bottom):
    return ops.maximum(right - left, 0.0) * ops.maximum(bottom - top, 0.0)


def cross_entropy(features: Tensor, weight: Tensor, bias: Tensor, identities: Tensor, labelled: Tensor) -> Tensor:
    """Sum over the labelled slots [B, K] of a linear classifier's cross entropy; 0 where nothing is labelled.

    DEVIATION: the published code gives NaN without any labelled object.
    """
    rows = features.reshape(-1, features.shape[-1])
    logarithms = ops.log_softmax(ops.matmul(rows, ops.transpose(weight, (1, 0))) + bias, -1)
    counted = ops.cast(labelled.reshape(-1, 1), ms.float32)
    # Identity -1 would pick a wrong column: unlabelled rows read column 0, then count 0 times.
    wanted = ops.where(labelled, identities, ops.zeros_like(identities)).reshape(-1, 1)
    return -(ops.gather_elements(logarithms, 1, wanted) * counted).sum()


def gather_cells(maps: Tensor, cells: Tensor) -> Tensor:
    """Take the vectors [B, K, C] of maps [B, C, h, w] at flat cells [B, K]."""
    batch, channels, height, width = maps.shape
    index = ops.broadcast_to(ops.expand_dims(cells, 1), (batch, channels, cells.shape[1]))
    return ops.transpose(ops.gather_elements(maps.reshape(batch, channels, height * width), 2, index), (0, 2, 1))


def unit_length(vectors: Tensor) -> Tensor:
    """Divide by the L2 norm over the last axis, at least 1e-12."""
    squares = ops.square(vectors).sum(-1, keepdims=True)
    return vectors / ops.sqrt(ops.maximum(squares, 1e-24))


def targets_of(batch: TrainingBatch) -> tuple[Tensor, ...]:
    """Return the target arrays of a batch as tensors; the cell of a padded slot becomes 0, a valid index."""
    is_object = np.array(batch.is_object, dtype=np.bool_)
    return (
        Tensor(np.array(batch.heatmap, dtype=np.float32)),
        Tensor(is_object),
        Tensor(np.where(is_object, batch.cells, 0).astype(np.int32)),
        Tensor(np.array(batch.extents, dtype=np.float32)),
        Tensor(np.array(batch.offsets, dtype=np.float32)),
        Tensor(np.array(batch.identities, dtype=np.int32)),
    )


def scalars_of(over: Normalisers) -> tuple[Tensor, ...]:
    """Return the normalisers as tensors: as numbers, each new one would compile the graph again."""
    return tuple(Tensor(each, ms.float32) for each in over)
