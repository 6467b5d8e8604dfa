"""Average precision of detections, without identities.

The rule is COCO's: by falling score each detection takes the free true box that it overlaps most, if that overlap
reaches the limit. The area under the precision-recall curve is taken at all points, precision made monotone.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.pairs import EPSILON, BoxPairs, Floats, Ints, Mask, frame_starts, overlapping_pairs
from fairmot.geometry import xyxy_to_tlwh

# Fraction of its area that an ignored region must cover to excuse a detection.
IGNORED_FRACTION = 0.5


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """The precision-recall curve of a set of images, by falling score; excused detections are not in it."""

    scores: NDArray[np.float64]
    """Score of each detection [N]."""
    precision: NDArray[np.float64]
    """Fraction of right detections among those with at least this score [N]."""
    recall: NDArray[np.float64]
    """Fraction of true boxes that they find [N]; 0 without true boxes."""

    @property
    def average_precision(self) -> float:
        """Area under the curve, 0 to 1; 0 without true boxes or detections."""
        envelope = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float((np.diff(self.recall, prepend=0.0) * envelope).sum())


def average_precision(
    boxes_xyxy: SequenceOf[NDArray[Any]],
    scores: SequenceOf[NDArray[Any]],
    true_boxes_xyxy: SequenceOf[NDArray[Any]],
    ignored_boxes_xyxy: SequenceOf[NDArray[Any]] | None = None,
    iou: float = 0.5,
) -> float:
    """Return AP at one overlap limit, 0 to 1; arguments as for ``precision_recall``."""
    return precision_recall(boxes_xyxy, scores, true_boxes_xyxy, ignored_boxes_xyxy, iou).average_precision


def precision_recall(
    boxes_xyxy: SequenceOf[NDArray[Any]],
    scores: SequenceOf[NDArray[Any]],
    true_boxes_xyxy: SequenceOf[NDArray[Any]],
    ignored_boxes_xyxy: SequenceOf[NDArray[Any]] | None = None,
    iou: float = 0.5,
) -> PrecisionRecall:
    """Compare detections with true boxes over a set of images.

    Args:
        boxes_xyxy: corners [N, 4] for each image.
        scores: confidence [N] for each image; equal scores keep the given order.
        true_boxes_xyxy: corners [M, 4] for each image.
        ignored_boxes_xyxy: regions [R, 4] for each image in which a detection that matches nothing is
            neither right nor wrong: one of them covers at least half of it.
        iou: least intersection over union of a match.

    Raises:
        ValueError: the lists are not of equal length, or boxes and scores do not belong together.
    """
    found, found_starts = _join(boxes_xyxy)
    true, true_starts = _join(true_boxes_xyxy)
    confidence = np.concatenate([np.zeros(0), *(np.asarray(part, dtype=np.float64).reshape(-1) for part in scores)])
    if len(found_starts) != len(true_starts) or len(scores) + 1 != len(found_starts) or len(confidence) != len(found):
        raise ValueError(
            f"{len(boxes_xyxy)} images with {len(found)} boxes, {len(scores)} with {len(confidence)} scores, "
            f"{len(true_boxes_xyxy)} with true boxes: expected one entry an image and one score a box"
        )
    order = np.argsort(-confidence, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))

    pairs = overlapping_pairs(true, true_starts, found, found_starts)
    right = _match(pairs.select(pairs.similarity >= iou - EPSILON), rank)
    counted = np.ones(len(found), dtype=bool)
    if ignored_boxes_xyxy is not None:
        ignored, ignored_starts = _join(ignored_boxes_xyxy)
        if len(ignored_starts) != len(found_starts):
            raise ValueError(f"{len(ignored_boxes_xyxy)} images with ignored boxes, {len(boxes_xyxy)} with boxes")
        counted = right | ~_covered(ignored, ignored_starts, found, found_starts)

    order = order[counted[order]]
    hits = np.cumsum(right[order])
    return PrecisionRecall(
        scores=confidence[order],
        precision=hits / np.arange(1, len(order) + 1),
        recall=hits / max(1, len(true)),
    )


def _join(parts: SequenceOf[NDArray[Any]]) -> tuple[Floats, Ints]:
    """All boxes as left, top, width, height [N, 4], and where each image starts [images + 1]."""
    arrays = [np.asarray(part, dtype=np.float64).reshape(-1, 4) for part in parts]
    images = np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])
    boxes = xyxy_to_tlwh(np.concatenate([np.empty((0, 4)), *arrays]))
    return boxes.astype(np.float64), frame_starts(images, len(arrays))


def _match(pairs: BoxPairs, rank: Ints) -> Mask:
    """Mark the detections [N] that get a true box, served by rank; ``pairs`` reach the limit.

    All images at once, by deferred acceptance: every detection proposes to its best box that has not refused it, and a
    box keeps the proposal of best rank, until no box refuses any. The outcome is that of serving them one by one.
    """
    by_preference = np.lexsort((pairs.truths, -pairs.similarity, pairs.results))
    results, truths = pairs.results[by_preference], pairs.truths[by_preference]
    while True:
        proposing, first = np.unique(results, return_index=True)
        best_first = np.argsort(rank[proposing])
        proposed = truths[first[best_first]]
        served = np.unique(proposed, return_index=True)[1]
        refused = np.delete(first[best_first], served)
        if not len(refused):
            matched = np.zeros(len(rank), dtype=bool)
            matched[proposing] = True
            return matched
        results, truths = np.delete(results, refused), np.delete(truths, refused)


def _covered(regions_tlwh: Floats, region_starts: Ints, boxes_tlwh: Floats, box_starts: Ints) -> Mask:
    """Mark the boxes [N] of which one region of the same image covers ``IGNORED_FRACTION``."""
    pairs = overlapping_pairs(regions_tlwh, region_starts, boxes_tlwh, box_starts)
    regions, boxes = regions_tlwh[pairs.truths], boxes_tlwh[pairs.results]
    low = np.maximum(regions[:, :2], boxes[:, :2])
    high = np.minimum(regions[:, :2] + regions[:, 2:], boxes[:, :2] + boxes[:, 2:])
    fraction = np.prod(high - low, axis=1) / np.prod(boxes[:, 2:], axis=1)
    covered = np.zeros(len(boxes_tlwh), dtype=bool)
    covered[pairs.results[fraction >= IGNORED_FRACTION - EPSILON]] = True
    return covered
