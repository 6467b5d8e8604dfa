"""The losses of FairMOT (section 4.4) from head maps and targets; named terms, one total."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairmot.config import LossConfig
from fairmot.engines.interface import PROBABILITY_MARGIN, embedding_scale


class Targets(NamedTuple):
    """The arrays of a ``TrainingBatch``, without its images, as tensors on the device."""

    heatmap: Tensor
    is_object: Tensor
    cells: Tensor
    extents: Tensor
    offsets: Tensor
    identities: Tensor


class FairLoss(nn.Module):
    """Heatmap, extents, offsets and identity terms, and their weighting.

    Holds the identity classifier, where there is an identity term, and the two learned weights.
    """

    def __init__(self, config: LossConfig, identity_count: int, embedding: int) -> None:
        super().__init__()
        self.config = config
        self.embedding_scale = embedding_scale(identity_count)
        self.has_identities = self.embedding_scale > 0
        if self.has_identities:
            self.classifier = nn.Linear(embedding, identity_count)
        self.s_det = nn.Parameter(torch.full((1,), config.s_det))
        self.s_id = nn.Parameter(torch.full((1,), config.s_id))

    def forward(self, heads: dict[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """Return ``total`` and its terms, all float32 scalars."""
        config = self.config
        heads = {name: head.float() for name, head in heads.items()}
        heatmap = focal_loss(heads["heatmap"], targets.heatmap)
        extents = box_loss(heads["extents"], targets.extents, targets)
        offsets = box_loss(heads["offsets"], targets.offsets, targets)
        detection = config.heatmap_weight * heatmap + config.extents_weight * extents + config.offsets_weight * offsets
        identity = self.identity_loss(heads["embedding"], targets)
        if config.weighting == "fixed":
            total = detection + config.identity_weight * identity
        else:
            total = torch.exp(-self.s_det) * detection + self.s_det
            if self.has_identities:
                total = total + torch.exp(-self.s_id) * identity + self.s_id
            total = 0.5 * total.squeeze()
        return {
            "total": total,
            "heatmap": heatmap,
            "extents": extents,
            "offsets": offsets,
            "identity": identity,
        }

    def identity_loss(self, embedding: Tensor, targets: Targets) -> Tensor:
        """Cross entropy of the scaled, unit-length embeddings over labelled objects.

        DEVIATION: the published code gives NaN without any labelled object; here the term is 0.
        """
        if not self.has_identities:
            return embedding.new_zeros(())
        labelled = targets.is_object & (targets.identities >= 0)
        if not labelled.any():
            return embedding.new_zeros(())
        at_centres = gather_cells(embedding, targets.cells)[labelled]
        logits = self.classifier(self.embedding_scale * F.normalize(at_centres, dim=-1))
        return F.cross_entropy(logits, targets.identities[labelled])


def gather_cells(maps: Tensor, cells: Tensor) -> Tensor:
    """Take the vectors [B, K, C] of maps [B, C, h, w] at flat cells [B, K]."""
    flat = maps.flatten(2)
    index = cells.unsqueeze(1).expand(-1, flat.shape[1], -1)
    return flat.gather(2, index).transpose(1, 2)


def focal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """CornerNet's focal loss, alpha 2, beta 4, a peak; without any peak the negative part alone."""
    probability = logits.sigmoid().clamp(PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    peaks = (target == 1).float()
    positive = torch.log(probability) * (1 - probability) ** 2 * peaks
    negative = torch.log(1 - probability) * probability**2 * (1 - target) ** 4 * (1 - peaks)
    return -(positive.sum() + negative.sum()) / peaks.sum().clamp(min=1)


def box_loss(maps: Tensor, target: Tensor, targets: Targets) -> Tensor:
    """Mean absolute error over objects and dimensions; whatever a padded slot holds has no effect."""
    mask = targets.is_object.unsqueeze(2).expand_as(target)
    # Both sides are masked before the difference: a NaN in a padded slot would survive a product with 0.
    difference = (gather_cells(maps, targets.cells).where(mask, 0.0) - target.where(mask, 0.0)).abs()
    return difference.sum() / (mask.float().sum() + 1e-4)
