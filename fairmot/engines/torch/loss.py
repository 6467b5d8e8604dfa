"""The losses of FairMOT (section 4.4) from head maps and targets; named terms, one total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairmot.config import LossConfig
from fairmot.engines.training_rules import OVERLAP_MARGIN, PROBABILITY_MARGIN, Classifier, Normalisers


class Labelled(NamedTuple):
    """The objects that each classifier tells apart, C lists of equal length, so that a device need not count them."""

    slots: Tensor
    """Places [C, n] in the slots of all images [B * K]."""
    identities: Tensor
    """Identities [C, n], from 0 for each classifier; ``NOT_LABELLED`` behind the end of a list."""


NOT_LABELLED = -100


class TensorTargets(NamedTuple):
    """The arrays of a ``TrainingBatch``, without its images, as tensors on the device."""

    heatmap: Tensor
    is_object: Tensor
    cells: Tensor
    extents: Tensor
    offsets: Tensor
    labelled: Labelled


class WeightedLoss(nn.Module):
    """Identity term, and the weighting of the terms of detection and identity.

    Holds the identity classifiers, where there is an identity term, and the two learned weights.
    """

    def __init__(self, config: LossConfig, classifiers: Sequence[Classifier], embedding: int) -> None:
        super().__init__()
        self.config = config
        self.classifiers = tuple(classifiers)
        for each in self.classifiers:
            _add_module(self, each.name, nn.Linear(embedding, each.identities))
        self.s_det = nn.Parameter(torch.full((1,), config.s_det))
        self.s_id = nn.Parameter(torch.full((1,), config.s_id))

    def total(self, detection: Tensor, identity: Tensor) -> Tensor:
        """Weight the two losses as configured."""
        if self.config.weighting == "fixed":
            return detection + self.config.identity_weight * identity
        total = torch.exp(-self.s_det) * detection + self.s_det
        if self.classifiers:
            total = total + torch.exp(-self.s_id) * identity + self.s_id
        return 0.5 * total.squeeze()

    def identity_loss(self, vectors: Tensor, labelled: Labelled) -> Tensor:
        """Sum of the cross entropy of scaled, unit-length embeddings over labelled objects, each among its class.

        DEVIATION: the published code gives NaN without any labelled object; here the term is 0.

        Args:
            vectors: embedding of each slot [B, K, D].
            labelled: which of them have an identity.
        """
        total = vectors.new_zeros(())
        vectors = vectors.flatten(0, 1)
        for each, slots, identities in zip(self.classifiers, *labelled, strict=True):
            unit = F.normalize(vectors.index_select(0, slots), dim=-1)
            logits = self.get_submodule(each.name)(each.scale * unit)
            total = total + F.cross_entropy(logits, identities, ignore_index=NOT_LABELLED, reduction="sum")
        return total


class FairLoss(WeightedLoss):
    """Heatmap, extents, offsets, overlap and identity terms, and their weighting."""

    def forward(self, heads: dict[str, Tensor], targets: TensorTargets, over: Normalisers) -> dict[str, Tensor]:
        """Return ``total`` and its terms, all float32 scalars: this part's, divided by what ``over`` says."""
        config = self.config
        heads = {name: head.float() for name, head in heads.items()}
        heatmap = focal_loss(heads["heatmap"], targets.heatmap) / over.peaks
        extents_at, offsets_at = (gather_cells(heads[name], targets.cells) for name in ("extents", "offsets"))
        extents = box_loss(extents_at, targets.extents, targets.is_object) / over.extents
        offsets = box_loss(offsets_at, targets.offsets, targets.is_object) / over.offsets
        terms = {"heatmap": heatmap, "extents": extents, "offsets": offsets}
        detection = config.heatmap_weight * heatmap + config.extents_weight * extents + config.offsets_weight * offsets
        if config.overlap_weight:
            terms["overlap"] = overlap_loss(extents_at, offsets_at, targets) / over.objects
            detection = detection + config.overlap_weight * terms["overlap"]
        vectors = gather_cells(heads["embedding"], targets.cells)
        identity = self.identity_loss(vectors, targets.labelled) / over.labelled
        return {"total": self.total(detection, identity), **terms, "identity": identity}


def _add_module(parent: nn.Module, dotted: str, module: nn.Module) -> None:
    *path, leaf = dotted.split(".")
    for part in path:
        if part not in parent._modules:
            parent.add_module(part, nn.Module())
        parent = parent._modules[part]
    parent.add_module(leaf, module)


def gather_cells(maps: Tensor, cells: Tensor) -> Tensor:
    """Take the vectors [B, K, C] of maps [B, C, h, w] at flat cells [B, K]."""
    flat = maps.flatten(2)
    index = cells.unsqueeze(1).expand(-1, flat.shape[1], -1)
    return flat.gather(2, index).transpose(1, 2)


def focal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Sum of CornerNet's focal loss, alpha 2, beta 4."""
    probability = logits.sigmoid().clamp(PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    peaks = (target == 1).float()
    positive = torch.log(probability) * (1 - probability) ** 2 * peaks
    negative = torch.log(1 - probability) * probability**2 * (1 - target) ** 4 * (1 - peaks)
    return -(positive.sum() + negative.sum())


def box_loss(predicted: Tensor, target: Tensor, is_object: Tensor) -> Tensor:
    """Sum of absolute errors [B, K, n] over objects; whatever a padded slot holds has no effect."""
    mask = is_object.unsqueeze(2)
    # Both sides are masked before the difference: a NaN in a padded slot would survive a product with 0.
    return (predicted.where(mask, 0.0) - target.where(mask, 0.0)).abs().sum()


def overlap_loss(extents: Tensor, offsets: Tensor, targets: TensorTargets) -> Tensor:
    """Sum over objects of 1 - generalised IoU (Rezatofighi et al., 2019) of predicted and true box.

    Boxes are measured from the object's cell, in cells: offset - (left, top) to offset + (right, bottom).
    """
    mask = targets.is_object.unsqueeze(2)
    first, last = _corners(extents.where(mask, 0.0), offsets.where(mask, 0.0))
    true_first, true_last = _corners(targets.extents.where(mask, 0.0), targets.offsets.where(mask, 0.0))
    inner = _area(torch.maximum(first, true_first), torch.minimum(last, true_last))
    outer = _area(torch.minimum(first, true_first), torch.maximum(last, true_last))
    union = _area(first, last) + _area(true_first, true_last) - inner
    generalised = inner / union.clamp(min=OVERLAP_MARGIN) - (outer - union) / outer.clamp(min=OVERLAP_MARGIN)
    return ((1 - generalised) * targets.is_object).sum()


def _corners(extents: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    return offsets - extents[..., :2], offsets + extents[..., 2:]


def _area(first: Tensor, last: Tensor) -> Tensor:
    return (last - first).clamp(min=0).prod(-1)
