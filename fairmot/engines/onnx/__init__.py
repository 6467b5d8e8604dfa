"""The ONNX engine: export with decoding inside the graph, run by ONNX Runtime. It trains nothing."""

from fairmot.engines.onnx.detector import devices, load_canvas_detector, load_network
from fairmot.engines.onnx.exported import exported_tracker, load_exported_detector, load_exported_network
from fairmot.engines.onnx.profile import profile_detector
from fairmot.engines.onnx.writing import EXPORT_PRECISIONS, export_file

__all__ = [
    "EXPORT_PRECISIONS",
    "devices",
    "export_file",
    "exported_tracker",
    "load_canvas_detector",
    "load_exported_detector",
    "load_exported_network",
    "load_network",
    "profile_detector",
]
