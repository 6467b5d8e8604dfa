"""Target arrays of a batch on their way to the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fairmot.engines.interface import AnyTrainingBatch, LevelTrainingBatch
from fairmot.engines.torch.level_loss import LevelTargets
from fairmot.engines.torch.loss import NOT_LABELLED, Labelled, TensorTargets
from fairmot.engines.training_rules import Classifier, has_levels


def batch_targets(
    batch: AnyTrainingBatch, device: torch.device, classifiers: Sequence[Classifier]
) -> TensorTargets | LevelTargets:
    """Take a batch's target arrays to the device."""
    if has_levels(batch):
        return _level_targets(batch, device, classifiers)
    # Whatever a padded slot holds, cell 0 can be read.
    cells = np.where(batch.is_object, batch.cells, 0)
    arrays = (batch.heatmap, batch.is_object, cells, batch.extents, batch.offsets)
    return TensorTargets(
        *(to_device(array, device) for array in arrays),
        _labelled(np.asarray(batch.is_object), np.asarray(batch.identities), device, classifiers),
    )


def _level_targets(batch: LevelTrainingBatch, device: torch.device, classifiers: Sequence[Classifier]) -> LevelTargets:
    is_object = np.array(batch.is_object, dtype=np.bool_)
    # Slots behind the last object are left out; few different sizes spare work where each is prepared for.
    used = int(np.flatnonzero(is_object.any(0)).max(initial=0)) + 1
    used = min(is_object.shape[1], _padded(used))
    is_object = is_object[:, :used]
    arrays = (
        is_object,
        np.where(is_object[..., None], batch.boxes_xyxy[:, :used], np.float32(0)),
        np.where(is_object, batch.class_ids[:, :used], 0),
        batch.is_ignored,
    )
    *first, is_ignored = (to_device(array, device) for array in arrays)
    labelled = _labelled(is_object, np.asarray(batch.identities)[:, :used], device, classifiers)
    return LevelTargets(*first, labelled, is_ignored)


def _labelled(
    is_object: NDArray[np.bool_], identities: NDArray[np.int64], device: torch.device, classifiers: Sequence[Classifier]
) -> Labelled:
    lists = []
    for each in classifiers:
        local = identities - each.first
        slots = np.flatnonzero(is_object & (local >= 0) & (local < each.identities))
        lists.append((slots, local.reshape(-1)[slots]))
    length = _padded(max((len(slots) for slots, _ in lists), default=0))
    slots = np.zeros((len(lists), length), dtype=np.int64)
    local = np.full((len(lists), length), NOT_LABELLED, dtype=np.int64)
    for row, (places, numbers) in enumerate(lists):
        slots[row, : len(places)], local[row, : len(places)] = places, numbers
    return Labelled(to_device(slots, device), to_device(local, device))


def _padded(count: int) -> int:
    """Return the next power of two, from 8 on."""
    return max(8, 1 << max(count - 1, 0).bit_length())


def to_device(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Take an array to the device, out of pinned memory where that is a card."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    # A copy out of pinned memory does not hold up the calling thread.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
