"""The network as data: a list of layers with the published parameter names, read by every engine.

A graph knows no framework. Each engine walks ``Graph.nodes`` in order and maps each kind of layer to its own
operation; parameters, multiply-adds and shapes are counted here without any.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fairmot.config import NetworkConfig
from fairmot.network.layers import (
    Activation,
    Add,
    BatchNorm,
    Boxes,
    ChannelAttention,
    Concatenate,
    Convolution,
    DeformableConvolution,
    Input,
    Layer,
    MaxPool,
    Normalize,
    Resize,
    SampleBoxes,
    SpaceToDepth,
    Start,
    TransposedConvolution,
)

Role = Literal["weight", "bias", "bn_weight", "bn_bias", "bn_mean", "bn_var", "bn_count"]
"""The role of a parameter in its layer."""


@dataclass(frozen=True, slots=True)
class Node:
    """One layer of a graph, and what it reads."""

    layer: Layer
    inputs: tuple[int, ...]
    """Indices of the nodes whose outputs are read; all smaller than this node's own."""
    name: str
    """Prefix of the parameters' names; empty for a layer without any."""
    channels: int
    """Channels of the output."""
    stride: int
    """Input pixels per cell of the output; 0 along boxes."""
    along_boxes: bool = False
    """Whether the output lies along boxes [B, C, 1, K], not on the image's grid [B, C, h, w]."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named array of the network."""

    name: str
    shape: tuple[int, ...]
    role: Role
    node: int
    """Index of its node."""

    @property
    def trainable(self) -> bool:
        """Whether an optimiser changes it; batch-norm statistics are not trainable."""
        return self.role in ("weight", "bias", "bn_weight", "bn_bias")


ONE_LEVEL_HEADS = ("heatmap", "extents", "offsets", "embedding")


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole network: nodes in order of execution, heads, and the configuration they were built from."""

    config: NetworkConfig
    nodes: tuple[Node, ...]
    outputs: dict[str, int] = field(default_factory=dict)
    """Head -> node. On one level: ``ONE_LEVEL_HEADS``. On several: of each level, from
    fine to coarse, ``scores_<stride>`` and ``distances_<stride>``; last ``embedding``, which lies along boxes."""

    @property
    def stride(self) -> int:
        """Input pixels per cell of the heads of a network on one level."""
        return self.nodes[self.outputs["heatmap"]].stride

    @property
    def level_strides(self) -> tuple[int, ...]:
        """Strides of the levels of a detector on several; empty where there are peaks in one heatmap."""
        return tuple(int(name.removeprefix("scores_")) for name in self.outputs if name.startswith("scores_"))

    def maps_along_boxes(self) -> tuple[int, ...]:
        """Nodes on the image's grid whose maps are read along boxes."""
        readers = (node for node in self.nodes if node.along_boxes)
        sources = {source for node in readers for source in node.inputs}
        return tuple(sorted(source for source in sources if not self.nodes[source].along_boxes))

    def stride_before(self, node: Node) -> int:
        """Stride of the first input of a node; 1 where it has none."""
        return self.nodes[node.inputs[0]].stride if node.inputs else 1

    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters and batch-norm statistics, in order of their nodes."""
        return tuple(p for index, node in enumerate(self.nodes) for p in self._parameters_of(index, node))

    def _parameters_of(self, index: int, node: Node) -> list[Parameter]:
        incoming = self.nodes[node.inputs[0]].channels if node.inputs else 0
        match node.layer:
            case Convolution(channels, kernel, groups=groups, bias=bias):
                shape = (channels, incoming // groups, kernel, kernel)
            case DeformableConvolution(channels, kernel, bias=bias):
                shape = (channels, incoming, kernel, kernel)
            case TransposedConvolution(channels, kernel, groups=groups, bias=bias):
                shape = (incoming, channels // groups, kernel, kernel)
            case ChannelAttention():
                shape, bias = (node.channels, node.channels, 1, 1), True
            case BatchNorm():
                size = (node.channels,)
                return [
                    Parameter(f"{node.name}.weight", size, "bn_weight", index),
                    Parameter(f"{node.name}.bias", size, "bn_bias", index),
                    Parameter(f"{node.name}.running_mean", size, "bn_mean", index),
                    Parameter(f"{node.name}.running_var", size, "bn_var", index),
                    Parameter(f"{node.name}.num_batches_tracked", (), "bn_count", index),
                ]
            case _:
                return []
        found = [Parameter(f"{node.name}.weight", shape, "weight", index)]
        if bias:
            found.append(Parameter(f"{node.name}.bias", (node.channels,), "bias", index))
        return found

    def last_uses(self) -> dict[int, tuple[int, ...]]:
        """Node -> the maps that no later node reads, so that an engine can free them after it."""
        last = {i: index for index, node in enumerate(self.nodes) for i in node.inputs}
        kept = set(self.outputs.values())
        freed: dict[int, list[int]] = {}
        for source, reader in last.items():
            if source not in kept:
                freed.setdefault(reader, []).append(source)
        return {reader: tuple(sources) for reader, sources in freed.items()}


class GraphBuilder:
    """Appends layers one by one; every method returns the index of the new node."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def finish(self, config: NetworkConfig, outputs: dict[str, int]) -> Graph:
        """Close the graph.

        Raises:
            ValueError: two nodes would hold parameters of the same name.
        """
        one_level = {head: outputs[head] for head in ONE_LEVEL_HEADS if head in outputs and "heatmap" in outputs}
        graph = Graph(config, tuple(self.nodes), one_level | outputs)  # builders append heads in an order of their own
        names = [parameter.name for parameter in graph.parameters()]
        if len(set(names)) != len(names):
            doubled = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"parameters named twice: {', '.join(doubled)}")
        return graph

    def _append(self, layer: Layer, inputs: tuple[int, ...], name: str, channels: int, stride: int) -> int:
        along_boxes = isinstance(layer, Boxes) or any(self.nodes[source].along_boxes for source in inputs)
        self.nodes.append(Node(layer, inputs, name, channels, stride, along_boxes))
        return len(self.nodes) - 1

    def input(self) -> int:
        """Append the network's input."""
        return self._append(Input(), (), "", 3, 1)

    def convolution(
        self,
        x: int,
        name: str,
        channels: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        start: Start = "he",
        bias_start: float = 0.0,
    ) -> int:
        """Append a convolution whose padding keeps size / stride."""
        padding = (kernel - 1) // 2
        layer = Convolution(channels, kernel, stride, padding, groups, bias, start, bias_start)
        return self._append(layer, (x,), name, channels, self.nodes[x].stride * stride)

    def deformable_convolution(self, x: int, name: str, channels: int) -> int:
        """Append a 3x3 modulated deformable convolution and, before it, its offset convolution."""
        offsets = self.convolution(x, f"{name}.conv_offset_mask", 27, 3, bias=True, start="zero")
        return self._append(DeformableConvolution(channels), (x, offsets), name, channels, self.nodes[x].stride)

    def depthwise_enlargement(self, x: int, name: str, factor: int) -> int:
        """Append a transposed convolution of each channel by itself: kernel 2f, stride f, padding f / 2, no bias."""
        channels = self.nodes[x].channels
        return self._enlarge(TransposedConvolution(channels, 2 * factor, factor, factor // 2, groups=channels), x, name)

    def transposed_convolution(self, x: int, name: str, channels: int) -> int:
        """Append a dense transposed convolution that doubles the map: kernel 4, stride 2, padding 1, no bias."""
        return self._enlarge(TransposedConvolution(channels, 4, 2, 1), x, name)

    def _enlarge(self, layer: TransposedConvolution, x: int, name: str) -> int:
        return self._append(layer, (x,), name, layer.channels, self.nodes[x].stride // layer.stride)

    def batch_norm(self, x: int, name: str, epsilon: float = 1e-5, momentum: float = 0.1) -> int:
        """Append a batch normalisation."""
        node = self.nodes[x]
        return self._append(BatchNorm(epsilon, momentum), (x,), name, node.channels, node.stride)

    def activation(self, x: int, function: Literal["relu", "silu"] = "relu") -> int:
        """Append a non-linearity."""
        node = self.nodes[x]
        return self._append(Activation(function), (x,), "", node.channels, node.stride)

    def max_pool(self, x: int, kernel: int, stride: int, padding: int = 0) -> int:
        """Append a max-pooling."""
        node = self.nodes[x]
        return self._append(MaxPool(kernel, stride, padding), (x,), "", node.channels, node.stride * stride)

    def add(self, x: int, y: int) -> int:
        """Append a sum.

        Raises:
            ValueError: the maps differ in channels or stride.
        """
        first, second = self.nodes[x], self.nodes[y]
        if (first.channels, first.stride) != (second.channels, second.stride):
            raise ValueError(f"cannot add {first} and {second}")
        return self._append(Add(), (x, y), "", first.channels, first.stride)

    def concatenate(self, *inputs: int) -> int:
        """Append a concatenation."""
        channels = sum(self.nodes[i].channels for i in inputs)
        return self._append(Concatenate(), tuple(inputs), "", channels, self.nodes[inputs[0]].stride)

    def resize(self, x: int, factor: int, mode: Literal["nearest", "bilinear"] = "nearest") -> int:
        """Append an enlargement without parameters."""
        node = self.nodes[x]
        return self._append(Resize(factor, mode), (x,), "", node.channels, node.stride // factor)

    def normalize(self, x: int, mean: tuple[float, ...], std: tuple[float, ...]) -> int:
        """Append a fixed normalisation of each channel."""
        node = self.nodes[x]
        return self._append(Normalize(mean, std), (x,), "", node.channels, node.stride)

    def channel_attention(self, x: int, name: str) -> int:
        """Append channel attention; its 1x1 convolution is called ``name``."""
        node = self.nodes[x]
        return self._append(ChannelAttention(), (x,), name, node.channels, node.stride)

    def boxes(self) -> int:
        """Append the second input, boxes."""
        return self._append(Boxes(), (), "", 4, 0)

    def sample_boxes(self, x: int, boxes: int, rows: int, columns: int) -> int:
        """Append a reading of map ``x`` at points inside each box."""
        return self._append(SampleBoxes(rows, columns), (x, boxes), "", self.nodes[x].channels * rows, 0)

    def space_to_depth(self, x: int) -> int:
        """Append a stacking of each 2x2 block along the channels."""
        node = self.nodes[x]
        return self._append(SpaceToDepth(), (x,), "", 4 * node.channels, 2 * node.stride)
