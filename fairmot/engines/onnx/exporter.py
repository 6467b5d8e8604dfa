"""Exported ``.onnx`` files, written and read; the models that OpenVINO's files are made of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from fairmot.engines.onnx.export import export_detector, export_heads, save_model
from fairmot.engines.onnx.exported import (
    TRACKER_PROPERTY,
    exported_tracker,
    load_exported_detector,
    load_exported_network,
)
from fairmot.engines.onnx.layers import Arrays
from fairmot.errors import InputError
from fairmot.network.graph import Graph

__all__ = [
    "EXPORT_PRECISIONS",
    "build_model",
    "export_detector_file",
    "export_network_file",
    "exported_tracker",
    "load_exported_detector",
    "load_exported_network",
]

EXPORT_PRECISIONS = ("f32", "f16", "int8")


def build_model(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    raw: bool = False,
    precision: str = "f32",
    images: Iterable[NDArray[np.uint8]] = (),
    tracker: str = "",
) -> ModelProto:
    """Return the model of a detector, or of raw heads, in a precision.

    Args:
        graph: the network.
        weights: its parameters.
        input_size: width and height of a detector's canvas, pixels.
        raw: head maps of free size instead of detections.
        precision: ``f32``, ``f16`` or ``int8``.
        images: BGR canvases [H, W, 3] from which int8 takes the ranges of the maps.
        tracker: the tracker's parameters that go with the weights (``TrackerConfig.note``).

    Raises:
        InputError: an unknown precision, or int8 without images.
    """
    if precision not in EXPORT_PRECISIONS:
        raise InputError(f"precision {precision}: expected one of {', '.join(EXPORT_PRECISIONS)}")
    model = export_heads(graph, weights) if raw else export_detector(graph, weights, input_size)
    if tracker:
        model.metadata_props.add(key=TRACKER_PROPERTY, value=tracker)
    if precision == "f32":
        return model
    from fairmot.engines.onnx import precision as shorten  # its libraries take a while to load

    if precision == "f16":
        return shorten.to_half(model, graph)
    inputs: Iterable[NDArray[Any]] = (canvas[None] for canvas in images)
    if raw:
        inputs = (canvas[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255 for canvas in inputs)
    return shorten.to_int8(model, graph, inputs)


def export_network_file(
    path: Path,
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    precision: str = "f32",
    images: Iterable[NDArray[np.uint8]] = (),
) -> None:
    """See ``NetworkExporter``. The file takes images of any size."""
    save_model(path, build_model(graph, weights, input_size, True, precision, images))


def export_detector_file(
    path: Path,
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    precision: str = "f32",
    images: Iterable[NDArray[np.uint8]] = (),
    tracker: str = "",
) -> None:
    """See ``DetectorExporter``."""
    save_model(path, build_model(graph, weights, input_size, False, precision, images, tracker))
