"""Exported models in half precision or in 8 bits; delicate layers stay in float32."""

from __future__ import annotations

import io
import logging
import platform
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import ModelProto, shape_inference
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from fairmot.errors import InputError
from fairmot.network.graph import Graph
from fairmot.network.layers import Activation, ChannelAttention, Convolution, DeformableConvolution

_SHORT_KINDS = {"Conv", "ConvTranspose", "Relu", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize"}
"""Operators of a trunk that may compute in half precision."""

_LONG_IN_TRUNK = {"Cast", "Transpose", "Sub", "Div", "GlobalAveragePool", "HardSigmoid", "DeformConv"}
"""Operators that stay in float32 and give their maps back to the trunk: the image's own conversion and normalisation,
channel attention, deformable convolutions."""

_DELICATE_STRIDE = 4
"""Layers up to this stride stay in float32."""

_BETWEEN_CONVOLUTIONS = ("Relu", "Add", "Concat", "MaxPool", "Resize")
"""Operators that take and give 8 bits, so that maps stay short from one convolution to the next. SiLU does not: behind
it they would only add conversions."""


def to_half(model: ModelProto, graph: Graph) -> ModelProto:
    """Return the model with its trunk in float16; inputs, outputs, heads, decoding, deformable layers stay float32."""
    kept = delicate_nodes(model, graph)
    kinds = {node.op_type for node in model.graph.node} - _SHORT_KINDS
    half = convert_float_to_float16(
        model, keep_io_types=True, op_block_list=sorted(kinds), node_block_list=sorted(kept)
    )
    OnnxModel.graph_topological_sort(half.graph)  # the casts stand at the end
    return half


def to_int8(
    model: ModelProto, graph: Graph, images: Iterable[NDArray[Any]], reduce_range: bool | None = None
) -> ModelProto:
    """Return the model with its trunk's convolutions in 8 bits (static quantisation, QDQ).

    Args:
        model: as exported in float32.
        graph: its network.
        images: model inputs [1, ...] from which the ranges of the maps are taken.
        reduce_range: 7-bit weights, so that sums of two products fit 16 bits; None: where the processor has no VNNI.

    Raises:
        InputError: there are no images.
    """
    reader = _Images(model.graph.input[0].name, images)
    if reader.first is None:
        raise InputError(
            "int8 needs images to measure the ranges of the maps: give a folder, a video or sequences for calibration"
        )
    log, level = logging.getLogger(), logging.getLogger().level
    with tempfile.TemporaryDirectory(prefix="fairmot-") as folder:
        target = Path(folder, "int8.onnx")
        log.setLevel(logging.ERROR)  # it recommends a preparation that folding has done already
        try:
            with redirect_stdout(io.StringIO()):  # it reports its progress there
                quantize_static(
                    shape_inference.infer_shapes(model),
                    target,
                    reader,
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=["Conv", *([] if _has_silu(graph) else _BETWEEN_CONVOLUTIONS)],
                    per_channel=True,
                    # The mean of the images' ranges: the range of all of them is that of a few extreme values.
                    extra_options={"CalibMovingAverage": True},
                    reduce_range=not has_vnni() if reduce_range is None else reduce_range,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    nodes_to_exclude=sorted(delicate_nodes(model, graph) | _coarse_layers(graph)),
                )
        finally:
            log.setLevel(level)
        quantized = onnx.load(target)
    del quantized.metadata_props[:]
    quantized.metadata_props.extend(model.metadata_props)
    return quantized


def delicate_nodes(model: ModelProto, graph: Graph) -> set[str]:
    """Names of the ONNX nodes that stay in float32.

    These are the layers that serve one head alone and all that follows from them, what is cut out of a map at the
    peaks, and deformable convolutions with the layers that steer them.
    """
    roots = _head_layers(graph) | _steering_layers(graph)
    tainted: set[str] = set()  # values
    kept = set()
    for node in model.graph.node:
        long = node.op_type not in _SHORT_KINDS
        follows = not tainted.isdisjoint(node.input) or node.name in roots
        if follows or long:
            kept.add(node.name)
        if node.op_type != "DeformConv" and (follows or (long and node.op_type not in _LONG_IN_TRUNK)):
            tainted.update(node.output)
    return kept


def _has_silu(graph: Graph) -> bool:
    return any(isinstance(node.layer, Activation) and node.layer.function == "silu" for node in graph.nodes)


def _head_layers(graph: Graph) -> set[str]:
    """Names of the layers from which only some heads are reached."""
    reached: list[set[str]] = [set() for _ in graph.nodes]
    for head, index in graph.outputs.items():
        reached[index].add(head)
    for index in reversed(range(len(graph.nodes))):
        for source in graph.nodes[index].inputs:
            reached[source] |= reached[index]
    return {
        node.name for node, heads in zip(graph.nodes, reached, strict=True) if node.name and heads < set(graph.outputs)
    }


def _steering_layers(graph: Graph) -> set[str]:
    deformable = [node for node in graph.nodes if isinstance(node.layer, DeformableConvolution)]
    return {graph.nodes[node.inputs[1]].name for node in deformable}


def _coarse_layers(graph: Graph) -> set[str]:
    """Names of layers that 8 bits hurt most: depth-wise, attention, and those near the image (up to stride 4).

    Three layers of stride 2 alone cost ``lite`` .17 of its .766 AP@0.5 on COCO photographs, six of stride 4 cost .02;
    with all of these in float32 it keeps .761 (docs/speed.md).
    """
    return {
        node.name
        for node in graph.nodes
        if isinstance(node.layer, ChannelAttention)
        or (isinstance(node.layer, Convolution) and (node.layer.groups > 1 or node.stride <= _DELICATE_STRIDE))
    }


def has_vnni() -> bool:
    """Whether 8-bit products are summed without saturation: every processor but x86 without VNNI."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    # Elsewhere the processor's features are unknown, and the safe answer is no.
    flags = Path("/proc/cpuinfo")
    text = flags.read_text(encoding="utf-8") if flags.is_file() else ""
    return "avx512_vnni" in text or "avx_vnni" in text


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, images: Iterable[NDArray[Any]]) -> None:
        self.name = name
        self.rest: Iterator[NDArray[Any]] = iter(images)
        self.first = next(self.rest, None)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next input, or None at the end."""
        image, self.first = self.first, None
        image = next(self.rest, None) if image is None else image
        return None if image is None else {self.name: image}
