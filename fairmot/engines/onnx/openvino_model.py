"""Convert this project's ONNX models to OpenVINO's, with the layers that OpenVINO does not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
from onnx import ModelProto
from openvino import Core, Model, opset8, opset13
from openvino.frontend.onnx import ConversionExtension

from fairmot.engines.onnx.exported import model_properties


def from_onnx(model: ModelProto | bytes) -> Model:
    """Turn an ONNX model into OpenVINO's; deformable convolutions become its own kind."""
    core = Core()
    core.add_extension(ConversionExtension("DeformConv", _deformable_convolution))
    core.add_extension(ConversionExtension("GatherElements", _gather_columns))
    return core.read_model(model if isinstance(model, bytes) else model.SerializeToString(), b"")


def write_model(path: Path, source: ModelProto) -> None:
    """Write an ONNX model of this project as OpenVINO's ``.xml`` with a ``.bin`` beside it, which need no extension."""
    model = from_onnx(source)
    for key, text in model_properties(source).items():
        model.set_rt_info(text, key.split("."))
    openvino.save_model(model, path, compress_to_fp16=False)


def _deformable_convolution(node: Any) -> Any:
    """OpenVINO reads no ``DeformConv``: its own does the same with a mask and zeros outside of the map."""
    x, weight, offsets, bias, mask = (node.get_input(place) for place in range(5))
    pads = node.get_attribute("pads")
    kernel = node.get_attribute("kernel_shape")
    result = opset8.deformable_convolution(
        x,
        offsets,
        weight,
        node.get_attribute("strides"),
        pads[: len(kernel)],
        pads[len(kernel) :],
        [1] * len(kernel),
        mask=mask,
        bilinear_interpolation_pad=True,
    )
    if bias.get_partial_shape().rank.get_length() == 1:  # ONNX's empty name gives a placeholder
        result = opset13.add(result, opset13.reshape(bias, np.array([1, -1, 1, 1]), special_zero=False))
    return result.outputs()


def _gather_columns(node: Any) -> Any:
    """All channels are read at the same cells: a gather of columns takes an eighth of the element-wise time."""
    values, index = node.get_input(0), node.get_input(1)
    spread = index.get_node()
    if spread.get_type_name() == "Broadcast" and node.get_attribute("axis") == 2:
        cells = opset13.squeeze(spread.input_value(0), np.array([1]))  # [B, 1, N] for all channels
        return opset13.gather(values, cells, np.array(2), batch_dims=1).outputs()
    return opset13.gather_elements(values, index, node.get_attribute("axis")).outputs()
