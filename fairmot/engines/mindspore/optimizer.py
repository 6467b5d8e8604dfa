"""Adam, AdamW and SGD by one formula, equal in every engine, and averaged weights.

m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g²; p -= rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon), with
t counted from 1. ``adam`` adds decay * p to g, ``adamw`` takes rate * decay * p off p first, ``sgd`` is
p -= rate * (g + decay * p). Only weights with more than one dimension decay.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore.ops import functional

from fairmot.config import OptimizerConfig
from fairmot.engines.interface import Arrays
from fairmot.engines.mindspore.joined import Join, Plan, Stored, Write
from fairmot.engines.mindspore.network import runner, to_numpy
from fairmot.engines.training_rules import rate_factor


class Optimizer(nn.Cell):
    """Steps all trainable parameters of a run; frozen ones (factor 0) keep their place in the state only.

    ``parameters`` maps the names of the state (``network.`` and so on) to parameters. Gradients come in the arrays of
    ``plan``.
    """

    def __init__(self, parameters: dict[str, Parameter], config: OptimizerConfig) -> None:
        super().__init__(auto_prefix=False)
        factors = {name: rate_factor(name, config.rate_factors) for name in parameters}
        decays = {name: config.weight_decay if parameters[name].ndim > 1 else 0.0 for name in parameters}
        moving = {name: parameter for name, parameter in parameters.items() if factors[name] > 0}
        self.plan = Plan(moving, {name: (factors[name], decays[name]) for name in moving})
        zeros = {name: np.zeros(parameter.shape, np.float32) for name, parameter in parameters.items()}
        self.moments = {kind: Stored(self.plan, zeros, f"optimizer.{kind}") for kind in ("m", "v")}
        self.resting = {
            f"optimizer.{kind}.{name}": zeros[name].copy()
            for kind in ("m", "v")
            for name in zeros
            if name not in moving
        }
        """Moments of frozen parameters, as they were loaded."""
        self.trained = self.plan.parameters
        self.m, self.v = self.moments["m"].parameters, self.moments["v"].parameters
        self.factors = tuple(factor for factor, _ in self.plan.kinds)
        self.decays = tuple(decay for _, decay in self.plan.kinds)
        self.join, self.write, self.over_all = Join(self.plan), Write(self.plan), ops.Map()
        self.is_sgd, self.is_adamw = config.name == "sgd", config.name == "adamw"
        self.beta1, self.beta2, self.epsilon = config.beta1, config.beta2, config.epsilon
        # A compiled graph would subtract in float32: 1 - 0.999 is off by 1.3e-5 there.
        self.rest1, self.rest2 = 1.0 - config.beta1, 1.0 - config.beta2
        self.clip_norm = config.clip_norm

    def scalars(self, learning_rate: float, count: int, length: float) -> tuple[Tensor, ...]:
        """Return what ``construct`` needs of the ``count``-th step (from 1), computed in float64.

        ``length`` is that of the gradient: if it exceeds ``clip_norm``, the gradient is shortened.
        """
        correction1 = 1.0 - self.beta1**count
        correction2 = 1.0 - self.beta2**count
        clip = self.clip_norm / length if 0 < self.clip_norm < length else 1.0
        values = (learning_rate, learning_rate / correction1, correction2, clip)
        return tuple(Tensor(value, ms.float32) for value in values)

    def construct(
        self, gradients: tuple[Tensor, ...], rate: Tensor, adam_rate: Tensor, correction2: Tensor, clip: Tensor
    ) -> None:
        """Take one step; rates are tensors so that a new one compiles nothing again."""
        # A map unrolls flat; a loop of several hundred turns exceeds the compiler's call depth.
        if self.clip_norm > 0:
            gradients = self.over_all(functional.partial(_shorten, clip), gradients)
        if self.is_sgd:
            step = functional.partial(_descend, rate)
        else:
            settings = (self.beta1, self.rest1, self.beta2, self.rest2, self.epsilon, self.is_adamw)
            step = functional.partial(_step_adam, settings, rate, adam_rate, correction2)
        values = self.join(self.trained)
        return self.write(self.over_all(step, values, self.m, self.v, gradients, self.factors, self.decays))

    def arrays(self) -> Arrays:
        """Return copies of the moments as ``optimizer.m.<name>`` and ``optimizer.v.<name>``."""
        arrays = {name: array.copy() for name, array in self.resting.items()}
        for kind, moments in self.moments.items():
            arrays |= {f"optimizer.{kind}.{name}": array for name, array in moments.arrays().items()}
        return arrays

    def load_arrays(self, arrays: Arrays) -> None:
        """Load the moments."""
        self.resting = {name: np.array(arrays[name], np.float32) for name in self.resting}
        for kind, moments in self.moments.items():
            moments.load({name: arrays[f"optimizer.{kind}.{name}"] for name in self.plan.names})


class Average(nn.Cell):
    """Exponential moving average of parameters: average += weight * (parameter - average)."""

    def __init__(self, parameters: dict[str, Parameter]) -> None:
        super().__init__(auto_prefix=False)
        plan = Plan(parameters, dict.fromkeys(parameters))
        self.stored = Stored(plan, {name: to_numpy(parameter) for name, parameter in parameters.items()}, "ema")
        self.parameters, self.averages = plan.parameters, self.stored.parameters
        self.join, self.over_all = Join(plan), ops.Map()

    def construct(self, weight: Tensor) -> None:
        """Take the parameters in with this weight."""
        return self.over_all(functional.partial(_take_in, weight), self.averages, self.join(self.parameters))


class Copies:
    """Copies of parameters, which can restore them."""

    def __init__(self, parameters: list[Parameter], compiled: bool) -> None:
        copies = [
            Parameter(Tensor(to_numpy(parameter)), name=f"copy.{parameter.name}", requires_grad=False)
            for parameter in parameters
        ]
        self.keep = runner(_Assign(copies, parameters), compiled)
        """Copy the present values."""
        self.restore = runner(_Assign(parameters, copies), compiled)
        """Restore the copied values."""


class _Assign(nn.Cell):
    def __init__(self, to: list[Parameter], source: list[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.to, self.source, self.over_all = ParameterTuple(to), ParameterTuple(source), ops.Map()

    def construct(self):
        return self.over_all(_take, self.to, self.source)


def _take(to, source):
    return ops.assign(to, source + 0.0)


def _shorten(clip, gradient):
    return gradient * clip


def _descend(rate, parameter, m, v, gradient, factor, decay):
    return parameter - (gradient + parameter * decay) * (rate * factor)


def _step_adam(settings, rate, adam_rate, correction2, parameter, m, v, gradient, factor, decay):
    beta1, rest1, beta2, rest2, epsilon, decoupled = settings
    value = parameter + 0.0
    if decoupled:
        value = value * (1.0 - rate * (factor * decay))
    else:
        gradient = gradient + value * decay
    m_new = m * beta1 + gradient * rest1
    v_new = v * beta2 + ops.square(gradient) * rest2
    ops.assign(m, m_new)
    ops.assign(v, v_new)
    update = m_new / (ops.sqrt(v_new / correction2) + epsilon)
    return value - update * (adam_rate * factor)


def _take_in(weight, average, parameter):
    return ops.assign(average, average + weight * (parameter - average))
