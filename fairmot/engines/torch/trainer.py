"""One process of training in PyTorch: network, losses and optimiser, with their whole state in and out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext

import numpy as np
import torch

from fairmot.config import Config, LossConfig
from fairmot.engines.interface import AnyTrainingBatch, Arrays, BatchT, StepResult
from fairmot.engines.torch.compilation import compile_errors, compile_network
from fairmot.engines.torch.level_loss import LevelLoss, LevelTargets
from fairmot.engines.torch.loss import FairLoss, TensorTargets, WeightedLoss
from fairmot.engines.torch.network import HALVES, canvases_to_pixels, choose_device, exact_float32
from fairmot.engines.torch.optimizer import Optimizer
from fairmot.engines.torch.process_group import ProcessGroup, own_device
from fairmot.engines.torch.targets import batch_targets, to_device
from fairmot.engines.torch.training_network import TrainingNetwork
from fairmot.engines.training_rules import (
    Classifier,
    LossScale,
    average_decay,
    check_state,
    count_targets,
    identity_classifiers,
    initial_classifiers,
    normalisers,
    rate_factor,
    split_batch,
)
from fairmot.network.graph import Graph

DeviceBatch = tuple[torch.Tensor, TensorTargets | LevelTargets]
"""Canvases [B, H, W, 3] uint8 and targets, on the device."""


class TorchTrainer:
    """``Trainer`` in PyTorch."""

    def __init__(
        self, graph: Graph, weights: Arrays, identity_count: int | Sequence[int], config: Config, device: str
    ) -> None:
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        self.config = config
        self.device = own_device(choose_device(device))
        self.together = ProcessGroup(self.device)
        self.classifiers = identity_classifiers(identity_count)
        shared = config.train.sync_batch_norm and self.together.size > 1
        self.network = TrainingNetwork(graph, self.together if shared else None)
        self.network.load_arrays(weights)
        self.network.to(self.device)
        self.loss = build_loss(config.loss, self.classifiers, graph, self.together)
        start = initial_classifiers(self.classifiers, config.network.embedding, config.train.seed)
        self.loss.load_state_dict({name: torch.from_numpy(array) for name, array in start.items()}, strict=False)
        self.loss.to(self.device)
        self.parameters = {f"network.{name}": p for name, p in self.network.named_parameters()}
        self.parameters |= {loss_name(name): p for name, p in self.loss.named_parameters()}
        self.optimizer = Optimizer(self.parameters, config.optimizer)
        for name, parameter in self.parameters.items():
            # Frozen layers need no backward pass; their gradients stay 0.
            parameter.requires_grad_(rate_factor(name, config.optimizer.rate_factors) != 0)
        self.step_count = 0
        decays = config.optimizer.ema_decay > 0
        self.ema = {name: t.clone() for name, t in self.network.state_dict().items()} if decays else {}
        self.half = half_precision(config.train.precision, self.device)
        self.scale = LossScale(self.half == torch.float16)
        self.forward = compile_network(self.network) if config.train.compile else self.network
        self.compiling = compile_errors if config.train.compile else nullcontext
        self.uploaded: dict[int, list[DeviceBatch]] = {}
        self.kept: list[torch.Tensor] = []
        """Batch-norm statistics before a step, which takes them back if it is left out."""

    def step(self, batch: AnyTrainingBatch, learning_rate: float) -> StepResult:
        """See ``Trainer``.

        A card decides by itself whether it steps; this process learns of it when the step is on its way already.
        """
        statistics = self._statistics()
        if not self.kept:
            self.kept = [torch.empty_like(tensor) for tensor in statistics]
        _copy_all(self.kept, statistics)
        names, losses, norm = self._backward(batch, training=True)
        report = _Report(torch.cat([losses, norm[None]]))
        self.optimizer.clip_gradients(norm)
        skipped = 1 - (losses[names.index("total")].isfinite() & norm.isfinite()).float()
        self.optimizer.step(learning_rate, self.step_count + 1, skipped)
        *values, length = report.numbers()
        found = dict(zip(names, values, strict=True))
        finite = math.isfinite(found["total"]) and math.isfinite(length)
        self.scale.update(finite)
        if not finite:
            _copy_all(statistics, self.kept)
            return StepResult(found, length, taken=False)
        self.step_count += 1
        self._average()
        return StepResult(found, length)

    def gradients(self, batch: AnyTrainingBatch, training: bool = True) -> tuple[StepResult, Arrays]:
        """See ``Trainer``."""
        statistics = self._statistics()
        kept = [tensor.clone() for tensor in statistics]
        names, losses, _ = self._backward(batch, training)
        for tensor, before in zip(statistics, kept, strict=True):
            tensor.copy_(before)
        losses = dict(zip(names, losses.tolist(), strict=True))
        return StepResult(losses), {name: p.grad.cpu().numpy().copy() for name, p in self.parameters.items()}

    def prefetched(self, batches: Iterable[BatchT]) -> Iterator[BatchT]:
        """See ``Trainer``."""
        if self.device.type != "cuda":
            yield from batches
            return
        stream = torch.cuda.Stream(self.device)
        waiting: tuple[BatchT, torch.cuda.Event] | None = None
        try:
            for batch in batches:
                with torch.cuda.stream(stream):
                    self.uploaded[id(batch)] = self._parts(batch)
                    ready = torch.cuda.Event()
                    ready.record()
                if waiting is not None:
                    waiting[1].wait()
                    yield waiting[0]
                waiting = batch, ready
            if waiting is not None:
                waiting[1].wait()
                yield waiting[0]
        finally:
            self.uploaded.clear()

    def agree(self, answer: bool) -> bool:
        """See ``Trainer``."""
        return bool(self.together.sum(np.array([float(answer)]))[0])

    def state(self) -> Arrays:
        """See ``Trainer``."""
        state = {f"network.{name}": array for name, array in self.network.arrays().items()}
        state |= {loss_name(name): p.detach().cpu().numpy().copy() for name, p in self.loss.named_parameters()}
        state |= self.optimizer.state()
        state |= {f"ema.{name}": tensor.cpu().numpy().copy() for name, tensor in self.ema.items()}
        state["step"] = np.array(self.step_count, dtype=np.int64)
        return state | self.scale.arrays()

    @torch.no_grad()
    def load_state(self, state: Arrays) -> None:
        """See ``Trainer``."""
        state = self.scale.take(state)
        check_state(state, self.scale.take(self.state()))
        for name, tensor in self.network.state_dict().items():
            tensor.copy_(torch.from_numpy(np.array(state[f"network.{name}"])))
        for name, parameter in self.loss.named_parameters():
            parameter.copy_(torch.from_numpy(np.array(state[loss_name(name)])))
        for name, tensor in self.ema.items():
            tensor.copy_(torch.from_numpy(np.array(state[f"ema.{name}"])))
        self.optimizer.load_state(state)
        self.step_count = int(state["step"])

    def _backward(self, batch: AnyTrainingBatch, training: bool) -> tuple[tuple[str, ...], torch.Tensor, torch.Tensor]:
        """Leave the mean gradient of all parts and processes.

        Returns:
            the names of the losses, their means [n], and the gradient's length [].
        """
        parts = self.uploaded.pop(id(batch), None) or self._parts(batch)
        counts = self.together.sum(count_targets(batch, self.classifiers))
        over = normalisers(counts, len(parts) * self.together.size)
        self.network.train(training and not self.config.train.freeze_batch_norm)
        self.optimizer.zero_gradients()
        names, values = (), 0.0
        for images, targets in parts:
            # Made here, not ahead: as float planes a batch takes four times the memory.
            pixels = canvases_to_pixels(images).contiguous(memory_format=torch.channels_last)
            # Beside half precision, TF32 rounds nothing that matters.
            with self.compiling(), exact_float32(self.device) if self.half is None else nullcontext():
                with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
                    heads = self.forward(pixels, targets.boxes if isinstance(targets, LevelTargets) else None)
                losses = self.loss(heads, targets, over)
                (losses["total"] * (self.scale.value / len(parts))).backward()
            names = tuple(losses)
            values = values + torch.stack([loss.detach() for loss in losses.values()]) / len(parts)
        self.together.average(values)
        norm = self.optimizer.average_gradients(self.together, self.scale.value)
        return names, values, norm

    def _parts(self, batch: AnyTrainingBatch) -> list[DeviceBatch]:
        return [
            (to_device(part.images, self.device), batch_targets(part, self.device, self.classifiers))
            for part in split_batch(batch, self.config.train.accumulate)
        ]

    def _statistics(self) -> list[torch.Tensor]:
        return list(self.network.buffers())

    @torch.no_grad()
    def _average(self) -> None:
        decay = average_decay(self.config.optimizer.ema_decay, self.step_count)
        current = self.network.state_dict() if self.ema else {}
        trainable = [name for name in self.ema if f"network.{name}" in self.parameters]
        if trainable:
            torch._foreach_lerp_([self.ema[n] for n in trainable], [current[n] for n in trainable], 1 - decay)
        for name, tensor in self.ema.items():
            if f"network.{name}" not in self.parameters:  # statistics are averages already
                tensor.copy_(current[name])


def half_precision(name: str, device: torch.device) -> torch.dtype | None:
    """Return the half precision of a setting, or None for float32; ``auto`` chooses one on a GPU."""
    if name == "auto":
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return HALVES[name]


def build_loss(
    config: LossConfig, classifiers: Sequence[Classifier], graph: Graph, together: ProcessGroup | None = None
) -> WeightedLoss:
    """Build the losses of a graph."""
    embedding = graph.config.embedding
    if graph.level_strides:
        return LevelLoss(config, classifiers, embedding, graph.level_strides, together)
    return FairLoss(config, classifiers, embedding)


@torch.no_grad()
def _copy_all(targets: list[torch.Tensor], sources: list[torch.Tensor]) -> None:
    """Copy tensors of a few types into others: one operation for each type."""
    for kind in {tensor.dtype for tensor in targets}:
        chosen = [place for place, tensor in enumerate(targets) if tensor.dtype == kind]
        torch._foreach_copy_([targets[place] for place in chosen], [sources[place] for place in chosen])


class _Report:
    """Numbers of a card on their way to this process, which need not wait for what is begun afterwards."""

    def __init__(self, numbers: torch.Tensor) -> None:
        self.copy, self.ready = numbers, None
        if numbers.device.type == "cuda":
            self.copy = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
            self.copy.copy_(numbers, non_blocking=True)
            self.ready = torch.cuda.Event()
            self.ready.record()

    def numbers(self) -> list[float]:
        """Wait for them."""
        if self.ready is not None:
            self.ready.synchronize()
        return self.copy.tolist()


def loss_name(name: str) -> str:
    """Return the checkpoint name of a parameter of ``FairLoss``."""
    return name if name.startswith("classifier.") else f"loss.{name}"
