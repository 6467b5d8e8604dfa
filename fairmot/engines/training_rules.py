"""Rules of training that hold in every framework, written once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fairmot.engines.interface import AnyTrainingBatch, Arrays, LevelTrainingBatch, TrainingBatch
from fairmot.errors import InputError
from fairmot.network.graph import Node
from fairmot.network.heads import HEAD_NAMES, LEVEL_HEAD
from fairmot.network.initial import initial_classifier
from fairmot.network.safetensors import shape_differences

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
    """Its first identity; identities are numbered consecutively over all classes."""
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


def is_exact(node: Node) -> bool:
    """Whether a layer stays in float32 where the others are in half precision: those of heads, and sampling offsets."""
    return node.name.partition(".")[0] in {*HEAD_NAMES, LEVEL_HEAD} or "conv_offset_mask" in node.name


def average_decay(limit: float, count: int) -> float:
    """Return the decay of the averaged weights at the ``count``-th step (from 1).

    It grows to ``OptimizerConfig.ema_decay``, its limit: early averages must not remember the start weights.
    """
    return min(limit, (1 + count) / (10 + count))


class Normalisers(NamedTuple):
    """What the sums of the losses are divided by, counted over everything that makes one step.

    A step has parts: passes of ``train.accumulate`` in each process. Every number is divided by the number of parts, so
    that the *mean* of all parts' losses and gradients is that of one batch with all their images, the learned
    weights included.

    A network on several levels divides its detection losses by the qualities of its own boxes, which only a pass can
    know: the processes of a pass share their sum, the passes of ``train.accumulate`` do not (as published).
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


def has_levels(batch: AnyTrainingBatch) -> bool:
    """Whether a batch is one for networks on several levels."""
    return hasattr(batch, "boxes_xyxy")


def count_targets(batch: AnyTrainingBatch, classifiers: Sequence[Classifier]) -> NDArray[np.float64]:
    """Return peaks, objects and labelled objects of a batch [3]; those of several batches may be added.

    There are no peaks where there are levels.
    """
    labelled = sum(
        np.count_nonzero(
            batch.is_object & (batch.identities >= each.first) & (batch.identities < each.first + each.identities)
        )
        for each in classifiers
    )
    peaks = 0 if has_levels(batch) else np.count_nonzero(cast("TrainingBatch", batch).heatmap == 1)
    return np.array([peaks, np.count_nonzero(batch.is_object), labelled], dtype=np.float64)


def normalisers(counts: NDArray[np.float64], parts: int = 1) -> Normalisers:
    """Turn the counts of a whole step (``count_targets``) into what each of its parts divides by."""
    peaks, objects, labelled = counts.tolist()
    sums = (max(peaks, 1.0), 4 * objects + 1e-4, 2 * objects + 1e-4, objects + 1e-4, max(labelled, 1.0))
    return Normalisers(*(each / parts for each in sums))


BatchT = TypeVar("BatchT", bound=AnyTrainingBatch)


def split_batch(batch: BatchT, parts: int) -> list[BatchT]:
    """Cut a batch into equal parts, in order.

    Raises:
        ValueError: its images cannot be divided so.
    """
    if parts == 1:
        return [batch]
    if len(batch.images) % parts:
        raise ValueError(f"{len(batch.images)} images in {parts} equal parts")
    size = len(batch.images) // parts
    names = (LevelTrainingBatch if has_levels(batch) else TrainingBatch).__annotations__
    return [
        cast("BatchT", SimpleNamespace(**{name: getattr(batch, name)[k * size : (k + 1) * size] for name in names}))
        for k in range(parts)
    ]


def check_state(given: Arrays, own: Arrays) -> None:
    """Raise ``InputError`` with every name or shape in which a state differs from the trainer's own."""
    differences = shape_differences({name: tuple(array.shape) for name, array in own.items()}, given)
    if differences:
        raise InputError(f"the checkpoint does not fit this run: {'; '.join(differences)}")


class LossScale:
    """The factor on the loss that keeps small float16 gradients from vanishing; it adapts to the gradients.

    Halved whenever a gradient is not finite (that step is left out), doubled after 2000 good steps (Micikevicius et
    al., Mixed Precision Training).
    """

    START, LARGEST, GOOD_STEPS = 2.0**16, 2.0**24, 2000

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.value = self.START if enabled else 1.0
        self.good_steps = 0

    def update(self, finite: bool) -> None:
        """Adapt the factor: were the gradients of a step finite?"""
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
