"""What a network costs: layers, parameters, multiply-adds and shapes, counted without any framework."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from fairmot.network.graph import Graph
from fairmot.network.layers import ChannelAttention, Convolution, DeformableConvolution, TransposedConvolution
from fairmot.network.level_decoding import MAX_OBJECTS


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer of a network at one input size."""

    name: str
    kind: str
    shape: tuple[int, int, int]
    """Channels, height and width of the output."""
    parameters: int
    """Trainable numbers."""
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole network at one input size."""

    layers: tuple[LayerSummary, ...]
    outputs: dict[str, tuple[int, int, int]]

    @property
    def parameters(self) -> int:
        """Trainable numbers of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image; convolutions only, as the field counts them."""
        return sum(layer.multiply_adds for layer in self.layers)


def summarize(graph: Graph, input_size: tuple[int, int] | None = None) -> Summary:
    """Count ``graph`` at an input size (width, height), by default the configured one.

    A deformable convolution counts as a plain one: its four-point sampling adds a fraction of 4 / output channels. What
    lies along boxes counts for as many as are kept at the most.
    """
    width, height = input_size or graph.config.input_size
    counts: Counter[int] = Counter()
    for parameter in graph.parameters():
        if parameter.trainable:
            counts[parameter.node] += int(np.prod(parameter.shape))
    layers = []
    for index, node in enumerate(graph.nodes):
        map_size = (1, MAX_OBJECTS) if node.along_boxes else (height // node.stride, width // node.stride)
        shape = (node.channels, *map_size)
        layers.append(
            LayerSummary(
                node.name,
                type(node.layer).__name__,
                shape,
                counts[index],
                _multiply_adds(graph, index, shape),
            )
        )
    return Summary(tuple(layers), {head: layers[i].shape for head, i in graph.outputs.items()})


def _multiply_adds(graph: Graph, index: int, shape: tuple[int, int, int]) -> int:
    node = graph.nodes[index]
    if not node.inputs:
        return 0
    incoming = graph.nodes[node.inputs[0]].channels
    cells = shape[1] * shape[2]
    match node.layer:
        case Convolution(channels=channels, kernel=kernel, groups=groups):
            return kernel * kernel * incoming // groups * channels * cells
        case DeformableConvolution(channels=channels, kernel=kernel):
            return kernel * kernel * incoming * channels * cells
        case TransposedConvolution(channels=channels, kernel=kernel, stride=stride, groups=groups):
            taps = (kernel // stride) ** 2  # kernel taps that reach one output cell
            return taps * incoming // groups * channels * cells
        case ChannelAttention():
            return incoming * incoming
        case _:
            return 0
