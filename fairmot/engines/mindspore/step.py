"""The parts of one training step that MindSpore compiles: forward and backward, exchange, update."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, nn, ops
from mindspore.ops import functional

from fairmot.engines.mindspore.device import on_cpu
from fairmot.engines.mindspore.joined import Join, Plan
from fairmot.engines.mindspore.loss import WeightedLoss
from fairmot.engines.mindspore.network import GraphNetwork, canvases_to_pixels, canvases_to_pixels_by_index
from fairmot.engines.mindspore.optimizer import Average, Optimizer
from fairmot.engines.training_rules import Normalisers


class Model(nn.Cell):
    """Images and targets in, the scaled total and all loss terms out; holds the parameters of the losses."""

    def __init__(self, network: GraphNetwork, loss: WeightedLoss, parameters: dict[str, Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.network, self.loss, self.on_cpu = network, loss, on_cpu()
        self.parameters_of_loss = ParameterTuple([parameters[name] for name in loss.parameters_in_order])
        places = {head: place for place, head in enumerate(network.heads)}
        self.order = tuple(places[head] for head in loss.heads if head in places)
        self.along_boxes = len(self.order) < len(loss.heads)
        """The last head lies along the true boxes; behind the other heads stand the maps that it reads."""

    def construct(self, scale, images, over, targets):
        """Take the loss scale, canvases, divisors and targets."""
        maps = self.network(canvases_to_pixels_by_index(images) if self.on_cpu else canvases_to_pixels(images))
        heads = ()
        for place in self.order:
            heads = (*heads, maps[place])
        if self.along_boxes:
            heads = (*heads, self.network.follow_boxes(targets[1], *maps[len(self.order) :])[0])
        terms = self.loss(heads, targets, over, self.parameters_of_loss)
        return (terms[0] * scale, *terms)


class Gradients(nn.Cell):
    """Loss terms, and the gradients of the scaled total in the arrays of a plan."""

    def __init__(self, model: Model, plan: Plan) -> None:
        super().__init__(auto_prefix=False)
        self.model = model
        self.both = ms.value_and_grad(model, None, plan.parameters, has_aux=True)
        self.join = Join(plan)

    def construct(self, scale, images, *others):
        """Take what ``Model`` takes, divisors and targets one after the other."""
        count = len(Normalisers._fields)
        terms, gradients = self.both(scale, images, others[:count], others[count:])
        return terms, self.join(gradients)


class Combine(nn.Cell):
    """Gradients of all processes and their length together.

    All in one array: one exchange instead of several hundred.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], processes: int, scaled: bool) -> None:
        super().__init__(auto_prefix=False)
        self.processes, self.scaled = processes, scaled
        self.add = ops.AllReduce() if processes > 1 else None
        self.over_all = ops.Map()
        self.shapes = tuple(shapes)
        stops = np.cumsum([int(np.prod(shape)) for shape in self.shapes]).tolist()
        self.starts, self.stops = (0, *stops[:-1]), tuple(stops)

    def construct(self, factor, *gradients):
        """Take what undoes the loss scale, and the gradients; return the length and the gradients."""
        if self.scaled:
            gradients = self.over_all(functional.partial(_multiply, factor), gradients)
        if self.processes > 1:
            flat = self.add(ops.concat(self.over_all(_flatten, gradients))) / self.processes
            # ``ops.split`` loops over the pieces, too many of them for the compiler.
            gradients = self.over_all(functional.partial(_piece, flat), self.starts, self.stops, self.shapes)
        return ops.sqrt(ops.addn(self.over_all(_sum_of_squares, gradients))), gradients


class Update(nn.Cell):
    """One step of the optimiser, and the average."""

    def __init__(self, optimizer: Optimizer, average: Average | None) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer, self.average = optimizer, average

    def construct(self, rate, adam_rate, correction2, clip, weight, *gradients):
        """Take ``Optimizer.scalars``, the weight of the new parameters in the average, and the gradients."""
        self.optimizer(gradients, rate, adam_rate, correction2, clip)
        if self.average is not None:
            self.average(weight)
        return weight


def _multiply(factor, gradient):
    return gradient * factor


def _flatten(gradient):
    return gradient.reshape(-1)


def _piece(flat, start, stop, shape):
    return flat[start:stop].reshape(shape)


def _sum_of_squares(gradient):
    return ops.square(gradient).sum()
