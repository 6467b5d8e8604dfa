"""The PyTorch engine: CPU and NVIDIA GPUs."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fairmot.config import Config
from fairmot.engines.interface import Arrays
from fairmot.engines.torch.checkpoint import read_checkpoint, write_checkpoint
from fairmot.engines.torch.detector import TorchDetector
from fairmot.engines.torch.network import TorchNetwork, choose_device
from fairmot.engines.torch.process_group import ProcessGroup, own_device
from fairmot.engines.torch.trainer import TorchTrainer, losses_of_heads
from fairmot.network.graph import Graph

__all__ = [
    "create_trainer",
    "devices",
    "load_canvas_detector",
    "load_network",
    "losses_of_heads",
    "read_checkpoint",
    "write_checkpoint",
]


def load_network(graph: Graph, weights: Arrays, device: str = "auto") -> TorchNetwork:
    """See ``EngineModule``."""
    return TorchNetwork(graph, weights, device)


def load_canvas_detector(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    max_objects: int = 500,
    device: str = "auto",
) -> TorchDetector:
    """See ``EngineModule``."""
    return TorchDetector(graph, weights, input_size, max_objects, device)


def create_trainer(
    graph: Graph, weights: Arrays, identity_count: int | Sequence[int], config: Config, device: str = "auto"
) -> TorchTrainer:
    """See ``EngineModule``."""
    return TorchTrainer(graph, weights, identity_count, config, device)


def devices() -> tuple[str, ...]:
    """Devices that PyTorch finds on this machine."""
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def join_processes(device: str = "auto") -> None:
    """See ``EngineModule``."""
    ProcessGroup(own_device(choose_device(device)))
