"""The OpenVINO engine: it runs the same ONNX models, and OpenVINO's own ``.xml`` files. It trains nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openvino import Core, Model

from fairmot.engines.capabilities import check_precision
from fairmot.engines.interface import (
    CanvasDetector,
    ExportedDetector,
    ExportedNetwork,
    LayerTime,
    RawDetections,
    RawNetwork,
)
from fairmot.engines.onnx.detector import OnnxDetector, head_inputs, thread_count
from fairmot.engines.onnx.export import DETECTIONS, export_detector, export_heads
from fairmot.engines.onnx.exported import (
    FOREIGN,
    TRACKER_PROPERTY,
    parse_onnx,
    read_network,
)
from fairmot.engines.onnx.exporter import EXPORT_PRECISIONS, build_model
from fairmot.engines.onnx.layers import Arrays
from fairmot.engines.onnx.openvino_model import from_onnx, write_model
from fairmot.engines.onnx.profile import slowest_first, trial_canvas
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.graph import Graph

__all__ = [
    "EXPORT_PRECISIONS",
    "PRECISIONS",
    "devices",
    "export_detector_file",
    "export_network_file",
    "exported_tracker",
    "fast_precisions",
    "load_canvas_detector",
    "load_exported_detector",
    "load_exported_network",
    "load_network",
    "profile_detector",
]

PRECISIONS = ("f32", "bf16", "f16")
_CAPABILITIES = {"f32": "FP32", "bf16": "BF16", "f16": "FP16"}


class OpenVinoNetwork:
    """The head maps of a network (``RawNetwork``)."""

    def __init__(self, compiled: Any, heads: Iterable[str]) -> None:
        self._run = compiled
        self._heads = tuple(heads)  # a value of a compiled model may have further names
        self._reads_boxes = any("boxes" in value.get_names() for value in compiled.inputs)

    def __call__(
        self, pixels: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """See ``RawNetwork``."""
        found = self._run(head_inputs(pixels, boxes, self._reads_boxes))
        left_out = {"embedding"} if self._reads_boxes and boxes is None else set()
        return {head: np.array(found[head]) for head in self._heads if head not in left_out}


class OpenVinoDetector(OnnxDetector):
    """Network and decoding in one compiled model (``CanvasDetector``)."""

    def __init__(self, compiled: Any) -> None:
        batch, height, width, _ = compiled.input("images").partial_shape
        self._compiled = compiled
        self._start_narrow, self.at_once = None, 1
        self.input_size = (width.get_length(), height.get_length())
        self.batch = batch.get_length() if batch.is_static else None

    def _run(self, canvases: NDArray[np.uint8]) -> RawDetections:
        found = self._compiled({"images": np.ascontiguousarray(canvases)})
        return RawDetections(*(np.array(found[name]) for name in DETECTIONS))


def load_network(graph: Graph, weights: Arrays, device: str = "auto", precision: str = "f32") -> RawNetwork:
    """See ``InferenceEngine``."""
    compiled = compile_model(from_onnx(export_heads(graph, weights)), device, precision)
    return OpenVinoNetwork(compiled, graph.outputs)


def load_canvas_detector(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    max_objects: int = 500,
    device: str = "auto",
    precision: str = "f32",
    described_above: float = 0.0,
) -> CanvasDetector:
    """See ``InferenceEngine``."""
    model = from_onnx(export_detector(graph, weights, input_size, max_objects, described_above=described_above))
    return OpenVinoDetector(compile_model(model, device, precision))


def load_exported_detector(path: Path | str, device: str = "auto") -> ExportedDetector:
    """See ``DetectorExporter``; ``.xml`` or ``.onnx``."""
    path = Path(path)
    model, properties = _read(path)
    network = read_network(path, properties, "detector")
    detector = OpenVinoDetector(_compile(path, model, device))
    return ExportedDetector(network, detector, properties.get(TRACKER_PROPERTY))


def exported_tracker(path: Path) -> str | None:
    """See ``DetectorExporter``; ``.xml`` or ``.onnx``."""
    return _read(path)[1].get(TRACKER_PROPERTY)


def load_exported_network(path: Path | str, device: str = "auto") -> ExportedNetwork:
    """See ``NetworkExporter``; ``.xml`` or ``.onnx``."""
    path = Path(path)
    model, properties = _read(path)
    network = read_network(path, properties, "heads")
    return ExportedNetwork(network, OpenVinoNetwork(_compile(path, model, device), build_graph(network).outputs))


def fast_precisions(device: str = "auto") -> tuple[str, ...]:
    """See ``InferenceEngine``: bf16 on processors with AMX or AVX-512's instructions for it."""
    core = Core()
    return ("bf16",) if "BF16" in core.get_property(_device_name(core, device), "OPTIMIZATION_CAPABILITIES") else ()


def devices() -> tuple[str, ...]:
    """See ``InferenceEngine``."""
    return tuple(name.lower() for name in Core().available_devices)


def compile_model(model: Model, device: str = "auto", precision: str = "f32", profile: bool = False) -> Any:
    """Prepare a model for a device.

    Raises:
        InputError: a device or precision that OpenVINO lacks here.
    """
    core = Core()
    name = _device_name(core, device)
    check_precision("openvino", precision, PRECISIONS)
    if _CAPABILITIES[precision] not in core.get_property(name, "OPTIMIZATION_CAPABILITIES"):
        raise InputError(f"precision {precision}: OpenVINO cannot compute in it on {name.lower()}; f32 always works")
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    settings: dict[str, Any] = {**hints, "PERF_COUNT": profile}
    if name == "CPU" and (threads := thread_count()):
        settings["INFERENCE_NUM_THREADS"] = threads
    return core.compile_model(model, name, settings)


def _device_name(core: Core, device: str) -> str:
    """OpenVINO's name of a device.

    Raises:
        InputError: OpenVINO does not find it.
    """
    name = "CPU" if device == "auto" else device.upper().replace(":", ".")
    if name.partition(".")[0] not in {each.partition(".")[0] for each in core.available_devices}:
        found = ", ".join(each.lower() for each in core.available_devices)
        raise InputError(f"device {device!r}: OpenVINO finds only {found} here")
    return name


def _compile(path: Path, model: Model, device: str) -> Any:
    try:
        return compile_model(model, device)
    except RuntimeError as error:
        raise InputError(f"{path}: OpenVINO cannot run it: {_reason(error)}") from error


def _read(path: Path) -> tuple[Model, dict[str, str]]:
    if path.suffix == ".onnx":
        content, properties = parse_onnx(path)
        try:
            return from_onnx(content), properties
        except RuntimeError as error:
            raise InputError(f"{path}: OpenVINO cannot read it: {_reason(error)}") from error
    for file in (path, path.with_suffix(".bin")):
        if not file.is_file():
            raise InputError(f"{file}: no such file; an OpenVINO model is an .xml and a .bin of the same name")
    try:
        model = Core().read_model(path)
    except RuntimeError as error:
        raise InputError(f"{path}: no OpenVINO model, or cut off ({_reason(error)}); export it again") from error
    if not model.has_rt_info(["fairmot", "kind"]):
        raise InputError(f"{path}: {FOREIGN}")
    keys = [key for key in ("kind", "network", "tracker") if model.has_rt_info(["fairmot", key])]
    return model, {f"fairmot.{key}": model.get_rt_info(["fairmot", key]).astype(str) for key in keys}


def export_network_file(
    path: Path,
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    precision: str = "f32",
    images: Iterable[NDArray[np.uint8]] = (),
) -> None:
    """See ``NetworkExporter``: an ``.xml`` file and its ``.bin``, for images of any size."""
    write_model(path, build_model(graph, weights, input_size, True, precision, images))


def export_detector_file(
    path: Path,
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    precision: str = "f32",
    images: Iterable[NDArray[np.uint8]] = (),
    tracker: str = "",
) -> None:
    """See ``DetectorExporter``: an ``.xml`` file and its ``.bin``."""
    write_model(path, build_model(graph, weights, input_size, False, precision, images, tracker))


def profile_detector(
    graph: Graph, weights: Arrays, input_size: tuple[int, int], device: str = "auto", runs: int = 10
) -> list[LayerTime]:
    """See ``Profiler``."""
    model = from_onnx(export_detector(graph, weights, input_size))
    request = compile_model(model, device, profile=True).create_infer_request()
    least: dict[tuple[str, str], float] = {}
    for _ in range(runs + 1):
        request.infer({"images": trial_canvas(input_size)})
        for layer in request.get_profiling_info():
            key = (layer.node_name, f"{layer.node_type} {layer.exec_type}")
            milliseconds = 1000 * layer.real_time.total_seconds()
            least[key] = min(milliseconds, least.get(key, milliseconds))
    return slowest_first(least)


def _reason(error: Exception) -> str:
    """The line of OpenVINO's message that says what is wrong: the ones before it name its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or ["no reason given"])[0]
