"""The network as it trains: batch norms that see all processes, or none."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairmot.engines.torch.batch_norm import batch_norm, needs_precise_sums
from fairmot.engines.torch.network import GraphNetwork
from fairmot.engines.torch.process_group import ProcessGroup, SumOverProcesses
from fairmot.network.graph import Graph, Node
from fairmot.network.layers import BatchNorm


class TrainingNetwork(GraphNetwork):
    """``GraphNetwork`` with the batch norms of training."""

    def __init__(self, graph: Graph, together: ProcessGroup | None) -> None:
        """Batch norms see the images of all processes of ``together``, or their own alone.

        Those whose weights are frozen (``requires_grad`` off) use their running statistics and leave them alone.
        """
        super().__init__(graph)
        self.together = together

    def _run(self, node: Node, inputs: list[Tensor], p: nn.Module | None) -> Tensor:
        layer = node.layer
        if isinstance(layer, BatchNorm) and self.training:
            if not p.weight.requires_grad:
                return F.batch_norm(
                    inputs[0], p.running_mean, p.running_var, p.weight, p.bias, False, 0.0, layer.epsilon
                )
            if self.together is not None:
                p.num_batches_tracked += 1
                return _normalise(inputs[0], p, layer, self.together)
            if needs_precise_sums(inputs[0]):
                p.num_batches_tracked += 1
                return batch_norm(
                    inputs[0], p.running_mean, p.running_var, p.weight, p.bias, layer.momentum, layer.epsilon
                )
        return super()._run(node, inputs, p)


def _normalise(x: Tensor, p: nn.Module, layer: BatchNorm, together: ProcessGroup) -> Tensor:
    """Batch norm with the statistics of all processes; each has a batch of the same size."""
    values = x.float()
    count = together.size * values.numel() / values.shape[1]
    total = values.sum((0, 2, 3))
    mean = SumOverProcesses.apply(total) / count
    # Of differences from the mean: squares minus a squared mean would lose precision.
    squares = ((values - mean.view(1, -1, 1, 1)) ** 2).sum((0, 2, 3))
    variance = SumOverProcesses.apply(squares) / count
    with torch.no_grad():
        p.running_mean.lerp_(mean, layer.momentum)
        p.running_var.lerp_(variance * (count / max(count - 1, 1)), layer.momentum)
    # The derivative by the statistics is wanted, so they go in as numbers, not as running ones.
    scale = p.weight * torch.rsqrt(variance + layer.epsilon)
    shift = p.bias - mean * scale
    return torch.addcmul(shift.view(1, -1, 1, 1), values, scale.view(1, -1, 1, 1)).to(x.dtype)
