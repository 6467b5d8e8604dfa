"""One process of training in MindSpore: network, losses and optimiser, with their whole state in and out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor
from numpy.typing import NDArray

from fairmot.config import Config
from fairmot.engines.interface import AnyTrainingBatch, Arrays, BatchT, StepResult
from fairmot.engines.mindspore.device import on_cpu, use_device, use_threads
from fairmot.engines.mindspore.heads_loss import batch_targets, build_loss
from fairmot.engines.mindspore.level_loss import slots_needed, slots_of
from fairmot.engines.mindspore.loss import scalars_of
from fairmot.engines.mindspore.network import runner, set_value, to_numpy
from fairmot.engines.mindspore.optimizer import Average, Copies, Optimizer
from fairmot.engines.mindspore.process_group import ProcessGroup
from fairmot.engines.mindspore.step import Combine, Gradients, Model, Update
from fairmot.engines.mindspore.training_network import build_training_network
from fairmot.engines.training_rules import (
    Classifier,
    LossScale,
    average_decay,
    check_state,
    count_targets,
    has_levels,
    identity_classifiers,
    initial_classifiers,
    normalisers,
    rate_factor,
    split_batch,
)
from fairmot.errors import InputError
from fairmot.network.graph import Graph


class MindSporeTrainer:
    """``Trainer`` in MindSpore, compiled or operation by operation (PyNative)."""

    def __init__(
        self,
        graph: Graph,
        weights: Arrays,
        identity_count: int | Sequence[int],
        config: Config,
        device: str,
        compiled: bool = True,
    ) -> None:
        use_device(device)
        use_threads(config.train.threads)
        self.config = config
        self.together = ProcessGroup()
        half = half_precision(config.train.precision)
        self.scale = LossScale(half == ms.float16)
        shared = self.together.size if config.train.sync_batch_norm else 1
        factors = config.optimizer.rate_factors
        frozen = {p.name for p in graph.parameters() if p.trainable and rate_factor(p.name, factors) == 0}
        self.network = build_training_network(graph, weights, half, shared, frozen)
        self.counting = tuple(
            name for name in self.network.batch_counts if f"{name.rpartition('.')[0]}.weight" not in frozen
        )
        self.classifiers = identity_classifiers(identity_count)
        self.loss = build_loss(config.loss, self.classifiers, graph.level_strides, self.together.size)
        self.loss_parameters = _loss_parameters(self.classifiers, graph.config.embedding, config)
        trainable = {name: p for name, p in self.network.named.items() if p.requires_grad}
        self.parameters = {f"network.{name}": p for name, p in trainable.items()} | self.loss_parameters
        self.optimizer = Optimizer(self.parameters, config.optimizer)
        self.average = Average(trainable) if config.optimizer.ema_decay > 0 else None
        self.step_count = 0
        model = Model(self.network, self.loss, self.loss_parameters)
        self.gradient_cell = Gradients(model, self.optimizer.plan)
        self.run_gradients = runner(self.gradient_cell, compiled)
        shapes = [moment.shape for moment in self.optimizer.m]
        combine = Combine(shapes, self.together.size, self.scale.enabled)
        self.run_combine = runner(combine, compiled)
        self.run_step = runner(Update(self.optimizer, self.average), compiled)
        statistics = [p for p in self.network.named.values() if not p.requires_grad]
        self.statistics = Copies(statistics, compiled) if statistics else None

    def step(self, batch: AnyTrainingBatch, learning_rate: float) -> StepResult:
        """See ``Trainer``."""
        if self.statistics:
            self.statistics.keep()
        losses, norm, gradients = self._backward(batch, training=True)
        length = float(norm.asnumpy())
        finite = math.isfinite(losses["total"]) and math.isfinite(length)
        self.scale.update(finite)
        if not finite:
            if self.statistics:
                self.statistics.restore()
            return StepResult(losses, length, taken=False)
        self.step_count += 1
        decay = average_decay(self.config.optimizer.ema_decay, self.step_count)
        scalars = self.optimizer.scalars(learning_rate, self.step_count, length)
        self.run_step(*scalars, Tensor(1 - decay, ms.float32), *gradients)
        if not self.config.train.freeze_batch_norm:
            for name in self.counting:
                self.network.batch_counts[name] += self.config.train.accumulate
        return StepResult(losses, length)

    def gradients(self, batch: AnyTrainingBatch, training: bool = True) -> tuple[StepResult, Arrays]:
        """See ``Trainer``."""
        statistics = {name: to_numpy(p) for name, p in self.network.named.items() if not p.requires_grad}
        losses, _, gradients = self._backward(batch, training)
        arrays = {name: np.zeros(parameter.shape, np.float32) for name, parameter in self.parameters.items()}
        arrays |= self.optimizer.plan.split([to_numpy(gradient) for gradient in gradients])
        for name, array in statistics.items():
            set_value(self.network.named[name], array)
        return StepResult(losses), arrays

    def prefetched(self, batches: Iterable[BatchT]) -> Iterator[BatchT]:
        """See ``Trainer``; MindSpore copies when it runs, so that nothing can be sent ahead."""
        yield from batches

    def agree(self, answer: bool) -> bool:
        """See ``Trainer``."""
        return bool(self.together.sum(np.array([float(answer)]))[0])

    def state(self) -> Arrays:
        """See ``Trainer``."""
        network = self.network.arrays()
        state = {f"network.{name}": array for name, array in network.items()}
        state |= {name: to_numpy(parameter) for name, parameter in self.loss_parameters.items()}
        state |= self.optimizer.arrays()
        if self.average is not None:
            # Statistics are averages already: the newest ones stand for them.
            averages = self.average.stored.arrays()
            state |= {f"ema.{name}": averages.get(name, array).copy() for name, array in network.items()}
        state["step"] = np.array(self.step_count, dtype=np.int64)
        return state | self.scale.arrays()

    def load_state(self, state: Arrays) -> None:
        """See ``Trainer``."""
        state = self.scale.take(state)
        check_state(state, self.scale.take(self.state()))
        names = self.network.arrays()
        self.network.load_arrays({name: state[f"network.{name}"] for name in names})
        for name, parameter in self.loss_parameters.items():
            set_value(parameter, state[name])
        self.optimizer.load_arrays(state)
        if self.average is not None:
            self.average.stored.load({name: state[f"ema.{name}"] for name in self.average.stored.plan.names})
        self.step_count = int(state["step"])

    def _count(self, batch: AnyTrainingBatch) -> tuple[NDArray[np.float64], int | None]:
        """Count the targets of all processes, and the slots that hold them: all (None) where shapes must not change."""
        counts = count_targets(batch, self.classifiers)
        if not (has_levels(batch) and on_cpu()):
            return self.together.sum(counts), None
        # In one exchange, so that processes compile at the same time and none waits for another.
        both = self.together.sum(np.concatenate([counts, slots_needed(batch)]))
        return both[: len(counts)], slots_of(both[len(counts) :], batch.is_object.shape[1])

    def _backward(self, batch: AnyTrainingBatch, training: bool) -> tuple[dict[str, float], Tensor, tuple[Tensor, ...]]:
        """Return the mean losses of all parts and processes, and the length and the arrays of the mean gradient."""
        parts = split_batch(batch, self.config.train.accumulate)
        counts, slots = self._count(batch)
        over = scalars_of(normalisers(counts, len(parts) * self.together.size))
        self.gradient_cell.set_train(training)
        if self.config.train.freeze_batch_norm:
            self.network.set_train(False)
        scale = Tensor(self.scale.value / len(parts), ms.float32)
        sums, gradients = np.zeros(len(self.loss.terms)), None
        for part in parts:
            (_, *terms), fresh = self.run_gradients(scale, _images(part), *over, *batch_targets(part, slots))
            gradients = fresh if gradients is None else tuple(a + b for a, b in zip(gradients, fresh, strict=True))
            sums += [float(term.asnumpy()) for term in terms]
        means = self.together.sum(sums / len(parts)) / self.together.size
        norm, gradients = self.run_combine(Tensor(1 / self.scale.value, ms.float32), *gradients)
        return dict(zip(self.loss.terms, means.tolist(), strict=True)), norm, gradients


def half_precision(name: str) -> ms.Type | None:
    """Return the half precision of a setting, or None for float32; ``auto``: float16 on Ascend.

    Raises:
        InputError: bfloat16 on a processor, where MindSpore has no such convolution.
    """
    if name == "bf16" and on_cpu():
        raise InputError("train.precision: MindSpore has no bf16 on processors; choose f32, or engine torch")
    if name == "auto":
        return None if on_cpu() else ms.float16
    return {"f32": None, "bf16": ms.bfloat16, "f16": ms.float16}[name]


def _loss_parameters(classifiers: Sequence[Classifier], embedding: int, config: Config) -> dict[str, Parameter]:
    """Start values of classifiers and loss weights by their names in the state."""
    start = initial_classifiers(classifiers, embedding, config.train.seed)
    start["loss.s_det"] = np.full(1, config.loss.s_det, np.float32)
    start["loss.s_id"] = np.full(1, config.loss.s_id, np.float32)
    return {name: Parameter(Tensor(array), name=name) for name, array in start.items()}


def _images(batch: AnyTrainingBatch) -> Tensor:
    return Tensor(np.array(batch.images, dtype=np.uint8))
