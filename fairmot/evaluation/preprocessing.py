"""A benchmark's pre-processing: the boxes that count, identities renumbered from 0, and overlapping pairs."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.benchmarks import Benchmark
from fairmot.evaluation.pairs import (
    EPSILON,
    BoxPairs,
    best_assignment,
    frame_starts,
    overlapping_pairs,
)
from fairmot.formats.classes import KNOWN_CLASSES, PEDESTRIAN
from fairmot.formats.rows import NO_CLASS, Rows
from fairmot.formats.sequences import Sequence

# Least overlap at which a result matches a distractor (source: TrackEval).
DISTRACTOR_IOU = 0.5


@dataclass(frozen=True, slots=True)
class CountedBoxes:
    """The boxes of one side that count, by rising frame."""

    ids: NDArray[np.int64]
    """Identity [N], renumbered from 0 without gaps in the order of the file's numbers."""
    frames: NDArray[np.int64]
    """Frame index [N]."""
    starts: NDArray[np.int64]
    """First row of each frame, and N at the end [F + 1]."""
    id_sizes: NDArray[np.int64]
    """Boxes of each identity [I]."""
    rows: NDArray[np.int64]
    """Row in what was read [N]."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One sequence, ready for every score."""

    frame_count: int
    """Frames of the sequence, those without any box included."""
    truth: CountedBoxes
    results: CountedBoxes
    pairs: BoxPairs
    """All pairs with a positive intersection over union; rows of ``truth`` and ``results``."""


def compare(sequence: Sequence, benchmark: Benchmark, class_id: int | None = None) -> Comparison:
    """Apply a benchmark's pre-processing and pair the boxes that are left.

    With classes (MOT16, 17, 20): results that match a distractor are removed, then only true boxes of
    pedestrians count. In every benchmark true boxes of confidence 0 are left out.

    Args:
        sequence: as read.
        benchmark: whose pre-processing.
        class_id: only boxes of this class count, on both sides (column 8; -1 is class 1); None: as the benchmark says.

    Raises:
        InputError: a class that the benchmark does not know.
    """
    sides = (sequence.truth, sequence.results)
    owns = [np.ones(len(side), dtype=np.bool_) for side in sides]
    if class_id is not None and not benchmark.has_classes:
        owns = [classes_of(side) == class_id for side in sides]
    truth, results = (side.select(own) for side, own in zip(sides, owns, strict=True))
    frame_count = sequence.info.frame_count
    if class_id is None or benchmark.has_classes:
        _check_result_classes(results)
    counts = true_boxes_that_count(truth, benchmark)
    truth_starts = frame_starts(truth.frames, frame_count)
    result_starts = frame_starts(results.frames, frame_count)
    pairs = overlapping_pairs(truth.boxes_tlwh, truth_starts, results.boxes_tlwh, result_starts)

    kept = np.ones(len(results), dtype=bool)
    if benchmark.distractors:
        close = pairs.select(pairs.similarity >= DISTRACTOR_IOU - EPSILON)
        matches = close.select(best_assignment(close, close.similarity, truth_starts, result_starts))
        on_distractor = np.isin(truth.class_ids[matches.truths], benchmark.distractors)
        kept[matches.results[on_distractor]] = False

    pairs = pairs.select(counts[pairs.truths] & kept[pairs.results])
    new_truths, new_results = np.cumsum(counts) - 1, np.cumsum(kept) - 1
    return Comparison(
        frame_count,
        _counted(truth, counts, frame_count, owns[0]),
        _counted(results, kept, frame_count, owns[1]),
        BoxPairs(pairs.frames, new_truths[pairs.truths], new_results[pairs.results], pairs.similarity),
    )


def true_boxes_that_count(truth: Rows, benchmark: Benchmark) -> NDArray[np.bool_]:
    """Mark the true boxes [N] that count: confidence not 0 and, where the benchmark has classes, pedestrians.

    Without classes the eighth column has no meaning here: in MOT15 it is a coordinate in the world.

    Raises:
        InputError: a class that the benchmark does not know.
    """
    # Truncated as in TrackEval: a confidence below 1 leaves the box out.
    counts: NDArray[np.bool_] = truth.confidences.astype(np.int64) != 0
    if not benchmark.has_classes:
        return counts
    unknown = ~np.isin(truth.class_ids, KNOWN_CLASSES)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise truth.problem(
            row,
            f"class {truth.class_ids[row]} is none of {benchmark.name}'s 1 to 13; "
            "ground truth without classes needs benchmark MOT15 or none",
        )
    is_counted: NDArray[np.bool_] = counts & (truth.class_ids == PEDESTRIAN)
    return is_counted


def classes_of(side: Rows) -> NDArray[np.int64]:
    """Return the class of each row [N], from 1; rows without a class are people."""
    return np.where(side.class_ids == NO_CLASS, PEDESTRIAN, side.class_ids)


def classes_apart(benchmark: Benchmark, sequences: SequenceOf[Sequence]) -> list[int] | None:
    """Return the classes that are compared one by one by default; None: all boxes alike.

    They are those of both sides, where the benchmark has no classes of its own and results are not of people alone.
    """
    if benchmark.name != "none" or all((classes_of(one.results) == PEDESTRIAN).all() for one in sequences):
        return None
    found = [np.unique(classes_of(side)) for one in sequences for side in (one.truth, one.results)]
    return [int(class_id) for class_id in np.unique(np.concatenate(found))]


def _counted(side: Rows, counts: NDArray[np.bool_], frame_count: int, own: NDArray[np.bool_]) -> CountedBoxes:
    frames = side.frames[counts]
    _, numbers, sizes = np.unique(side.ids[counts], return_inverse=True, return_counts=True)
    return CountedBoxes(
        numbers.astype(np.int64),
        frames,
        frame_starts(frames, frame_count),
        sizes.astype(np.int64),
        own.nonzero()[0][counts],
    )


def _check_result_classes(results: Rows) -> None:
    other = results.class_ids > PEDESTRIAN
    if other.any():
        row = int(np.argmax(other))
        raise results.problem(
            row, f"class {results.class_ids[row]}; only pedestrians (1, or -1) are scored unless classes are chosen"
        )
