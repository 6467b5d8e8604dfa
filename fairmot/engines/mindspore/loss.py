"""The losses of FairMOT (section 4.4) from head maps and targets."""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from fairmot.config import LossConfig
from fairmot.engines.interface import PROBABILITY_MARGIN, Arrays, StepResult, TrainingBatch, embedding_scale
from fairmot.engines.mindspore.network import to_numpy

TERMS = ("total", "heatmap", "extents", "offsets", "identity")
"""What the loss cell returns, in this order."""

HEADS = ("heatmap", "extents", "offsets", "embedding")
"""Order in which the loss cell takes the head maps."""

PARAMETERS = ("classifier.weight", "classifier.bias", "loss.s_det", "loss.s_id")
"""Order in which the loss cell takes its parameters."""


class FairLoss(nn.Cell):
    """Heatmap, extents, offsets and identity terms, and their weighting; holds no parameters."""

    def __init__(self, config: LossConfig, identity_count: int) -> None:
        super().__init__(auto_prefix=False)
        self.heatmap_weight = config.heatmap_weight
        self.extents_weight = config.extents_weight
        self.offsets_weight = config.offsets_weight
        self.identity_weight = config.identity_weight
        self.learned = config.weighting == "uncertainty"
        self.embedding_scale = embedding_scale(identity_count)
        self.has_identities = self.embedding_scale > 0

    def construct(self, heads, targets, parameters):
        """Take tuples in the orders of ``HEADS``, ``targets_of`` and ``PARAMETERS``; return scalars, see ``TERMS``."""
        heatmap_map, extents_map, offsets_map, embedding_map = heads
        target_heatmap, is_object, cells, target_extents, target_offsets, identities = targets
        weight, bias, s_det, s_id = parameters

        heatmap = focal_loss(heatmap_map, target_heatmap)
        extents = box_loss(extents_map, target_extents, is_object, cells)
        offsets = box_loss(offsets_map, target_offsets, is_object, cells)
        detection = self.heatmap_weight * heatmap + self.extents_weight * extents + self.offsets_weight * offsets
        identity = ops.zeros_like(detection)
        if self.has_identities:
            embeddings = unit_length(gather_cells(embedding_map, cells))
            # Identity -1 (none) and padded slots take no part.
            labelled = ops.logical_and(is_object, identities >= 0)
            identity = cross_entropy(embeddings * self.embedding_scale, weight, bias, identities, labelled)
        if not self.learned:
            total = detection + self.identity_weight * identity
        else:
            total = ops.exp(-s_det) * detection + s_det
            if self.has_identities:
                total = total + ops.exp(-s_id) * identity + s_id
            total = 0.5 * ops.squeeze(total)
        return total, heatmap, extents, offsets, identity


def focal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """CornerNet's focal loss, alpha 2, beta 4, a peak; without any peak the negative part alone."""
    probability = ops.clip_by_value(ops.sigmoid(logits), PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    is_peak = target == 1
    positive = ops.log(probability) * ops.square(1 - probability)
    negative = ops.log(1 - probability) * ops.square(probability) * ops.square(ops.square(1 - target))
    peaks = ops.cast(is_peak, ms.float32).sum()
    return -ops.where(is_peak, positive, negative).sum() / ops.maximum(peaks, 1.0)


def box_loss(maps: Tensor, target: Tensor, is_object: Tensor, cells: Tensor) -> Tensor:
    """Mean absolute error over objects and dimensions; whatever a padded slot holds has no effect."""
    mask = ops.broadcast_to(ops.expand_dims(is_object, 2), target.shape)
    predicted = gather_cells(maps, cells)
    # Both sides are masked before the difference: a NaN in a padded slot would survive a product with 0.
    nothing = ops.zeros_like(target)
    difference = ops.abs(ops.where(mask, predicted, nothing) - ops.where(mask, target, nothing))
    return difference.sum() / (ops.cast(mask, ms.float32).sum() + 1e-4)


def cross_entropy(features: Tensor, weight: Tensor, bias: Tensor, identities: Tensor, labelled: Tensor) -> Tensor:
    """Mean over the labelled slots [B, K] of a linear classifier's cross entropy; 0 where nothing is labelled.

    DEVIATION: the published code gives NaN without any labelled object.
    """
    rows = features.reshape(-1, features.shape[-1])
    logarithms = ops.log_softmax(ops.matmul(rows, ops.transpose(weight, (1, 0))) + bias, -1)
    counted = ops.cast(labelled.reshape(-1, 1), ms.float32)
    # Identity -1 would pick a wrong column: unlabelled rows read column 0, then count 0 times.
    wanted = ops.where(labelled, identities, ops.zeros_like(identities)).reshape(-1, 1)
    picked = ops.gather_elements(logarithms, 1, wanted) * counted
    return -picked.sum() / ops.maximum(counted.sum(), 1.0)


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


def result_of(terms: tuple[Tensor, ...]) -> StepResult:
    """Turn the loss cell's scalars into numbers by name."""
    return StepResult({name: float(term.asnumpy()) for name, term in zip(TERMS, terms, strict=True)})


def losses_of_heads(
    heads: Arrays, batch: TrainingBatch, parameters: Arrays, config: LossConfig, compiled: bool
) -> tuple[StepResult, Arrays]:
    """See ``EngineModule``."""
    weight = np.asarray(parameters["classifier.weight"])
    loss = FairLoss(config, weight.shape[0])
    named = {name: heads[name] for name in HEADS} | {name: parameters[name] for name in PARAMETERS}
    shapes = {name: (1,) if name.startswith("loss.") else np.shape(array) for name, array in named.items()}
    inputs = [Tensor(np.array(array, dtype=np.float32).reshape(shapes[name])) for name, array in named.items()]

    def forward(*inputs):
        return loss(inputs[:4], inputs[8:], inputs[4:8])

    both = ms.value_and_grad(forward, tuple(range(8)), None, has_aux=True)
    # One by one: tensors inside a tuple would be compiled in as constants.
    terms, gradients = (ms.jit(both) if compiled else both)(*inputs, *targets_of(batch))
    return result_of(terms), {name: to_numpy(gradient) for name, gradient in zip(named, gradients, strict=True)}
