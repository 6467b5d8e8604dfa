"""A network as an ONNX model: raw heads, or a whole detector with decoding inside the graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper

from fairmot.engines.onnx.decoding import Peaks, write_detections, write_embeddings, write_patches, write_peaks
from fairmot.engines.onnx.layers import Arrays, Writer, needed_nodes, write_convolution, write_layer, write_nodes
from fairmot.engines.onnx.level_decoding import write_count_above, write_filled, write_first, write_level_boxes
from fairmot.files import replacing
from fairmot.network.folding import fold
from fairmot.network.graph import Graph
from fairmot.network.layers import Activation, Boxes, Convolution, Input, Normalize
from fairmot.network.level_decoding import CANDIDATES, MAX_OBJECTS, level_names

OPSET = 19
"""The first opset with ``DeformConv``."""
IR_VERSION = 9
"""The one that came with opset 19."""
_SPARSE_HEADS = ("extents", "offsets", "embedding")
"""Heads of a network on one level that are computed at the peaks alone."""
DETECTIONS = ("boxes", "scores", "class_ids", "embeddings")


def export_heads(graph: Graph, weights: Arrays, folded: bool = True) -> ModelProto:
    """Return a model from ``pixels`` float32 [B, 3, H, W] (RGB, 0..1) to the heads of ``Graph.outputs``.

    B, H and W are free.

    A network on several levels has a second input, ``boxes`` float32 [B, K, 4] in canvas pixels, along which its
    embeddings are read. ``folded=False`` keeps batch norms as layers of their own, for comparison.
    """
    if folded:
        graph, weights = fold(graph, weights)
    writer = Writer()
    given = _input_values(graph, "pixels") | _box_values(graph, "boxes")
    values = write_nodes(writer, graph, weights, given, graph.outputs.values())
    outputs = []
    for head, index in graph.outputs.items():
        writer.add("Identity", values[index], name=head)
        node = graph.nodes[index]
        map_size = [1, "boxes"] if node.along_boxes else [f"height_{node.stride}", f"width_{node.stride}"]
        shape = ["batch", node.channels, *map_size]
        outputs.append(helper.make_tensor_value_info(head, TensorProto.FLOAT, shape))
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, "height", "width"])]
    if graph.level_strides:
        inputs.append(helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["batch", "boxes", 4]))
    return _model(writer, graph, "heads", inputs, outputs, {})


def export_detector(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    max_objects: int = 500,
    batch: int | None = None,
    described_above: float | None = None,
) -> ModelProto:
    """Return a model from ``images`` uint8 [B, H, W, 3] (BGR, letterboxed) to the K best detections.

    Outputs: ``boxes`` float32 [B, K, 4] (left, top, right, bottom in canvas pixels), ``scores`` float32 [B, K] by
    falling score, ``class_ids`` int64 [B, K], ``embeddings`` float32 [B, K, D] of unit length. K is ``max_objects``, or
    the number of cells times classes where that is smaller; of a network on several levels at most ``MAX_OBJECTS``, and
    its empty slots have score 0.

    Only the heatmap is computed everywhere. The other heads are small stacks of convolutions on one map, so they are
    computed from patches of that map around the K peaks: the same numbers for a fraction of the work.

    Args:
        graph: the network.
        weights: its parameters.
        input_size: width and height of the canvas, pixels; multiples of 32.
        max_objects: K.
        batch: images a call; None leaves it free.
        described_above: of a network on several levels, embeddings are computed of so many of the best boxes as have
            a higher score in the image that has the most, the others are 0. None: of all K, with fixed shapes, which
            every runtime can plan.
    """
    graph, weights = fold(graph, weights)
    graph, weights = _take_bytes(graph, weights)
    if graph.level_strides:
        return _export_levels(graph, weights, input_size, min(max_objects, MAX_OBJECTS), batch, described_above)
    width, height = input_size
    map_size = (width // graph.stride, height // graph.stride)
    writer = Writer()
    planes = writer.add("Cast", writer.add("Transpose", "images", perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    dense = needed_nodes(graph, [graph.outputs["heatmap"]])
    sparse = {head: _trailing_layers(graph, graph.outputs[head], dense) for head in _SPARSE_HEADS}
    wanted = [graph.outputs["heatmap"], *(stack.source for stack in sparse.values())]
    size = "batch" if batch is None else batch
    values = write_nodes(writer, graph, weights, _input_values(graph, planes), wanted, (size, height, width))
    peaks = write_peaks(writer, values[wanted[0]], graph.config.classes, map_size, max_objects)
    heads = _write_sparse_heads(writer, graph, weights, values, sparse, peaks, map_size)
    found = write_detections(writer, peaks, heads["extents"], heads["offsets"], heads["embedding"], graph.stride)

    count = min(max_objects, graph.config.classes * map_size[0] * map_size[1])
    assert found == DETECTIONS
    return _detector(writer, graph, input_size, size, count)


def _export_levels(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    max_objects: int,
    batch: int | None,
    described_above: float | None,
) -> ModelProto:
    """The detector of a network on several levels: its boxes first, then what is read along them."""
    width, height = input_size
    writer = Writer()
    size = "batch" if batch is None else batch
    planes = writer.add("Cast", writer.add("Transpose", "images", perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    heads = [(stride, *(graph.outputs[name] for name in level_names(stride))) for stride in graph.level_strides]
    wanted = [*(index for level in heads for index in level[1:]), *graph.maps_along_boxes()]
    values = write_nodes(writer, graph, weights, _input_values(graph, planes), wanted, (size, height, width))
    levels = [(stride, values[scores], values[distances]) for stride, scores, distances in heads]
    boxes, scores, _ = write_level_boxes(writer, levels, graph.config.classes, input_size, max_objects)
    described = "" if described_above is None else write_count_above(writer, scores, described_above)
    values |= _box_values(graph, write_first(writer, boxes, described) if described else boxes)
    values = write_nodes(writer, graph, weights, values, [graph.outputs["embedding"]])
    if described:
        embeddings = write_embeddings(writer, values[graph.outputs["embedding"]], "described_embeddings")
        write_filled(writer, embeddings, described, boxes, "embeddings")
    else:
        write_embeddings(writer, values[graph.outputs["embedding"]])
    cells = sum((width // stride) * (height // stride) for stride in graph.level_strides)
    count = min(max_objects, CANDIDATES, graph.config.classes * cells)
    return _detector(writer, graph, input_size, size, count)


def _detector(writer: Writer, graph: Graph, input_size: tuple[int, int], batch: int | str, count: int) -> ModelProto:
    width, height = input_size
    shapes = ([4], [], [], [graph.nodes[graph.outputs["embedding"]].channels])
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT)
    outputs = [
        helper.make_tensor_value_info(name, kind, [batch, count, *shape])
        for name, kind, shape in zip(DETECTIONS, kinds, shapes, strict=True)
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, [batch, height, width, 3])
    return _model(writer, graph, "detector", [images], outputs, {"input_size": f"{width} {height}"})


def save_model(path: Path | str, model: ModelProto) -> None:
    """Check a model and write it atomically."""
    checker.check_model(model, full_check=True)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


@dataclass(frozen=True, slots=True)
class _Stack:
    """The end of a head: at most one k x k convolution, then layers that see one cell."""

    source: int
    """Node whose map is read."""
    kernel: int
    nodes: tuple[int, ...]
    """In order of execution."""


def _trailing_layers(graph: Graph, output: int, dense: set[int]) -> _Stack:
    """Return the end of a head that can be computed at single cells; the heatmap needs the layers before it anyway."""
    nodes: list[int] = []
    index, kernel = output, 1
    while kernel == 1 and index not in dense:
        node = graph.nodes[index]
        match node.layer:
            case Convolution(kernel=size, stride=1, padding=padding) if padding == size // 2 and size % 2:
                kernel = size
            case Activation():
                pass
            case _:
                break
        nodes.insert(0, index)
        index = node.inputs[0]
    return _Stack(index, kernel, tuple(nodes))


def _write_sparse_heads(
    writer: Writer,
    graph: Graph,
    weights: Arrays,
    values: dict[int, str],
    stacks: dict[str, _Stack],
    peaks: Peaks,
    map_size: tuple[int, int],
) -> dict[str, str]:
    """Append the heads at the peaks; return head -> value [B, ?, 1, K]."""
    patches: dict[tuple[int, int], str] = {}
    at_peaks: dict[int, str] = {}  # heads may share layers
    heads = {}
    for head, stack in stacks.items():
        key = (stack.source, stack.kernel)
        if key not in patches:
            channels = graph.nodes[stack.source].channels
            patches[key] = write_patches(writer, values[stack.source], channels, peaks, map_size, stack.kernel)
        x = patches[key]
        for index in stack.nodes:
            node = graph.nodes[index]
            if index not in at_peaks:
                if isinstance(node.layer, Convolution):
                    kernel, groups = node.layer.kernel, node.layer.groups
                    at_peaks[index] = write_convolution(
                        writer, node, x, weights, kernel, stride=kernel, padding=0, groups=groups
                    )
                else:
                    at_peaks[index] = write_layer(writer, node, [x], weights)
            x = at_peaks[index]
        heads[head] = x
    return heads


def _take_bytes(graph: Graph, weights: Arrays) -> tuple[Graph, Arrays]:
    """Let the first layers read BGR in 0..255: zero padding stays zero, so this is exact.

    A normalisation takes its numbers in that order and range, and the convolutions behind it the order alone.
    """
    weights, nodes = dict(weights), list(graph.nodes)
    factor = {index: 1 / 255 for index, node in enumerate(nodes) if isinstance(node.layer, Input)}
    for index, node in enumerate(nodes):
        source = node.inputs[0] if node.inputs else -1
        if source not in factor:
            continue
        if isinstance(node.layer, Normalize):
            mean, std = (tuple(255 * value for value in values[::-1]) for values in (node.layer.mean, node.layer.std))
            nodes[index], factor[index] = replace(node, layer=Normalize(mean, std)), 1.0
            continue
        assert isinstance(node.layer, Convolution), f"{node} reads the image and is no convolution"
        assert node.layer.groups == 1, f"{node} reads the image in groups"
        name = f"{node.name}.weight"
        weights[name] = (weights[name][:, ::-1].astype(np.float64) * factor[source]).astype(np.float32)
    return replace(graph, nodes=tuple(nodes)), weights


def _input_values(graph: Graph, name: str) -> dict[int, str]:
    return {index: name for index, node in enumerate(graph.nodes) if isinstance(node.layer, Input)}


def _box_values(graph: Graph, name: str) -> dict[int, str]:
    return {index: name for index, node in enumerate(graph.nodes) if isinstance(node.layer, Boxes)}


def _model(
    writer: Writer, graph: Graph, kind: str, inputs: list[Any], outputs: list[Any], properties: dict[str, str]
) -> ModelProto:
    constants = list(writer.constants.values())
    name = graph.config.architecture
    body = helper.make_graph(writer.nodes, name, inputs, outputs, constants, value_info=writer.shapes)
    model = helper.make_model(
        body, producer_name="fairmot", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    metadata = {
        "fairmot.kind": kind,
        "fairmot.architecture": graph.config.architecture,
        "fairmot.network": graph.config.model_dump_json(),
        "fairmot.stride": " ".join(map(str, graph.level_strides or (graph.stride,))),
        **{f"fairmot.{name}": text for name, text in properties.items()},
    }
    helper.set_model_props(model, metadata)
    return model
