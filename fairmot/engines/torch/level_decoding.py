"""Decoding of detectors on several levels in PyTorch; see ``fairmot.network.level_decoding``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fairmot.network.level_decoding import CANDIDATES, MAX_CHAIN, MAX_IOU, MIN_SCORE, level_names


def decode_levels(heads: dict[str, Tensor], strides: Sequence[int], max_objects: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes [B, K, 4] in canvas pixels, scores [B, K] and classes [B, K] by falling score; empty slots hold 0.

    Sizes depend on no number, so that the whole can be recorded as a CUDA graph.
    """
    logits = torch.cat([heads[level_names(stride)[0]].float().flatten(2) for stride in strides], 2)  # [B, C, N]
    boxes = torch.cat([_boxes(heads[level_names(stride)[1]].float(), stride) for stride in strides], 1)  # [B, N, 4]
    cells = logits.shape[2]
    best, places = logits.flatten(1).topk(min(CANDIDATES, logits.shape[1] * cells), dim=1)
    scores, class_ids = best.sigmoid(), places // cells
    corners = boxes.gather(1, (places % cells)[..., None].expand(-1, -1, 4))
    kept = scores * _survivors(corners, scores, class_ids)
    final, slots = kept.topk(min(max_objects, kept.shape[1]), dim=1)
    is_box = final > 0
    chosen = corners.gather(1, slots[..., None].expand(-1, -1, 4)) * is_box[..., None]
    return chosen, final, class_ids.gather(1, slots) * is_box


def _boxes(distances: Tensor, stride: int) -> Tensor:
    height, width = distances.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=distances.device), torch.arange(width, device=distances.device), indexing="ij"
    )
    points = torch.stack([x, y], -1).reshape(-1, 2).float()
    sides = distances.flatten(2).transpose(1, 2)
    return stride * torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1)


def _survivors(boxes: Tensor, scores: Tensor, class_ids: Tensor) -> Tensor:
    """Whether each box [B, n], by falling score, survives greedy suppression.

    A box survives if no surviving better one conflicts with it. Repeated from "all survive", that rule settles the
    boxes one link of a chain of conflicts after the other; a fixed number of repetitions needs no look at the numbers.
    """
    low, high = boxes[..., :2], boxes[..., 2:]
    sides = (torch.minimum(high[:, :, None], high[:, None]) - torch.maximum(low[:, :, None], low[:, None])).clamp(min=0)
    common = sides.prod(-1)
    areas = (high - low).clamp(min=0).prod(-1)
    union = areas[:, :, None] + areas[:, None] - common
    conflicts = (common > MAX_IOU * union) & (union > 0) & (class_ids[:, :, None] == class_ids[:, None])
    conflicts = conflicts.triu(diagonal=1).float()  # [B, better, worse]
    counts = (scores > MIN_SCORE).float()
    alive = counts
    for _ in range(MAX_CHAIN):
        alive = counts * (torch.einsum("bi,bij->bj", alive, conflicts) == 0)
    return alive
