"""The MindSpore engine: CPU and Ascend.

``compiled=False`` runs operation by operation (PyNative) instead of as one compiled graph.
"""

from __future__ import annotations

from collections.abc import Sequence

from fairmot.config import Config, LossConfig
from fairmot.engines.interface import Arrays, StepResult, TrainingBatch
from fairmot.engines.mindspore import loss
from fairmot.engines.mindspore.detector import MindSporeDetector
from fairmot.engines.mindspore.device import use_device
from fairmot.engines.mindspore.export import EXPORT_PRECISIONS, export_file, load_exported_network
from fairmot.engines.mindspore.network import MindSporeNetwork
from fairmot.engines.mindspore.process_group import ProcessGroup
from fairmot.engines.mindspore.trainer import MindSporeTrainer
from fairmot.network.graph import Graph

__all__ = [
    "EXPORT_PRECISIONS",
    "create_trainer",
    "export_file",
    "load_canvas_detector",
    "load_exported_network",
    "load_network",
    "losses_of_heads",
]


def load_network(graph: Graph, weights: Arrays, device: str = "auto", compiled: bool = True) -> MindSporeNetwork:
    """See ``EngineModule``."""
    use_device(device)
    return MindSporeNetwork(graph, weights, compiled)


def load_canvas_detector(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    max_objects: int = 500,
    device: str = "auto",
    compiled: bool = True,
) -> MindSporeDetector:
    """See ``EngineModule``."""
    use_device(device)
    return MindSporeDetector(graph, weights, input_size, max_objects, compiled)


def create_trainer(
    graph: Graph,
    weights: Arrays,
    identity_count: int | Sequence[int],
    config: Config,
    device: str = "auto",
    compiled: bool = True,
) -> MindSporeTrainer:
    """See ``EngineModule``."""
    return MindSporeTrainer(graph, weights, identity_count, config, device, compiled)


def losses_of_heads(
    heads: Arrays, batch: TrainingBatch, parameters: Arrays, config: LossConfig, compiled: bool = True
) -> tuple[StepResult, Arrays]:
    """See ``EngineModule``."""
    return loss.losses_of_heads(heads, batch, parameters, config, compiled)


def join_processes(device: str = "auto") -> None:
    """See ``EngineModule``."""
    use_device(device)
    ProcessGroup()
