"""Batch norms and scales folded into the convolutions before them: once, on the graph, for every engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.network.graph import Graph, Node
from fairmot.network.layers import BatchNorm, Convolution, DeformableConvolution, Scale

Arrays = dict[str, NDArray[Any]]


def fold(graph: Graph, weights: Arrays) -> tuple[Graph, Arrays]:
    """Return an equal network in evaluation mode without batch norms and scales.

    A batch norm or scale is folded when its input is a convolution that nobody else reads; every architecture here
    is built so. The folding is computed in float64.
    """
    readers: dict[int, int] = {}
    for node in graph.nodes:
        for source in node.inputs:
            readers[source] = readers.get(source, 0) + 1
    for output in graph.outputs.values():
        readers[output] = readers.get(output, 0) + 1

    nodes: list[Node] = []
    place: dict[int, int] = {}  # old index -> new index
    folded: Arrays = {}
    for index, node in enumerate(graph.nodes):
        target = place[node.inputs[0]] if node.inputs else -1
        if isinstance(node.layer, BatchNorm | Scale):
            before = nodes[target]
            if isinstance(before.layer, Convolution | DeformableConvolution) and readers[node.inputs[0]] == 1:
                factor, shift = _affine(node, weights)
                weight = folded[f"{before.name}.weight"]
                bias = folded.get(f"{before.name}.bias", np.zeros(before.channels))
                folded[f"{before.name}.weight"] = weight * factor.reshape(-1, 1, 1, 1)
                folded[f"{before.name}.bias"] = bias * factor + shift
                nodes[target] = replace(before, layer=replace(before.layer, bias=True))
                place[index] = target
                continue
        for suffix in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            name = f"{node.name}.{suffix}"
            if node.name and name in weights:
                folded[name] = np.asarray(weights[name], dtype=np.float64)
        nodes.append(replace(node, inputs=tuple(place[source] for source in node.inputs)))
        place[index] = len(nodes) - 1
    outputs = {head: place[output] for head, output in graph.outputs.items()}
    arrays = {name: array.astype(np.float32) for name, array in folded.items()}
    return Graph(graph.config, tuple(nodes), outputs), arrays


def _affine(node: Node, weights: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factor and shift [C] that a batch norm in evaluation mode, or a scale, applies."""
    if isinstance(node.layer, Scale):
        return np.full(node.channels, node.layer.factor), np.zeros(node.channels)
    assert isinstance(node.layer, BatchNorm)
    gamma, beta, mean, variance = (
        weights[f"{node.name}.{suffix}"].astype(np.float64)
        for suffix in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + node.layer.epsilon)
    return factor, beta - mean * factor
