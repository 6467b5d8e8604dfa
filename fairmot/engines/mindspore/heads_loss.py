"""The losses of given heads, for parity checks, and which losses a network has."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor

from fairmot.config import LossConfig
from fairmot.engines.interface import AnyTrainingBatch, Arrays, StepResult
from fairmot.engines.mindspore.level_loss import LevelLoss, level_targets_of
from fairmot.engines.mindspore.loss import WEIGHTS, FairLoss, WeightedLoss, scalars_of, targets_of
from fairmot.engines.mindspore.network import to_numpy
from fairmot.engines.training_rules import (
    Classifier,
    count_targets,
    has_levels,
    identity_classifiers,
    normalisers,
)
from fairmot.network.level_decoding import strides_of


def build_loss(
    config: LossConfig, classifiers: Sequence[Classifier], strides: Sequence[int], processes: int = 1
) -> WeightedLoss:
    """Build the losses of a network with these levels, or with one if there are none."""
    return LevelLoss(config, classifiers, strides, processes) if strides else FairLoss(config, classifiers)


def batch_targets(batch: AnyTrainingBatch, slots: int | None = None) -> tuple[Tensor, ...]:
    """Return the target arrays of a batch as tensors; on several levels without slots from ``slots`` on."""
    return level_targets_of(batch, slots) if has_levels(batch) else targets_of(batch)


def losses_of_heads(
    heads: Arrays, batch: AnyTrainingBatch, parameters: Arrays, config: LossConfig, compiled: bool = True
) -> tuple[StepResult, Arrays]:
    """See ``TrainingEngine``."""
    classifiers = identity_classifiers(len(parameters["classifier.weight"]))
    loss = build_loss(config, classifiers, strides_of(heads))
    given = {"classifier.weight", "classifier.bias", *WEIGHTS}
    named = {name: heads[name] for name in loss.heads} | {name: parameters[name] for name in loss.parameters_in_order}
    shapes = {name: (1,) if name.startswith("loss.") else np.shape(array) for name, array in named.items()}
    inputs = [Tensor(np.array(array, dtype=np.float32).reshape(shapes[name])) for name, array in named.items()]
    over = scalars_of(normalisers(count_targets(batch, classifiers)))
    maps, count, first = len(loss.heads), len(inputs), len(inputs) + len(over)

    def forward(*inputs):
        return loss(inputs[:maps], inputs[first:], inputs[count:first], inputs[maps:count])

    both = ms.value_and_grad(forward, tuple(range(count)), None, has_aux=True)
    # One by one: tensors inside a tuple would be compiled in as constants.
    terms, gradients = (ms.jit(both) if compiled else both)(*inputs, *over, *batch_targets(batch))
    found = {name: to_numpy(gradient) for name, gradient in zip(named, gradients, strict=True)}
    # Without an identity term its parameters have no gradient.
    found |= {name: np.zeros(np.shape(parameters[name]), np.float32) for name in given - found.keys()}
    losses = {name: float(term.asnumpy()) for name, term in zip(loss.terms, terms, strict=True)}
    return StepResult(losses), found
