"""Layers of a graph as ONNX nodes."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from fairmot.network.graph import Graph, Node
from fairmot.network.layers import (
    Activation,
    Add,
    BatchNorm,
    ChannelAttention,
    Concatenate,
    Convolution,
    DeformableConvolution,
    MaxPool,
    Normalize,
    Resize,
    SampleBoxes,
    SpaceToDepth,
    TransposedConvolution,
)

Arrays = dict[str, NDArray[Any]]


class Writer:
    """Collects nodes and constants; every value gets a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.shapes: list[ValueInfoProto] = []

    def constant(self, values: Any, dtype: Any = None, name: str = "") -> str:
        """Add a constant and return its name; a name that is there already is the same constant."""
        name = name or f"constant_{len(self.constants)}"
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values, dtype=dtype), name)
        return name

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        return self.add_many(operator, *inputs, names=(name or f"{operator}_{len(self.nodes)}",), **attributes)[0]

    def add_many(self, operator: str, *inputs: str, names: tuple[str, ...], **attributes: Any) -> tuple[str, ...]:
        """Append a node whose outputs get these names."""
        self.nodes.append(helper.make_node(operator, inputs, names, name=names[0], **attributes))
        return names


def needed_nodes(graph: Graph, wanted: Iterable[int], known: Container[int] = ()) -> set[int]:
    """Return the ``wanted`` nodes and everything that they depend on beyond ``known``."""
    needed, stack = set(), list(wanted)
    while stack:
        index = stack.pop()
        if index not in needed and index not in known:
            needed.add(index)
            stack.extend(graph.nodes[index].inputs)
    return needed


def write_nodes(
    writer: Writer,
    graph: Graph,
    arrays: Arrays,
    values: dict[int, str],
    wanted: Iterable[int],
    input_shape: tuple[int | str, int, int] | None = None,
) -> dict[int, str]:
    """Append what the ``wanted`` nodes of ``graph`` need beyond ``values``; return node -> value, old ones included.

    ``input_shape`` is (B, H, W) where it is known. Shape inference loses a free B at a resize; with
    the shape in the model, ONNX Runtime fuses the sum behind it into a convolution.
    """
    values = dict(values)
    for index in sorted(needed_nodes(graph, wanted, values)):
        node = graph.nodes[index]
        values[index] = write_layer(writer, node, [values[i] for i in node.inputs], arrays, graph.stride_before(node))
        if input_shape and isinstance(node.layer, Resize):
            batch, height, width = input_shape
            shape = [batch, node.channels, height // node.stride, width // node.stride]
            writer.shapes.append(helper.make_tensor_value_info(values[index], TensorProto.FLOAT, shape))
    return values


def write_layer(writer: Writer, node: Node, inputs: list[str], arrays: Arrays, source_stride: int = 1) -> str:
    """Append one layer and return its output; ``source_stride`` is that of the map which its first input is."""
    match node.layer:
        case Convolution(kernel=kernel, stride=stride, padding=padding, groups=groups):
            return write_convolution(writer, node, inputs[0], arrays, kernel, stride, padding, groups)
        case DeformableConvolution():
            return _deformable_convolution(writer, node, inputs, arrays)
        case TransposedConvolution(kernel=kernel, stride=stride, padding=padding, groups=groups):
            return _sliding(writer, "ConvTranspose", node, inputs[0], arrays, kernel, stride, padding, groups)
        case BatchNorm(epsilon=epsilon):
            suffixes = ("weight", "bias", "running_mean", "running_var")
            constants = [_parameter(writer, node, suffix, arrays) for suffix in suffixes]
            return writer.add("BatchNormalization", inputs[0], *constants, epsilon=epsilon, name=node.name)
        case Activation("relu"):
            return writer.add("Relu", inputs[0])
        case Activation("silu"):
            return writer.add("Mul", inputs[0], writer.add("Sigmoid", inputs[0]))
        case MaxPool(kernel=kernel, stride=stride, padding=padding):
            return writer.add("MaxPool", inputs[0], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4)
        case Add():
            return writer.add("Add", *inputs)
        case Concatenate():
            return writer.add("Concat", *inputs, axis=1)
        case Resize(factor=factor, mode=mode):
            scales = writer.constant([1, 1, factor, factor], np.float32, name=f"enlarge_{factor}")
            nearest = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
            linear = {"coordinate_transformation_mode": "half_pixel", "mode": "linear"}
            return writer.add("Resize", inputs[0], "", scales, **(nearest if mode == "nearest" else linear))
        case SpaceToDepth():
            return _space_to_depth(writer, node, inputs[0])
        case Normalize(mean, std):
            low, high = (writer.constant(np.reshape(values, (-1, 1, 1)), np.float32) for values in (mean, std))
            return writer.add("Div", writer.add("Sub", inputs[0], low), high)
        case ChannelAttention():
            gate = write_convolution(writer, node, writer.add("GlobalAveragePool", inputs[0]), arrays, 1, 1, 0, 1)
            return writer.add("Mul", inputs[0], writer.add("HardSigmoid", gate, alpha=1 / 6, beta=0.5))
        case SampleBoxes(rows, columns):
            return _sample_boxes(writer, inputs, node.channels // rows, rows, columns, source_stride)
    raise AssertionError(f"no ONNX operator for {node}")  # pragma: no cover


def write_convolution(
    writer: Writer, node: Node, x: str, arrays: Arrays, kernel: int, stride: int, padding: int, groups: int
) -> str:
    """Append a convolution with the parameters of ``node`` and this stride and padding."""
    return _sliding(writer, "Conv", node, x, arrays, kernel, stride, padding, groups)


def _sliding(
    writer: Writer,
    operator: str,
    node: Node,
    x: str,
    arrays: Arrays,
    kernel: int,
    stride: int,
    padding: int,
    groups: int,
) -> str:
    inputs = [x, _parameter(writer, node, "weight", arrays)]
    if f"{node.name}.bias" in arrays:
        inputs.append(_parameter(writer, node, "bias", arrays))
    return writer.add(
        operator,
        *inputs,
        kernel_shape=[kernel] * 2,
        strides=[stride] * 2,
        pads=[padding] * 4,
        group=groups,
        name=node.name,
    )


def _space_to_depth(writer: Writer, node: Node, x: str) -> str:
    """ONNX stacks the pixels of a block by rows; the graph wants them by columns."""
    channels = node.channels // 4
    stacked = writer.add("SpaceToDepth", x, blocksize=2)
    by_columns = [pixel * channels + channel for pixel in (0, 2, 1, 3) for channel in range(channels)]
    order = writer.constant(by_columns, np.int64, name=f"pixels_by_columns_{channels}")
    return writer.add("Gather", stacked, order, axis=1)


def _sample_boxes(writer: Writer, inputs: list[str], channels: int, rows: int, columns: int, stride: int) -> str:
    """Points inside boxes [B, K, 4] as a grid for ``GridSample``, whose cell i of n lies at (2 i + 1) / n - 1."""
    features, boxes = inputs
    corners = writer.add("Unsqueeze", writer.add("Transpose", boxes, perm=[0, 2, 1]), writer.constant([1], np.int64))
    names = tuple(f"{side}_{len(writer.nodes)}" for side in ("left", "top", "right", "bottom"))
    sides = writer.constant([1, 1, 1, 1], np.int64)
    left, top, right, bottom = writer.add_many("Split", corners, sides, names=names, axis=2)  # [B, 1, 1, K] each
    size = writer.add("Cast", writer.add("Shape", features, start=2), to=TensorProto.FLOAT)
    height, width = writer.add_many(
        "Split", size, writer.constant([1, 1], np.int64), names=(f"h_{len(writer.nodes)}", f"w_{len(writer.nodes)}")
    )

    def along(first: str, last: str, parts: int, shape: tuple[int, ...], cells: str) -> str:
        """Positions of the centres of equal parts, -1 to 1 over the map."""
        steps = writer.constant((np.arange(parts).reshape(shape) + 0.5) / parts, np.float32)
        at = writer.add("Add", first, writer.add("Mul", steps, writer.add("Sub", last, first)))
        at = writer.add("Add", writer.add("Mul", at, writer.constant(2 / stride, np.float32)), _one(writer))
        return writer.add("Sub", writer.add("Div", at, cells), _one(writer))

    x = along(left, right, columns, (1, 1, columns, 1), width)  # [B, 1, columns, K]
    y = along(top, bottom, rows, (1, rows, 1, 1), height)  # [B, rows, 1, K]
    spread = writer.constant([1, rows, columns, 1], np.int64)
    last = writer.constant([-1], np.int64)
    grid = writer.add(
        "Concat", *(writer.add("Unsqueeze", writer.add("Expand", each, spread), last) for each in (x, y)), axis=-1
    )
    grid = writer.add("Reshape", grid, writer.constant([0, rows * columns, -1, 2], np.int64))
    read = writer.add("GridSample", features, grid, mode="bilinear", padding_mode="border", align_corners=0)
    if columns > 1:
        read = writer.add("Reshape", read, writer.constant([0, channels * rows, columns, -1], np.int64))
        return writer.add("ReduceMean", read, writer.constant([2], np.int64), keepdims=1)
    return writer.add("Reshape", read, writer.constant([0, channels * rows, 1, -1], np.int64))


def _one(writer: Writer) -> str:
    return writer.constant(1, np.float32, name="one")


def _deformable_convolution(writer: Writer, node: Node, inputs: list[str], arrays: Arrays) -> str:
    """The public channel order, (dy, dx) a tap and then the mask logits, is that of ONNX's ``DeformConv``."""
    layer = node.layer
    assert isinstance(layer, DeformableConvolution)
    taps = layer.kernel**2
    x, offsets_and_mask = inputs
    sizes = writer.constant([2 * taps, taps], np.int64, name=f"offset_and_mask_{taps}")
    names = (f"{node.name}.offsets", f"{node.name}.mask_logits")
    offsets, logits = writer.add_many("Split", offsets_and_mask, sizes, names=names, axis=1)
    weight = _parameter(writer, node, "weight", arrays)
    bias = _parameter(writer, node, "bias", arrays) if f"{node.name}.bias" in arrays else ""
    return writer.add(
        "DeformConv",
        x,
        weight,
        offsets,
        bias,
        writer.add("Sigmoid", logits),
        kernel_shape=[layer.kernel] * 2,
        strides=[layer.stride] * 2,
        pads=[layer.padding] * 4,
        name=node.name,
    )


def _parameter(writer: Writer, node: Node, suffix: str, arrays: Arrays) -> str:
    name = f"{node.name}.{suffix}"
    return writer.constant(arrays[name], np.float32, name=name)
