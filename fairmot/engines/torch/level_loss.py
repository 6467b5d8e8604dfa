"""The losses of networks on several levels in PyTorch; see ``fairmot.network.level_loss``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fairmot.config import LossConfig
from fairmot.engines.torch.loss import Labelled, WeightedLoss
from fairmot.engines.torch.process_group import ProcessGroup
from fairmot.engines.training_rules import Classifier, Normalisers
from fairmot.geometry import anchor_points
from fairmot.network.level_assignment import (
    AREA_MARGIN,
    BEST_CELLS,
    CENTRE_RADIUS,
    IOU_MARGIN,
    IOU_WEIGHT,
    LARGEST_EXPONENT,
)
from fairmot.network.level_decoding import level_names


class LevelTargets(NamedTuple):
    """The arrays of a ``LevelTrainingBatch``, without its images, as tensors on the device; empty slots hold 0."""

    is_object: Tensor
    boxes: Tensor
    class_ids: Tensor
    labelled: Labelled
    is_ignored: Tensor


class Cells(NamedTuple):
    """The cells of all levels."""

    logits: Tensor
    """Of the scores [B, N, C]."""
    boxes: Tensor
    """Predicted corners [B, N, 4], canvas pixels."""
    points: Tensor
    """Anchor points [N, 2], canvas pixels."""
    strides: Tensor
    """Pixels per cell [N]."""


class LevelLoss(WeightedLoss):
    """Scores, boxes and identity terms, and their weighting."""

    def __init__(
        self,
        config: LossConfig,
        classifiers: Sequence[Classifier],
        embedding: int,
        strides: Sequence[int],
        together: ProcessGroup | None = None,
    ) -> None:
        """Qualities are summed over all processes of ``together``, or over this one alone."""
        super().__init__(config, classifiers, embedding)
        self.strides, self.together = tuple(strides), together
        self._grids: dict[tuple[int, int, torch.device], tuple[Tensor, Tensor]] = {}

    def forward(self, heads: dict[str, Tensor], targets: LevelTargets, over: Normalisers) -> dict[str, Tensor]:
        """Return ``total`` and its terms, all float32 scalars; ``embedding`` is given along the boxes of the slots."""
        heads = {name: head.float() for name, head in heads.items()}
        cells = self._cells_of(heads)
        owners, is_taken, qualities = assign_cells(cells, targets)
        quality = qualities.sum()
        processes = 1
        if self.together is not None:
            self.together.average(quality)
            processes = self.together.size
        quality = quality.clamp(min=1 / processes)

        class_ids = targets.class_ids.gather(1, owners)
        wanted = torch.zeros_like(cells.logits).scatter_(2, class_ids[..., None], qualities[..., None])
        counted = is_taken | ~targets.is_ignored
        # Nothing is cut out: a device would have to tell how much that is, and everything would wait for the answer.
        scores = quality_focal(cells.logits, wanted).where(counted[..., None], 0.0).sum() / quality
        true_boxes = targets.boxes.gather(1, owners[..., None].expand(-1, -1, 4))
        found = cells.boxes.where(is_taken[..., None], true_boxes)
        fits = overlaps_of(found, true_boxes, generalised=True)
        boxes = (qualities * (1 - fits)).sum() / quality
        detection = self.config.scores_weight * scores + self.config.boxes_weight * boxes
        vectors = heads["embedding"][:, :, 0, : targets.is_object.shape[1]].transpose(1, 2)
        identity = self.identity_loss(vectors, targets.labelled) / over.labelled
        return {"total": self.total(detection, identity), "scores": scores, "boxes": boxes, "identity": identity}

    def _cells_of(self, heads: dict[str, Tensor]) -> Cells:
        """Line up the cells of all levels."""
        names = [level_names(stride) for stride in self.strides]
        largest = heads[names[0][0]]
        points, strides = self._grid(*largest.shape[2:], largest.device)
        logits, sides = (
            torch.cat([heads[name[kind]].flatten(2) for name in names], 2).transpose(1, 2) for kind in (0, 1)
        )
        sides = sides * strides[:, None]
        return Cells(logits, torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1), points, strides)

    def _grid(self, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the anchor points and strides of all cells, taken to a device once."""
        key = height, width, device
        if key not in self._grids:
            numbers = anchor_points((width * self.strides[0], height * self.strides[0]), self.strides)
            points, strides = (torch.from_numpy(each).to(device) for each in numbers)
            self._grids[key] = points, strides
        return self._grids[key]


@torch.no_grad()
def assign_cells(cells: Cells, targets: LevelTargets) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each cell [B, N] its slot (0 where it has none), whether it has one, and its quality."""
    low, high = targets.boxes[:, None, :, :2], targets.boxes[:, None, :, 2:]  # [B, 1, K, 2]
    points, is_object = cells.points[:, None], targets.is_object[:, None]
    is_inside = ((points > low) & (points < high)).all(-1) & is_object  # [B, N, K]
    usable = is_inside.any(2, keepdim=True) & is_object
    overlaps = overlaps_of(cells.boxes[:, :, None], targets.boxes[:, None]) * usable
    distances = ((points - (low + high) / 2).square().sum(-1)).sqrt() / cells.strides[:, None]
    cost = 10 ** (distances - CENTRE_RADIUS).clamp(max=LARGEST_EXPONENT) - IOU_WEIGHT * (overlaps + IOU_MARGIN).log()
    # Of all classes the score should be 0, but of the box's own it should be the overlap.
    none = quality_focal(cells.logits, torch.zeros_like(cells.logits))
    index = targets.class_ids[:, None].expand(-1, cells.logits.shape[1], -1)
    own = quality_focal(cells.logits.gather(2, index), overlaps)
    cost = (cost + own - none.gather(2, index) + none.sum(2, keepdim=True)).where(usable, torch.inf)

    best = min(BEST_CELLS, cost.shape[1])
    counts = overlaps.topk(best, dim=1).values.sum(1).long().clamp(1, best)  # [B, K]
    limits = cost.topk(best, dim=1, largest=False).values.gather(1, counts[:, None] - 1)
    matched = (cost <= limits) & usable
    contested = matched.sum(2, keepdim=True) > 1
    owners = cost.where(contested | matched, torch.inf).argmin(2)
    is_taken = matched.any(2)
    return owners * is_taken, is_taken, overlaps.gather(2, owners[..., None])[..., 0] * is_taken


def quality_focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Quality focal loss of each score, beta 2."""
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * (wanted - logits.sigmoid()).square()


def overlaps_of(first: Tensor, second: Tensor, generalised: bool = False) -> Tensor:
    """IoU, or generalised IoU, of boxes [..., 4]; sides of negative length count 0."""
    common = _area(torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:]))
    union = _area(first[..., :2], first[..., 2:]) + _area(second[..., :2], second[..., 2:]) - common
    overlap = common / union.clamp(min=AREA_MARGIN)
    if not generalised:
        return overlap
    around = _area(torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:]))
    return overlap - (around - union) / around.clamp(min=AREA_MARGIN)


def _area(low: Tensor, high: Tensor) -> Tensor:
    # Written out: the gradient of a product over an axis divides by its factors.
    sides = (high - low).clamp(min=0)
    return sides[..., 0] * sides[..., 1]
