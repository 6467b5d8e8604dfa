"""One process of training in MindSpore: network, losses and optimiser, with their whole state in and out."""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn

from fairmot.config import Config
from fairmot.engines.interface import Arrays, StepResult, TrainingBatch, average_decay, embedding_scale
from fairmot.engines.mindspore.device import use_device, use_threads
from fairmot.engines.mindspore.loss import PARAMETERS, FairLoss, result_of, targets_of
from fairmot.engines.mindspore.network import (
    GraphNetwork,
    build_network,
    canvases_to_pixels,
    runner,
    set_value,
    to_numpy,
)
from fairmot.engines.mindspore.optimizer import Average, Optimizer
from fairmot.errors import InputError
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_classifier
from fairmot.network.weights import shape_differences


class _Model(nn.Cell):
    """Images and targets in, loss terms out; holds the parameters of the losses."""

    def __init__(self, network: GraphNetwork, loss: FairLoss, parameters: dict[str, Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.network, self.loss = network, loss
        nothing = Tensor(np.zeros((1, 1), np.float32))
        self.weight, self.bias, self.s_det, self.s_id = (parameters.get(name, nothing) for name in PARAMETERS)
        places = {head: place for place, head in enumerate(network.heads)}
        self.order = tuple(places[head] for head in ("heatmap", "extents", "offsets", "embedding"))

    def construct(self, images, targets):
        maps = self.network(canvases_to_pixels(images))
        heads = (maps[self.order[0]], maps[self.order[1]], maps[self.order[2]], maps[self.order[3]])
        return self.loss(heads, targets, (self.weight, self.bias, self.s_det, self.s_id))


class _Gradients(nn.Cell):
    """Loss terms and the gradients of the total."""

    def __init__(self, model: _Model, parameters: ParameterTuple) -> None:
        super().__init__(auto_prefix=False)
        self.model = model
        self.both = ms.value_and_grad(model, None, parameters, has_aux=True)

    def construct(self, images, *targets):
        return self.both(images, targets)


class _Step(nn.Cell):
    """Gradients, one step of the optimiser, the average: a single graph where it is compiled."""

    def __init__(self, model: _Model, optimizer: Optimizer, average: Average | None) -> None:
        super().__init__(auto_prefix=False)
        self.model, self.optimizer, self.average = model, optimizer, average
        self.both = ms.value_and_grad(model, None, optimizer.trained, has_aux=True)

    def construct(self, rate, adam_rate, correction2, share, images, *targets):
        terms, gradients = self.both(images, targets)
        self.optimizer(gradients, rate, adam_rate, correction2)
        if self.average is not None:
            self.average(share)
        return terms


class MindSporeTrainer:
    """``Trainer`` in MindSpore, compiled or eager."""

    def __init__(
        self, graph: Graph, weights: Arrays, identity_count: int, config: Config, device: str, compiled: bool
    ) -> None:
        use_device(device)
        use_threads(config.train.threads)
        self.config = config
        self.network = build_network(graph, weights)
        loss = FairLoss(config.loss, identity_count)
        self.loss_parameters = _loss_parameters(identity_count, graph.config.embedding, config)
        self.parameters = {f"network.{name}": p for name, p in self.network.named.items() if p.requires_grad}
        self.parameters |= self.loss_parameters
        self.optimizer = Optimizer(self.parameters, config.optimizer)
        trainable = {name: p for name, p in self.network.named.items() if p.requires_grad}
        self.average = Average(trainable) if config.optimizer.ema_decay > 0 else None
        self.step_count = 0
        model = _Model(self.network, loss, self.loss_parameters)
        self.gradient_cell = _Gradients(model, self.optimizer.trained)
        self.step_cell = _Step(model, self.optimizer, self.average)
        self.run_gradients = runner(self.gradient_cell, compiled)
        self.run_step = runner(self.step_cell, compiled)

    def step(self, batch: TrainingBatch, learning_rate: float) -> StepResult:
        """See ``Trainer``."""
        self.step_count += 1
        decay = average_decay(self.config.optimizer.ema_decay, self.step_count)
        scalars = self.optimizer.scalars(learning_rate, self.step_count)
        self.step_cell.set_train(True)
        terms = self.run_step(*scalars, Tensor(1 - decay, ms.float32), *_inputs(batch))
        for count in self.network.batch_counts.values():
            count += 1
        return result_of(terms)

    def gradients(self, batch: TrainingBatch, training: bool = True) -> tuple[StepResult, Arrays]:
        """See ``Trainer``."""
        statistics = {name: to_numpy(p) for name, p in self.network.named.items() if not p.requires_grad}
        self.gradient_cell.set_train(training)
        terms, gradients = self.run_gradients(*_inputs(batch))
        result = result_of(terms)
        found = dict(zip(self.optimizer.moving, gradients, strict=True))
        arrays = {
            name: to_numpy(found[name]) if name in found else np.zeros(parameter.shape, np.float32)
            for name, parameter in self.parameters.items()
        }
        for name, array in statistics.items():
            set_value(self.network.named[name], array)
        return result, arrays

    def state(self) -> Arrays:
        """See ``Trainer``."""
        network = self.network.arrays()
        state = {f"network.{name}": array for name, array in network.items()}
        state |= {name: to_numpy(parameter) for name, parameter in self.loss_parameters.items()}
        state |= self.optimizer.arrays()
        if self.average is not None:
            # Statistics are averages already: the newest ones stand for them.
            averages = {name: to_numpy(parameter) for name, parameter in self.average.named.items()}
            state |= {f"ema.{name}": averages.get(name, array).copy() for name, array in network.items()}
        state["step"] = np.array(self.step_count, dtype=np.int64)
        return state

    def load_state(self, state: Arrays) -> None:
        """See ``Trainer``."""
        expected = {name: tuple(array.shape) for name, array in self.state().items()}
        differences = shape_differences(expected, state)
        if differences:
            raise InputError(f"the checkpoint does not fit this run: {'; '.join(differences)}")
        names = self.network.arrays()
        self.network.load_arrays({name: state[f"network.{name}"] for name in names})
        for name, parameter in self.loss_parameters.items():
            set_value(parameter, state[name])
        self.optimizer.load_arrays(state)
        if self.average is not None:
            for name, parameter in self.average.named.items():
                set_value(parameter, state[f"ema.{name}"])
        self.step_count = int(state["step"])


def _loss_parameters(identity_count: int, embedding: int, config: Config) -> dict[str, Parameter]:
    """Start values of classifier and loss weights by their names in the state."""
    start = {}
    if embedding_scale(identity_count) > 0:
        weight, bias = initial_classifier(identity_count, embedding, config.train.seed)
        start |= {"classifier.weight": weight, "classifier.bias": bias}
    start["loss.s_det"] = np.full(1, config.loss.s_det, np.float32)
    start["loss.s_id"] = np.full(1, config.loss.s_id, np.float32)
    return {name: Parameter(Tensor(array), name=name) for name, array in start.items()}


def _inputs(batch: TrainingBatch) -> tuple[Tensor, ...]:
    return (Tensor(np.array(batch.images, dtype=np.uint8)), *targets_of(batch))
