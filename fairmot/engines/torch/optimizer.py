"""Adam, AdamW and SGD by one formula, equal in every engine.

m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g²; p -= rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon), with
t counted from 1. ``adam`` adds decay * p to g, ``adamw`` takes rate * decay * p off p first, ``sgd`` is
p -= rate * (g + decay * p). Only weights with more than one dimension decay.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fairmot.config import OptimizerConfig
from fairmot.engines.interface import Arrays
from fairmot.engines.torch.process_group import ProcessGroup
from fairmot.engines.training_rules import rate_factor

_ALIGNMENT = 16
"""Every parameter begins at a multiple of so many numbers: CUDA kernels read 16 bytes at once and fail elsewhere."""


class _Group:
    """Parameters of one rate factor and decay, laid end to end so that a step is a few vector operations."""

    def __init__(self, members: list[tuple[str, nn.Parameter]], factor: float, decay: float) -> None:
        self.factor, self.decay = factor, decay
        self.slices: dict[str, tuple[slice, torch.Size]] = {}
        end = 0
        for name, parameter in members:
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = start + parameter.numel()
            self.slices[name] = (slice(start, end), parameter.shape)
        # The numbers between two parameters are 0, and so are their gradients: they stay 0 in every step.
        self.values = members[0][1].new_zeros(end)
        self.gradients, self.m, self.v = (torch.zeros_like(self.values) for _ in range(3))
        for name, parameter in members:
            place, shape = self.slices[name]
            self.values[place] = _channels_last(parameter.detach()).reshape(-1)
            # The parameter and its gradient become windows of the group's arrays.
            parameter.data = _window(self.values, place, shape)
            parameter.grad = _window(self.gradients, place, shape)


class Optimizer:
    """Steps all trainable parameters of a run; frozen ones (factor 0) keep their place in the state only."""

    def __init__(self, parameters: dict[str, nn.Parameter], config: OptimizerConfig) -> None:
        self.config = config
        self.names = tuple(parameters)
        members: dict[tuple[float, float], list[tuple[str, nn.Parameter]]] = {}
        for name, parameter in parameters.items():
            factor = rate_factor(name, config.rate_factors)
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            members.setdefault((factor, decay), []).append((name, parameter))
        self.groups = [_Group(found, *key) for key, found in members.items()]

    def zero_gradients(self) -> None:
        """Set every gradient to 0 and keep its place in memory."""
        for group in self.groups:
            group.gradients.zero_()

    @torch.no_grad()
    def average_gradients(self, together: ProcessGroup, scale: float) -> Tensor:
        """Divide by the loss scale, take the mean over all processes; return the length [] of the whole gradient."""
        norms = [self.groups[0].values.new_zeros(())]
        for group in self.groups:
            if group.factor == 0:
                continue
            if scale != 1:
                group.gradients.mul_(1 / scale)
            together.average(group.gradients)
            norms.append(torch.linalg.vector_norm(group.gradients))
        return torch.linalg.vector_norm(torch.stack(norms))

    @torch.no_grad()
    def clip_gradients(self, norm: Tensor) -> None:
        """Shorten a gradient of this length [] to ``clip_norm``, if it is longer."""
        if self.config.clip_norm > 0:
            factor = torch.where(norm > self.config.clip_norm, self.config.clip_norm / norm, 1.0)
            for group in self.groups:
                group.gradients.mul_(factor)

    @torch.no_grad()
    def step(self, learning_rate: float, count: int, skipped: Tensor | None = None) -> None:
        """Take the ``count``-th step (from 1), or leave everything as it is where ``skipped`` [] is 1 and not 0.

        PyTorch's fused kernels: one pass over a group, and a device knows by itself whether it steps.
        """
        c = self.config
        for group in self.groups:
            rate = learning_rate * group.factor
            if rate == 0:
                continue
            values, gradients = [group.values], [group.gradients]
            if c.name == "sgd":
                torch._fused_sgd_(
                    values, gradients, [], weight_decay=group.decay, momentum=0.0, lr=rate, dampening=0.0,
                    nesterov=False, maximize=False, is_first_step=True, found_inf=skipped,
                )  # fmt: skip
                continue
            adam = torch._fused_adamw_ if c.name == "adamw" else torch._fused_adam_
            counts = [torch.full((), float(count), device=group.values.device)]
            adam(
                values, gradients, [group.m], [group.v], [], counts, lr=rate, beta1=c.beta1, beta2=c.beta2,
                weight_decay=group.decay, eps=c.epsilon, amsgrad=False, maximize=False, found_inf=skipped,
            )  # fmt: skip

    def state(self) -> Arrays:
        """Return the moments as ``optimizer.m.<name>`` and ``optimizer.v.<name>``."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self._moments().items()}

    @torch.no_grad()
    def load_state(self, state: Arrays) -> None:
        """Load the moments."""
        for name, tensor in self._moments().items():
            tensor.copy_(torch.from_numpy(np.array(state[name])))

    def _moments(self) -> dict[str, Tensor]:
        windows = {}
        for group in self.groups:
            for name, (place, shape) in group.slices.items():
                windows[f"optimizer.m.{name}"] = _window(group.m, place, shape)
                windows[f"optimizer.v.{name}"] = _window(group.v, place, shape)
        return windows


def _channels_last(weight: Tensor) -> Tensor:
    """Put the channels of a convolution's weight last, as PyTorch's fastest kernels read them."""
    return weight.permute(0, 2, 3, 1) if weight.ndim == 4 else weight


def _window(flat: Tensor, place: slice, shape: torch.Size) -> Tensor:
    """Return a view of a part of a flat array in the shape of a parameter."""
    if len(shape) != 4:
        return flat[place].view(shape)
    out, inner, height, width = shape
    return flat[place].view(out, height, width, inner).permute(0, 3, 1, 2)
