"""Networks and detectors that MindSpore runs as compiled graphs."""

from __future__ import annotations

from fairmot.engines.capabilities import check_precision
from fairmot.engines.interface import Arrays, CanvasDetector, RawNetwork
from fairmot.engines.mindspore.detector import MindSporeDetector
from fairmot.engines.mindspore.device import available_devices, use_device
from fairmot.engines.mindspore.network import MindSporeNetwork
from fairmot.network.graph import Graph

PRECISIONS = ("f32",)


def fast_precisions(device: str = "auto") -> tuple[str, ...]:
    """See ``InferenceEngine``."""
    return ()


def devices() -> tuple[str, ...]:
    """See ``InferenceEngine``."""
    return available_devices()


def load_network(graph: Graph, weights: Arrays, device: str = "auto", precision: str = "f32") -> RawNetwork:
    """See ``InferenceEngine``."""
    check_precision("mindspore", precision, PRECISIONS)
    use_device(device)
    return MindSporeNetwork(graph, weights)


def load_canvas_detector(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    max_objects: int = 500,
    device: str = "auto",
    precision: str = "f32",
    described_above: float = 0.0,
) -> CanvasDetector:
    """See ``InferenceEngine``; every box is described."""
    check_precision("mindspore", precision, PRECISIONS)
    use_device(device)
    return MindSporeDetector(graph, weights, input_size, max_objects)
