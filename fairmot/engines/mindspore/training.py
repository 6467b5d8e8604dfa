"""Training in MindSpore: trainer, losses of given head maps, the processes of a run."""

from __future__ import annotations

from collections.abc import Sequence

from fairmot.config import Config, LossConfig
from fairmot.engines.interface import AnyTrainingBatch, Arrays, StepResult, Trainer
from fairmot.engines.mindspore import heads_loss
from fairmot.engines.mindspore.device import use_device
from fairmot.engines.mindspore.process_group import ProcessGroup
from fairmot.engines.mindspore.trainer import MindSporeTrainer
from fairmot.network.graph import Graph


def create_trainer(
    graph: Graph, weights: Arrays, identity_count: int | Sequence[int], config: Config, device: str = "auto"
) -> Trainer:
    """See ``TrainingEngine``."""
    return MindSporeTrainer(graph, weights, identity_count, config, device)


def losses_of_heads(
    heads: Arrays, batch: AnyTrainingBatch, parameters: Arrays, config: LossConfig
) -> tuple[StepResult, Arrays]:
    """See ``TrainingEngine``."""
    return heads_loss.losses_of_heads(heads, batch, parameters, config)


def join_processes(device: str = "auto") -> None:
    """See ``TrainingEngine``."""
    use_device(device)
    ProcessGroup()
