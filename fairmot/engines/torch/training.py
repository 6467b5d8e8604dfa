"""Training in PyTorch: trainer, losses of given head maps, the processes of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fairmot.config import Config, LossConfig
from fairmot.engines.interface import AnyTrainingBatch, Arrays, StepResult, Trainer
from fairmot.engines.torch.level_loss import LevelLoss
from fairmot.engines.torch.loss import FairLoss
from fairmot.engines.torch.network import choose_device
from fairmot.engines.torch.process_group import ProcessGroup, own_device
from fairmot.engines.torch.targets import batch_targets
from fairmot.engines.torch.trainer import TorchTrainer, loss_name
from fairmot.engines.training_rules import count_targets, identity_classifiers, normalisers
from fairmot.network.graph import Graph
from fairmot.network.level_decoding import strides_of


def create_trainer(
    graph: Graph, weights: Arrays, identity_count: int | Sequence[int], config: Config, device: str = "auto"
) -> Trainer:
    """See ``TrainingEngine``."""
    return TorchTrainer(graph, weights, identity_count, config, device)


def join_processes(device: str = "auto") -> None:
    """See ``TrainingEngine``."""
    ProcessGroup(own_device(choose_device(device)))


def losses_of_heads(
    heads: Arrays, batch: AnyTrainingBatch, parameters: Arrays, config: LossConfig
) -> tuple[StepResult, Arrays]:
    """See ``TrainingEngine``."""
    identity_count, embedding = parameters["classifier.weight"].shape
    classifiers = identity_classifiers(identity_count)
    strides = strides_of(heads)
    loss = LevelLoss(config, classifiers, embedding, strides) if strides else FairLoss(config, classifiers, embedding)
    named = {loss_name(name): parameter for name, parameter in loss.named_parameters()}
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(torch.from_numpy(np.array(parameters[name])).reshape(parameter.shape))
    maps = {name: torch.from_numpy(np.array(head)).requires_grad_() for name, head in heads.items()}
    over = normalisers(count_targets(batch, classifiers))
    losses = loss(maps, batch_targets(batch, torch.device("cpu"), classifiers), over)
    losses["total"].backward()
    gradients = {
        name: np.zeros(tensor.shape, np.float32) if tensor.grad is None else tensor.grad.numpy()
        for name, tensor in {**maps, **named}.items()
    }
    return StepResult({name: float(value.detach()) for name, value in losses.items()}), gradients
