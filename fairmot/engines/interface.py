"""What passes between the framework-free half of the package and an engine: networks, detections, batches, trainers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fairmot.config import NetworkConfig

Arrays = dict[str, NDArray[Any]]
"""Name -> array: parameters, states, gradients."""

BatchT = TypeVar("BatchT")


class RawDetections(NamedTuple):
    """The K best peaks of each image, by falling score, before any threshold."""

    boxes_xyxy: NDArray[np.float32]
    """Corners [B, K, 4], canvas pixels."""
    scores: NDArray[np.float32]
    """Confidence [B, K]."""
    class_ids: NDArray[np.int64]
    """Class [B, K]."""
    embeddings: NDArray[np.float32]
    """Appearance [B, K, D], unit length."""


class RawNetwork(Protocol):
    """The network in evaluation mode, for parity checks and research."""

    def __call__(
        self, pixels: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Take RGB planes [B, 3, H, W] in 0..1, return the heads.

        On one level: ``heatmap`` logits [B, C, h, w], ``extents`` [B, 4, h, w] and ``offsets`` [B, 2, h, w] in cells,
        ``embedding`` [B, D, h, w] as the head gives it.

        On several levels: ``scores_<stride>`` logits [B, C, h, w] and ``distances_<stride>`` [B, 4, h, w] in cells of
        each level and, if ``boxes`` [B, K, 4] (corners, canvas pixels) are given, ``embedding`` [B, D, 1, K] along
        them. A network on one level does not read them.
        """
        ...


class CanvasDetector(Protocol):
    """Network and decoding in one: what a detector runs on letterboxed images."""

    input_size: tuple[int, int]
    """Width and height of the canvas, pixels."""

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """Take BGR canvases [B, H, W, 3]."""
        ...


class SideBySide(Protocol):
    """What a ``CanvasDetector`` adds that takes several calls at the same time, each in a thread of its own.

    The threads of one call wait for each other after every layer, and for whatever else runs on their processors;
    calls of one thread do not: ``lite`` gains a quarter on two cores.
    """

    at_once: int
    """How many calls pay at the same time; 1: none."""

    def beside_others(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """Return what ``CanvasDetector.__call__`` returns, to the bit, and leave the other threads to other calls."""
        ...


class TrainingBatch(Protocol):
    """One batch as the loader makes it (``fairmot.data.batch.Batch``).

    Slots without an object have no effect, whatever they hold.
    """

    images: NDArray[np.uint8]
    """BGR canvases [B, H, W, 3]."""
    heatmap: NDArray[np.float32]
    """Target [B, C, h, w], exactly 1 at the centres."""
    is_object: NDArray[np.bool_]
    """Whether a slot holds an object [B, K]."""
    cells: NDArray[np.int64]
    """Flat cell y * w + x of each slot's centre [B, K]."""
    extents: NDArray[np.float32]
    """Left, top, right, bottom distances [B, K, 4], cells."""
    offsets: NDArray[np.float32]
    """Centre minus its cell [B, K, 2], cells."""
    identities: NDArray[np.int64]
    """Identity [B, K], joined over data sets; -1: none."""


class LevelTrainingBatch(Protocol):
    """One batch for a network on several levels (``fairmot.data.level_targets.LevelBatch``).

    Slots without an object have no effect, whatever they hold.
    """

    images: NDArray[np.uint8]
    """BGR canvases [B, H, W, 3]."""
    is_object: NDArray[np.bool_]
    """Whether a slot holds an object [B, K]."""
    boxes_xyxy: NDArray[np.float32]
    """Corners [B, K, 4], canvas pixels."""
    class_ids: NDArray[np.int64]
    """Class [B, K]."""
    identities: NDArray[np.int64]
    """Identity [B, K], joined over data sets; -1: none."""
    is_ignored: NDArray[np.bool_]
    """Whether a cell's anchor point lies in an ignore region [B, N] (``fairmot.geometry.anchor_points``)."""


AnyTrainingBatch = TrainingBatch | LevelTrainingBatch
"""A batch for whichever network."""


class StepResult(NamedTuple):
    """What one training step reports."""

    losses: dict[str, float]
    """``total``, ``heatmap``, ``extents``, ``offsets``, ``identity`` (0 where nothing is labelled) and, if it has a
    weight, ``overlap``; of a network on several levels ``total``, ``scores``, ``boxes`` and ``identity``. Of all
    processes and passes together, the same in each process."""
    gradient_norm: float = math.nan
    """Length of the gradient before clipping, over all parameters and processes; only ``step`` measures it."""
    taken: bool = True
    """False: loss or gradient was not finite and the step was left out; parameters, statistics, moments and counters
    are as before. With float16 this happens now and then while the loss scale is too large."""


class Trainer(Protocol):
    """Network, identity classifiers, losses and optimiser of one process, which works with all others of its run.

    A process that a launcher (``torchrun``, ``msrun``) started joins the others when its trainer is built. Each gets
    its own part of a batch; the steps are those of the whole batch.

    States are flat dictionaries of arrays. Prefixes: ``network.`` (batch-norm statistics included),
    ``classifier.weight`` [identities, D] and ``classifier.bias`` (of several classes: ``classifier.<class>.weight``
    and ``.bias``, see ``training_rules.identity_classifiers``), ``loss.s_det`` and ``loss.s_id`` (shape [1]),
    ``optimizer.m.<name>`` and ``optimizer.v.<name>`` with ``<name>`` one of the trainable names before (frozen ones
    too, whose moments stay 0), and the counter ``step`` (int64 scalar: optimiser steps taken). With averaged weights
    also ``ema.<name>``, the whole network by its names without ``network.``: averages of the trainable parameters, and
    the newest batch-norm statistics, which are averages already. Without an identity term (see
    ``training_rules.embedding_scale``)
    there is no ``classifier.``. With float16 also ``loss_scale`` and ``loss_scale_good_steps``, which a state that is
    loaded may have or lack.
    """

    def step(self, batch: AnyTrainingBatch, learning_rate: float) -> StepResult:
        """Take one optimiser step at this rate (factors of ``OptimizerConfig.rate_factors`` apply on top).

        ``batch`` is this process's part of the batch, ``train.batch_size`` times ``train.accumulate`` images.
        Gradients are clipped to ``OptimizerConfig.clip_norm``.
        """
        ...

    def prefetched(self, batches: Iterable[BatchT]) -> Iterator[BatchT]:
        """Yield the same batches, the next one on its way to the device while the caller works on one."""
        ...

    def agree(self, answer: bool) -> bool:
        """Return whether any process of the run says yes.

        Each waits here for all others, for ten minutes at most; where one of them is gone, the others get an error.
        """
        ...

    def gradients(self, batch: AnyTrainingBatch, training: bool = True) -> tuple[StepResult, Arrays]:
        """Return losses and the gradient of ``total`` by parameter name, and change nothing.

        Over all processes and passes, neither clipped nor scaled.
        Every trainable parameter has its entry; that of a frozen one (rate factor 0) is 0, since it is not computed.
        ``training=False`` uses the running batch-norm statistics.
        """
        ...

    def state(self) -> Arrays:
        """Return everything that a checkpoint must hold, as copies."""
        ...

    def load_state(self, state: Arrays) -> None:
        """Continue from a state. Names and shapes must match exactly.

        Raises:
            InputError: lists every name or shape that differs.
        """
        ...


class ExportedDetector(NamedTuple):
    """A detector from a file, and the network that it was exported from."""

    network: NetworkConfig
    detector: CanvasDetector
    tracker: str | None = None
    """The tracker's parameters that the file names (``TrackerConfig.note``)."""


class ExportedNetwork(NamedTuple):
    """Raw heads from a file, and the network that they were exported from."""

    network: NetworkConfig
    heads: RawNetwork


class LayerTime(NamedTuple):
    """The time of one operator."""

    name: str
    kind: str
    milliseconds: float
    fraction: float
    """Of the time of all operators."""


@dataclass(frozen=True, slots=True)
class Process:
    """The place of a process in its run."""

    rank: int = 0
    size: int = 1
    launched: bool = False
    """Whether a launcher started it."""
    is_scheduler: bool = False
    """MindSpore's processes find each other through one that does not train."""

    @property
    def is_first(self) -> bool:
        """Whether it writes files and speaks to people."""
        return self.rank == 0 and not self.is_scheduler
