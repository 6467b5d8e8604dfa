"""Parameters end to end in a few arrays: on a processor each kernel costs its start, and there are several a parameter.

Adam and the average take some twenty kernels. ``lite`` has 275 parameters, most of them smaller than a kernel's start.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore.ops import functional

from fairmot.engines.interface import Arrays
from fairmot.engines.mindspore.device import on_cpu
from fairmot.engines.mindspore.network import set_value, to_numpy

LARGEST = 1 << 18
"""Numbers in an array of several parameters: it stays in a processor's cache from one kernel to the next."""


class Plan:
    """Which parameters share an array: neighbours of one kind, up to ``largest`` numbers; elsewhere each has its own.

    An array of several parameters is flat, one of a single parameter keeps its shape.
    """

    def __init__(self, parameters: Mapping[str, Parameter], kinds: Mapping[str, Hashable], largest: int | None = None):
        """Plan for ``parameters`` by name; ``largest``: ``LARGEST`` on a processor, else 0."""
        largest = (LARGEST if on_cpu() else 0) if largest is None else largest
        places = {kind: place for place, kind in enumerate(dict.fromkeys(kinds[name] for name in parameters))}
        self.names = tuple(sorted(parameters, key=lambda name: places[kinds[name]]))
        """In the order of the arrays."""
        self.parameters = ParameterTuple([parameters[name] for name in self.names])
        self.shapes = tuple(tuple(parameter.shape) for parameter in self.parameters)
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        starts, total = [0], 0
        for place, (name, size) in enumerate(zip(self.names, sizes, strict=True)):
            total += size
            if place and (total > largest or kinds[name] != kinds[self.names[place - 1]]):
                starts.append(place)
                total = size
        self.bounds = tuple(itertools.pairwise([*starts, len(sizes)]))
        """First parameter of each array, and the one after its last."""
        self.kinds = tuple(kinds[self.names[start]] for start, _ in self.bounds)
        """Of each array."""
        self.stops = tuple(sum(sizes[start : place + 1]) for start, stop in self.bounds for place in range(start, stop))
        self.starts = tuple(stop - size for stop, size in zip(self.stops, sizes, strict=True))
        self.sizes = tuple(sizes)

    def join(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Join arrays in the order of ``names``."""
        return [
            np.concatenate([np.ravel(array) for array in arrays[start:stop]]) if stop - start > 1 else arrays[start]
            for start, stop in self.bounds
        ]

    def split(self, joined: Sequence[np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each name and its array."""
        for array, (start, stop) in zip(joined, self.bounds, strict=True):
            for place in range(start, stop):
                part = np.ravel(array)[self.starts[place] : self.stops[place]]
                yield self.names[place], part.reshape(self.shapes[place]).copy()


class Stored:
    """Arrays of a plan as parameters of their own, such as moments."""

    def __init__(self, plan: Plan, values: Mapping[str, np.ndarray], name: str) -> None:
        self.plan = plan
        joined = plan.join([np.asarray(values[each], np.float32) for each in plan.names])
        self.parameters = ParameterTuple(
            [
                Parameter(Tensor(np.array(array)), name=f"{name}.{place}", requires_grad=False)
                for place, array in enumerate(joined)
            ]
        )

    def arrays(self) -> Arrays:
        """Return copies by name."""
        return dict(self.plan.split([to_numpy(parameter) for parameter in self.parameters]))

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take arrays by name."""
        joined = self.plan.join([np.asarray(arrays[name]) for name in self.plan.names])
        for parameter, array in zip(self.parameters, joined, strict=True):
            set_value(parameter, array)


class Join(nn.Cell):
    """One tensor a parameter -> the arrays of a plan."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(auto_prefix=False)
        self.bounds, self.over_all = plan.bounds, ops.Map()

    def construct(self, tensors):
        """Take a tuple in the order of the plan."""
        flat = self.over_all(_flatten, tensors)
        joined = ()
        for start, stop in self.bounds:
            joined = (*joined, ops.concat(flat[start:stop]) if stop - start > 1 else tensors[start])
        return joined


class Write(nn.Cell):
    """Assigns the arrays of a plan to its parameters."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(auto_prefix=False)
        self.bounds, self.over_all, self.parameters = plan.bounds, ops.Map(), plan.parameters
        self.starts, self.sizes, self.shapes = plan.starts, plan.sizes, plan.shapes

    def construct(self, joined):
        """Take the arrays."""
        pieces = ()
        for place in range(len(self.bounds)):
            start, stop = self.bounds[place]
            if stop - start > 1:
                cut = functional.partial(_cut, joined[place])
                # ``ops.split`` loops over the pieces, too many of them for the compiler.
                parts = self.over_all(cut, self.starts[start:stop], self.sizes[start:stop], self.shapes[start:stop])
                pieces = pieces + parts
            else:
                pieces = (*pieces, joined[place])
        return self.over_all(_assign, self.parameters, pieces)


def _flatten(tensor):
    return tensor.reshape(-1)


def _cut(joined, start, size, shape):
    return ops.slice(joined, (start,), (size,)).reshape(shape)


def _assign(parameter, value):
    return ops.assign(parameter, value)
