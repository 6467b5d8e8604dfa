"""The network as it trains: half precision where it does no harm, batch norms that see all processes."""

from __future__ import annotations

from collections.abc import Collection

import mindspore as ms
from mindspore import Tensor, nn, ops

from fairmot.engines.interface import Arrays
from fairmot.engines.mindspore.deformable import SampledDeformableConvolution
from fairmot.engines.mindspore.device import on_cpu
from fairmot.engines.mindspore.network import GraphNetwork, build_network
from fairmot.engines.training_rules import is_exact
from fairmot.network.graph import Graph
from fairmot.network.layers import BatchNorm, Convolution, DeformableConvolution, TransposedConvolution


def build_training_network(
    graph: Graph, weights: Arrays, half: ms.Type | None, processes: int, frozen: Collection[str] = ()
) -> GraphNetwork:
    """Build the cell of a graph for training.

    Args:
        graph: the network.
        weights: start values.
        half: precision of the convolutions; None: float32. Heads and deformable convolutions are in float32 anyway.
        processes: those whose images batch norms see together; 1: each its own.
        frozen: parameters that training leaves alone; a batch norm of these uses its running statistics and leaves them
            alone.
    """
    network = build_network(graph, weights)
    for index, node in enumerate(graph.nodes):
        name = f"layer{index}"
        # Exports keep the operator that devices have; sparse products are those of processors.
        if isinstance(node.layer, DeformableConvolution) and on_cpu():
            setattr(network, name, SampledDeformableConvolution(getattr(network, name)))
        elif isinstance(node.layer, BatchNorm):
            if f"{node.name}.weight" in frozen:
                setattr(network, name, _FrozenBatchNorm(getattr(network, name)))
            elif processes > 1:
                setattr(network, name, _SharedBatchNorm(node.layer, getattr(network, name), processes))
        elif half is not None and not is_exact(node) and isinstance(node.layer, Convolution | TransposedConvolution):
            setattr(network, name, _InHalf(getattr(network, name), half))
    return network


class _FrozenBatchNorm(nn.Cell):
    """Batch norm with its running statistics, in training too."""

    def __init__(self, own: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.own = own

    def construct(self, x: Tensor) -> Tensor:
        own = self.own
        return own.with_running(x, own.weight, own.bias, own.running_mean, own.running_var)[0]


class _InHalf(nn.Cell):
    """A layer in half precision between maps of float32."""

    def __init__(self, layer: nn.Cell, half: ms.Type) -> None:
        super().__init__(auto_prefix=False)
        self.layer = layer.to_float(half)

    def construct(self, x: Tensor) -> Tensor:
        return ops.cast(self.layer(x), ms.float32)


class _SharedBatchNorm(nn.Cell):
    """Batch norm with the statistics of all processes; each has a batch of the same size."""

    def __init__(self, layer: BatchNorm, own: nn.Cell, processes: int) -> None:
        super().__init__(auto_prefix=False)
        self.own = own
        self.weight, self.bias = own.weight, own.bias
        self.running_mean, self.running_var = own.running_mean, own.running_var
        self.epsilon, self.momentum, self.processes = layer.epsilon, layer.momentum, processes
        self.add = ops.AllReduce()

    def construct(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.own(x)
        batch, channels, height, width = x.shape
        count = self.processes * batch * height * width
        mean = self.add(x.sum((0, 2, 3))) / count
        # Of differences from the mean: squares minus a squared mean would lose precision.
        squares = ops.square(x - mean.reshape(1, channels, 1, 1)).sum((0, 2, 3))
        variance = self.add(squares) / count
        fresh_mean, fresh_variance = ops.stop_gradient(mean), ops.stop_gradient(variance) * (count / max(count - 1, 1))
        ops.assign(self.running_mean, self.running_mean + self.momentum * (fresh_mean - self.running_mean))
        ops.assign(self.running_var, self.running_var + self.momentum * (fresh_variance - self.running_var))
        scale = self.weight * ops.rsqrt(variance + self.epsilon)
        shift = self.bias - mean * scale
        return x * scale.reshape(1, channels, 1, 1) + shift.reshape(1, channels, 1, 1)
