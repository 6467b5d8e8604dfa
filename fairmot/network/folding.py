"""Batch norms folded into the convolutions before them, and Focus into the one behind it.

Once, on the graph, for every engine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.network.graph import Graph, Node
from fairmot.network.layers import (
    BatchNorm,
    Convolution,
    DeformableConvolution,
    SpaceToDepth,
    TransposedConvolution,
)

Arrays = dict[str, NDArray[Any]]


def fold(graph: Graph, weights: Arrays) -> tuple[Graph, Arrays]:
    """Return an equal network in evaluation mode, without batch norms and space-to-depth layers.

    A batch norm is folded when its input is a convolution that no other node reads; a space-to-depth layer when only
    dense convolutions read it. Every architecture here meets both. The folding is computed in float64.
    """
    readers = _readers(graph)

    nodes: list[Node] = []
    place: dict[int, int] = {}  # old index -> new index
    folded: Arrays = {}
    unstacked: set[int] = set()
    for index, node in enumerate(graph.nodes):
        target = place[node.inputs[0]] if node.inputs else -1
        if isinstance(node.layer, BatchNorm):
            before = nodes[target]
            if isinstance(before.layer, Foldable) and len(readers[node.inputs[0]]) == 1:
                factor, shift = _affine(node, weights)
                weight = folded[f"{before.name}.weight"]
                bias = folded.get(f"{before.name}.bias", np.zeros(before.channels))
                folded[f"{before.name}.weight"] = weight * _along_outputs(before.layer, weight, factor)
                folded[f"{before.name}.bias"] = bias * factor + shift
                nodes[target] = replace(before, layer=replace(before.layer, bias=True))
                place[index] = target
                continue
        if isinstance(node.layer, SpaceToDepth) and _is_focus(graph, readers[index]):
            place[index] = target
            unstacked.add(index)
            continue
        for suffix in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            name = f"{node.name}.{suffix}"
            if node.name and name in weights:
                folded[name] = np.asarray(weights[name], dtype=np.float64)
        if isinstance(node.layer, Convolution) and node.inputs[0] in unstacked:
            layer = node.layer
            kernel, stride, padding = 2 * layer.kernel, 2 * layer.stride, 2 * layer.padding
            node = replace(node, layer=replace(layer, kernel=kernel, stride=stride, padding=padding))
            folded[f"{node.name}.weight"] = unstack_pixels(folded[f"{node.name}.weight"])
        nodes.append(replace(node, inputs=tuple(place[source] for source in node.inputs)))
        place[index] = len(nodes) - 1
    outputs = {head: place[output] for head, output in graph.outputs.items()}
    arrays = {name: array.astype(np.float32) for name, array in folded.items()}
    return Graph(graph.config, tuple(nodes), outputs), arrays


def unstack_pixels(weight: NDArray[Any]) -> NDArray[Any]:
    """Turn weights [O, 4 C, k, k] for stacked pixels into [O, C, 2 k, 2 k] for the pixels themselves.

    Stacked are the pixels (row, column) = (0, 0), (1, 0), (0, 1), (1, 1) of each 2x2 block, C channels each; the
    convolution's stride and padding double with its kernel.
    """
    out, _, kernel, _ = weight.shape
    blocks = weight.reshape(out, 2, 2, -1, kernel, kernel)  # column in block, row in block, channel, kernel's two
    return np.ascontiguousarray(blocks.transpose(0, 3, 4, 2, 5, 1).reshape(out, -1, 2 * kernel, 2 * kernel))


Foldable = Convolution | DeformableConvolution | TransposedConvolution


def _readers(graph: Graph) -> dict[int, list[int]]:
    """Node -> the nodes that read it; -1 stands for a head."""
    readers: dict[int, list[int]] = {index: [] for index in range(len(graph.nodes))}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            readers[source].append(index)
    for output in graph.outputs.values():
        readers[output].append(-1)
    return readers


def _is_focus(graph: Graph, readers: list[int]) -> bool:
    """Whether only dense convolutions read a space-to-depth layer."""
    layers = [graph.nodes[index].layer for index in readers if index >= 0]
    return len(layers) == len(readers) and all(isinstance(la, Convolution) and la.groups == 1 for la in layers)


def _along_outputs(layer: Foldable, weight: NDArray[Any], factor: NDArray[Any]) -> NDArray[Any]:
    """Shape a factor [out] so that it multiplies ``weight`` by its output channels."""
    if not isinstance(layer, TransposedConvolution):
        return factor.reshape(-1, 1, 1, 1)
    # [in, out / groups, k, k]: an input channel reaches the outputs of its own group.
    grouped = factor.reshape(layer.groups, 1, -1)
    wide = np.broadcast_to(grouped, (layer.groups, len(weight) // layer.groups, weight.shape[1]))
    return wide.reshape(*weight.shape[:2], 1, 1)


def _affine(node: Node, weights: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factor and shift [C] that a batch norm in evaluation mode applies."""
    assert isinstance(node.layer, BatchNorm)
    gamma, beta, mean, variance = (
        weights[f"{node.name}.{suffix}"].astype(np.float64)
        for suffix in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + node.layer.epsilon)
    return factor, beta - mean * factor
