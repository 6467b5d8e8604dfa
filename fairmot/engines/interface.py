"""What an engine offers: the protocols between the framework-free half of the package and each framework.

And the rules of training that hold in every framework, so that each is written once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fairmot.config import Config, LossConfig
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_classifier

Arrays = dict[str, NDArray[Any]]
"""Name -> array: parameters, states, gradients."""

BatchT = TypeVar("BatchT")

PROBABILITY_MARGIN = 1e-4
"""In the loss, the heatmap's probability stays this far from 0 and 1, so that logarithms are finite (CornerNet)."""

OVERLAP_MARGIN = 1e-4
"""Areas in cells that the overlap loss divides by are at least this."""


def embedding_scale(identity_count: int) -> float:
    """Return sqrt(2) * ln(nID - 1), the length of embeddings in front of the identity classifier (FairMOT).

    0 with fewer than 3 identities, where the formula gives 0 or less: then there is neither identity term nor
    classifier.
    """
    return math.sqrt(2) * math.log(identity_count - 1) if identity_count >= 3 else 0.0


class Classifier(NamedTuple):
    """The identity classifier of one class of objects."""

    name: str
    """Prefix of its parameters."""
    first: int
    """Its first identity; identities of all classes are numbered through, class after class."""
    identities: int
    """nID, its identities and one more."""
    scale: float
    """See ``embedding_scale``."""


def identity_classifiers(counts: int | Sequence[int]) -> tuple[Classifier, ...]:
    """Return the classifiers for nID, or for one nID of each class; a class of fewer than 3 has none.

    That of a single class is called ``classifier``, those of several ``classifier.<class>``.
    """
    each = (counts,) if isinstance(counts, int) else tuple(counts)
    names = ["classifier"] if len(each) == 1 else [f"classifier.{number}" for number in range(len(each))]
    firsts = [sum(each[:number]) for number in range(len(each))]
    found = (Classifier(*row, embedding_scale(row[2])) for row in zip(names, firsts, each, strict=True))
    return tuple(classifier for classifier in found if classifier.scale > 0)


def initial_classifiers(classifiers: Sequence[Classifier], embedding: int, seed: int) -> Arrays:
    """Draw the start values of identity classifiers by their names in a state, each from a stream of its own."""
    start: Arrays = {}
    for number, each in enumerate(classifiers):
        weight, bias = initial_classifier(each.identities, embedding, seed + 1_000_003 * number)
        start |= {f"{each.name}.weight": weight, f"{each.name}.bias": bias}
    return start


def rate_factor(name: str, factors: dict[str, float]) -> float:
    """Return the factor of the longest prefix that fits a parameter's name without ``network.``; 1 if none does."""
    bare = name.removeprefix("network.")
    fitting = [prefix for prefix in factors if bare.startswith(prefix)]
    return factors[max(fitting, key=len)] if fitting else 1.0


def average_decay(limit: float, count: int) -> float:
    """Return the decay of the averaged weights at the ``count``-th step (from 1).

    It grows to ``OptimizerConfig.ema_decay``, its limit: early averages must not remember the start weights.
    """
    return min(limit, (1 + count) / (10 + count))


class RawDetections(NamedTuple):
    """The K best peaks of each picture, by falling score, before any threshold."""

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
    """Network and decoding in one: what a detector runs on letterboxed pictures."""

    input_size: tuple[int, int]
    """Width and height of the canvas, pixels."""

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """Take BGR canvases [B, H, W, 3]."""
        ...


class TrainingBatch(Protocol):
    """One batch as the loader makes it (``fairmot.data.loader.Batch``).

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


class Normalisers(NamedTuple):
    """What the sums of the losses are divided by, counted over everything that makes one step.

    A step has parts: passes of ``train.accumulate`` in each process. Every number is divided by the number of parts, so
    that the *mean* of all parts' losses and gradients is that of one batch with all their pictures, the learned
    weights included.
    """

    peaks: float
    """Peaks of the heatmaps; 1 where there is none."""
    extents: float
    """Numbers in the extents of all objects, plus 1e-4 (published)."""
    offsets: float
    """Likewise for offsets."""
    objects: float
    """Objects, plus 1e-4."""
    labelled: float
    """Objects with an identity that a classifier knows; 1 where there is none."""


def count_targets(batch: TrainingBatch, classifiers: Sequence[Classifier]) -> NDArray[np.float64]:
    """Return peaks, objects and labelled objects of a batch [3]; those of several batches may be added."""
    labelled = sum(
        np.count_nonzero(
            batch.is_object & (batch.identities >= each.first) & (batch.identities < each.first + each.identities)
        )
        for each in classifiers
    )
    peaks = np.count_nonzero(batch.heatmap == 1)
    return np.array([peaks, np.count_nonzero(batch.is_object), labelled], dtype=np.float64)


def normalisers(counts: NDArray[np.float64], parts: int = 1) -> Normalisers:
    """Turn the counts of a whole step (``count_targets``) into what each of its parts divides by."""
    peaks, objects, labelled = counts.tolist()
    sums = (max(peaks, 1.0), 4 * objects + 1e-4, 2 * objects + 1e-4, objects + 1e-4, max(labelled, 1.0))
    return Normalisers(*(each / parts for each in sums))


def split_batch(batch: TrainingBatch, parts: int) -> list[TrainingBatch]:
    """Cut a batch into equal parts, in order.

    Raises:
        ValueError: its pictures cannot be divided so.
    """
    if parts == 1:
        return [batch]
    if len(batch.images) % parts:
        raise ValueError(f"{len(batch.images)} pictures in {parts} equal parts")
    size = len(batch.images) // parts
    return [
        SimpleNamespace(
            **{name: getattr(batch, name)[k * size : (k + 1) * size] for name in TrainingBatch.__annotations__}
        )
        for k in range(parts)
    ]


class LossScale:
    """The factor on the loss that keeps small float16 gradients from vanishing; it follows what happens.

    Halved whenever a gradient is not finite (that step is left out), doubled after 2000 good steps (Micikevicius et
    al., Mixed Precision Training).
    """

    START, LARGEST, GOOD_STEPS = 2.0**16, 2.0**24, 2000

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.value = self.START if enabled else 1.0
        self.good_steps = 0

    def update(self, finite: bool) -> None:
        """Take in whether the gradients of a step were finite."""
        if not self.enabled:
            return
        self.good_steps = self.good_steps + 1 if finite else 0
        if not finite:
            self.value = max(self.value / 2, 1.0)
        elif self.good_steps == self.GOOD_STEPS:
            self.value, self.good_steps = min(self.value * 2, self.LARGEST), 0

    def arrays(self) -> Arrays:
        """Return what a checkpoint keeps: nothing where there is no scale."""
        if not self.enabled:
            return {}
        return {"loss_scale": np.array(self.value), "loss_scale_good_steps": np.array(self.good_steps, dtype=np.int64)}

    def take(self, state: Arrays) -> Arrays:
        """Continue with the scale in a state, if it has one, and return the state without it."""
        if self.enabled and "loss_scale" in state:
            self.value, self.good_steps = float(state["loss_scale"]), int(state["loss_scale_good_steps"])
        return {name: array for name, array in state.items() if not name.startswith("loss_scale")}


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
    and ``.bias``, see ``identity_classifiers``), ``loss.s_det`` and ``loss.s_id`` (shape [1]),
    ``optimizer.m.<name>`` and ``optimizer.v.<name>`` with ``<name>`` one of the trainable names before (frozen ones
    too, whose moments stay 0), and the counter ``step`` (int64 scalar: optimiser steps taken). With averaged weights
    also ``ema.<name>``, the whole network by its names without ``network.``: averages of the trainable parameters, and
    the newest batch-norm statistics, which are averages already. Without an identity term (see ``embedding_scale``)
    there is no ``classifier.``. With float16 also ``loss_scale`` and ``loss_scale_good_steps``, which a state that is
    loaded may have or lack.
    """

    def step(self, batch: TrainingBatch, learning_rate: float) -> StepResult:
        """Take one optimiser step at this rate (factors of ``OptimizerConfig.rate_factors`` apply on top).

        ``batch`` is this process's share, ``train.batch_size`` times ``train.accumulate`` pictures. Gradients are
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
        there is no identity term (see ``identity_classifiers``).
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
