"""Networks and detectors that PyTorch runs."""

from __future__ import annotations

import torch

from fairmot.engines.capabilities import check_precision
from fairmot.engines.interface import Arrays, CanvasDetector, RawNetwork
from fairmot.engines.torch.detector import TorchDetector
from fairmot.engines.torch.network import HALVES, TorchNetwork
from fairmot.network.graph import Graph

PRECISIONS = ("f32", "bf16", "f16")
"""The short ones: trunk in it, heads and decoding in float32; raw networks run in f32 alone."""


def fast_precisions(device: str = "auto") -> tuple[str, ...]:
    """See ``InferenceEngine``."""
    return ()


def devices() -> tuple[str, ...]:
    """See ``InferenceEngine``."""
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def load_network(graph: Graph, weights: Arrays, device: str = "auto", precision: str = "f32") -> RawNetwork:
    """See ``InferenceEngine``."""
    check_precision("torch", precision, PRECISIONS[:1])
    return TorchNetwork(graph, weights, device)


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
    check_precision("torch", precision, PRECISIONS)
    return TorchDetector(graph, weights, input_size, max_objects, device, HALVES[precision])
