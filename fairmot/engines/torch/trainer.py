"""One process of training in PyTorch: network, losses and optimiser, with their whole state in and out."""

from __future__ import annotations

import numpy as np
import torch

from fairmot.config import Config, LossConfig
from fairmot.engines.interface import Arrays, StepResult, TrainingBatch, average_decay, rate_factor
from fairmot.engines.torch.loss import FairLoss, Targets
from fairmot.engines.torch.network import GraphNetwork, canvases_to_pixels, choose_device
from fairmot.engines.torch.optimizer import Optimizer
from fairmot.errors import InputError
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_classifier
from fairmot.network.weights import shape_differences


class TorchTrainer:
    """``Trainer`` in PyTorch."""

    def __init__(self, graph: Graph, weights: Arrays, identity_count: int, config: Config, device: str) -> None:
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        self.config = config
        self.device = choose_device(device)
        self.network = GraphNetwork(graph)
        self.network.load_arrays(weights)
        self.network.to(self.device).train()
        self.loss = FairLoss(config.loss, identity_count, config.network.embedding)
        if self.loss.has_identities:
            weight, bias = initial_classifier(identity_count, config.network.embedding, config.train.seed)
            self.loss.classifier.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
        self.loss.to(self.device)
        self.parameters = {f"network.{name}": p for name, p in self.network.named_parameters()}
        self.parameters |= {_loss_name(name): p for name, p in self.loss.named_parameters()}
        self.optimizer = Optimizer(self.parameters, config.optimizer)
        for name, parameter in self.parameters.items():
            # Frozen layers need no backward pass; their gradients stay 0.
            parameter.requires_grad_(rate_factor(name, config.optimizer.rate_factors) != 0)
        self.step_count = 0
        decays = config.optimizer.ema_decay > 0
        self.ema = {name: t.clone() for name, t in self.network.state_dict().items()} if decays else {}

    def step(self, batch: TrainingBatch, learning_rate: float) -> StepResult:
        """See ``Trainer``."""
        result = self._backward(batch)
        self.step_count += 1
        self.optimizer.step(learning_rate, self.step_count)
        self._average()
        return result

    def gradients(self, batch: TrainingBatch, training: bool = True) -> tuple[StepResult, Arrays]:
        """See ``Trainer``."""
        statistics = {name: buffer.clone() for name, buffer in self.network.named_buffers()}
        self.network.train(training)
        result = self._backward(batch)
        self.network.train()
        for name, buffer in self.network.named_buffers():
            buffer.copy_(statistics[name])
        return result, {name: p.grad.cpu().numpy().copy() for name, p in self.parameters.items()}

    def state(self) -> Arrays:
        """See ``Trainer``."""
        state = {f"network.{name}": array for name, array in self.network.arrays().items()}
        state |= {_loss_name(name): p.detach().cpu().numpy().copy() for name, p in self.loss.named_parameters()}
        state |= self.optimizer.state()
        state |= {f"ema.{name}": tensor.cpu().numpy().copy() for name, tensor in self.ema.items()}
        state["step"] = np.array(self.step_count, dtype=np.int64)
        return state

    @torch.no_grad()
    def load_state(self, state: Arrays) -> None:
        """See ``Trainer``."""
        expected = {name: tuple(array.shape) for name, array in self.state().items()}
        differences = shape_differences(expected, state)
        if differences:
            raise InputError(f"the checkpoint does not fit this run: {'; '.join(differences)}")
        for name, tensor in self.network.state_dict().items():
            tensor.copy_(torch.from_numpy(np.array(state[f"network.{name}"])))
        for name, parameter in self.loss.named_parameters():
            parameter.copy_(torch.from_numpy(np.array(state[_loss_name(name)])))
        for name, tensor in self.ema.items():
            tensor.copy_(torch.from_numpy(np.array(state[f"ema.{name}"])))
        self.optimizer.load_state(state)
        self.step_count = int(state["step"])

    def _backward(self, batch: TrainingBatch) -> StepResult:
        self.optimizer.zero_gradients()
        heads = self.network(canvases_to_pixels(batch.images, self.device))
        losses = self.loss(heads, batch_targets(batch, self.device))
        losses["total"].backward()
        return StepResult({name: float(loss.detach()) for name, loss in losses.items()})

    @torch.no_grad()
    def _average(self) -> None:
        decay = average_decay(self.config.optimizer.ema_decay, self.step_count)
        current = self.network.state_dict() if self.ema else {}
        trainable = [name for name in self.ema if f"network.{name}" in self.parameters]
        if trainable:
            torch._foreach_lerp_([self.ema[n] for n in trainable], [current[n] for n in trainable], 1 - decay)
        for name, tensor in self.ema.items():
            if f"network.{name}" not in self.parameters:  # statistics are averages already
                tensor.copy_(current[name])


def batch_targets(batch: TrainingBatch, device: torch.device) -> Targets:
    """Take a batch's target arrays to the device."""
    # Whatever a padded slot holds, cell 0 can be read.
    cells = np.where(batch.is_object, batch.cells, 0)
    arrays = (batch.heatmap, batch.is_object, cells, batch.extents, batch.offsets, batch.identities)
    return Targets(*(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays))


def losses_of_heads(
    heads: Arrays, batch: TrainingBatch, parameters: Arrays, config: LossConfig
) -> tuple[StepResult, Arrays]:
    """See ``EngineModule``."""
    identity_count, embedding = parameters["classifier.weight"].shape
    loss = FairLoss(config, identity_count, embedding)
    named = {_loss_name(name): parameter for name, parameter in loss.named_parameters()}
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(torch.from_numpy(np.array(parameters[name])).reshape(parameter.shape))
    maps = {name: torch.from_numpy(np.array(head)).requires_grad_() for name, head in heads.items()}
    losses = loss(maps, batch_targets(batch, torch.device("cpu")))
    losses["total"].backward()
    gradients = {
        name: np.zeros(tensor.shape, np.float32) if tensor.grad is None else tensor.grad.numpy()
        for name, tensor in {**maps, **named}.items()
    }
    return StepResult({name: float(value.detach()) for name, value in losses.items()}), gradients


def _loss_name(name: str) -> str:
    """Checkpoint name of a parameter of ``FairLoss``."""
    return name if name.startswith("classifier.") else f"loss.{name}"
