"""What an engine offers: the protocols between the framework-free half of the package and each framework."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fairmot.config import Config, LossConfig
from fairmot.network.graph import Graph

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

    def __call__(self, pixels: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Take RGB planes [B, 3, H, W] in 0..1, return the heads.

        ``heatmap`` logits [B, C, h, w], ``extents`` [B, 4, h, w] and ``offsets`` [B, 2, h, w] in cells,
        ``embedding`` [B, D, h, w] as the head gives it.
        """
        ...


class CanvasDetector(Protocol):
    """Network and decoding in one: what a detector runs on letterboxed images."""

    input_size: tuple[int, int]
    """Width and height of the canvas, pixels."""

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """Take BGR canvases [B, H, W, 3]."""
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


class StepResult(NamedTuple):
    """What one training step reports."""

    losses: dict[str, float]
    """``total``, ``heatmap``, ``extents``, ``offsets``, ``identity`` (0 where nothing is labelled) and, if it has a
    weight, ``overlap``: of all processes and passes together, the same in each process."""
    gradient_norm: float = math.nan
    """Length of the gradient before clipping, over all parameters and processes; only ``step`` measures it."""
    taken: bool = True
    """False: loss or gradient was not finite and the step was left out; parameters, statistics, moments and counters
    are as before. With float16 this happens now and then while the loss scale is too large."""


class Trainer(Protocol):
    """Network, identity classifiers, losses and optimiser of one process, which works with all others of its run.

    A process that was started by a launcher (``torchrun``, ``msrun``) joins the others when its trainer is built. Each
    is given its own share of a batch; the steps are those of the whole batch.

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

    def step(self, batch: TrainingBatch, learning_rate: float) -> StepResult:
        """Take one optimiser step at this rate (factors of ``OptimizerConfig.rate_factors`` apply on top).

        ``batch`` is this process's share, ``train.batch_size`` times ``train.accumulate`` images. Gradients are
        clipped to ``OptimizerConfig.clip_norm``.
        """
        ...

    def prefetched(self, batches: Iterable[BatchT]) -> Iterator[BatchT]:
        """Yield the same batches, the next one on its way to the device while the caller works on one."""
        ...

    def agree(self, answer: bool) -> bool:
        """Return whether any process of the run says yes; each waits here for all others."""
        ...

    def gradients(self, batch: TrainingBatch, training: bool = True) -> tuple[StepResult, Arrays]:
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


class EngineModule(Protocol):
    """What the package of each engine offers. The ONNX engine runs networks and trains none."""

    def load_network(self, graph: Graph, weights: Arrays, device: str = "auto") -> RawNetwork:
        """Build the network of ``graph`` with these weights."""
        ...

    def load_canvas_detector(
        self,
        graph: Graph,
        weights: Arrays,
        input_size: tuple[int, int],
        max_objects: int = 500,
        device: str = "auto",
    ) -> CanvasDetector:
        """Build network and decoding for canvases of this size (width, height)."""
        ...

    def create_trainer(
        self, graph: Graph, weights: Arrays, identity_count: int | Sequence[int], config: Config, device: str = "auto"
    ) -> Trainer:
        """Build a trainer from start weights; the classifiers start from ``config.train.seed``.

        ``identity_count`` is nID, the classes of the identity classifier, or one for each class of objects; below 3
        there is no identity term (see ``training_rules.identity_classifiers``).
        """
        ...

    def join_processes(self, device: str = "auto") -> None:
        """Meet the other processes of a run; a scheduler, which does not train, returns when they have ended."""
        ...

    def losses_of_heads(
        self, heads: Arrays, batch: TrainingBatch, parameters: Arrays, config: LossConfig
    ) -> tuple[StepResult, Arrays]:
        """Return losses and the gradient of ``total`` for given head maps, for parity checks.

        ``heads`` as of ``RawNetwork``; ``parameters`` holds ``classifier.weight``, ``classifier.bias``,
        ``loss.s_det``, ``loss.s_id``. Gradients carry the same names as both.
        """
        ...

    def read_checkpoint(self, path: Path) -> Arrays:
        """Read a public checkpoint in the framework's own format, without running any code in it.

        Raises:
            InputError: not such a file, or one that holds more than arrays.
        """
        ...

    def write_checkpoint(self, path: Path, arrays: Arrays) -> None:
        """Write a checkpoint in the framework's own format, as ``read_checkpoint`` and the public code read it.

        Raises:
            InputError: the file cannot be written.
        """
        ...
