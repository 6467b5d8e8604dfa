"""Each switch, fragmentation, miss and false positive behind CLEAR's counts, with its frame, identities and boxes."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.benchmarks import Benchmark
from fairmot.evaluation.clear import match_clear
from fairmot.evaluation.preprocessing import Comparison, CountedBoxes, compare
from fairmot.formats.motchallenge import Sequence

ERROR_KINDS = ("switch", "fragmentation", "miss", "false positive")

Box = tuple[float, float, float, float]
"""Left, top, width, height, pixels."""


@dataclass(frozen=True, slots=True)
class TrackingError:
    """One error."""

    kind: str
    """One of ``ERROR_KINDS``."""
    frame: int
    """Frame number, from 1."""
    person: int | None
    """Identity in the ground truth; None for a false positive."""
    identity: int | None
    """Identity in the results; None for a miss."""
    identity_before: int | None
    """Identity that the person was matched with the last time; None if never."""
    last_frame: int | None
    """Frame number in which that was."""
    true_box: Box | None
    box: Box | None
    iou: float
    """Overlap of the two boxes; of a miss or a false positive with whatever overlaps it most (0: nothing)."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, strings and lists."""
        return asdict(self)


def find_tracking_errors(
    sequence: Sequence, benchmark: Benchmark, classes: SequenceOf[int] | None = None
) -> list[TrackingError]:
    """Return all errors by frame; a new identity after a gap is a switch and a fragmentation.

    Their numbers are ``IDSW``, ``Frag``, ``CLR_FN`` and ``CLR_FP`` of the sequence. With ``classes`` each of them is
    compared by itself, as ``score`` does.
    """
    wanted: SequenceOf[int | None] = classes or [None]
    errors = [error for class_id in wanted for error in _errors_of(sequence, compare(sequence, benchmark, class_id))]
    return sorted(errors, key=lambda error: (error.frame, ERROR_KINDS.index(error.kind)))


def _errors_of(sequence: Sequence, comparison: Comparison) -> list[TrackingError]:
    truth, results = comparison.truth, comparison.results
    matches = match_clear(comparison)
    ids = truth.ids[matches.truths]
    order = np.lexsort((matches.frames, ids))
    ids, truths, partners = ids[order], matches.truths[order], matches.results[order]
    frames, similarity = matches.frames[order], matches.similarity[order]
    # Frames without true or without result boxes neither break nor bridge a track (as in count_clear).
    moments = np.cumsum((np.diff(truth.starts) > 0) & (np.diff(results.starts) > 0))[frames]
    same = ids[1:] == ids[:-1]
    others = results.ids[partners]
    events = {
        "switch": np.flatnonzero(same & (others[1:] != others[:-1])) + 1,
        "fragmentation": np.flatnonzero(same & (moments[1:] != moments[:-1] + 1)) + 1,
    }
    side = _Sides(sequence, comparison)
    errors = [
        side.error(
            kind,
            int(frames[at]),
            int(truths[at]),
            int(partners[at]),
            int(partners[at - 1]),
            int(frames[at - 1]),
            float(similarity[at]),
        )
        for kind, places in events.items()
        for at in places.tolist()
    ]
    nearest_true, nearest_result = _best_overlap(comparison)
    missed = np.setdiff1d(np.arange(len(truth)), matches.truths)
    keys = ids * comparison.frame_count + frames
    for row in missed.tolist():
        # The last match of this person before the miss, if there is one.
        before = int(np.searchsorted(keys, truth.ids[row] * comparison.frame_count + truth.frames[row])) - 1
        is_known = before >= 0 and ids[before] == truth.ids[row]
        errors.append(
            side.error(
                "miss",
                int(truth.frames[row]),
                row,
                None,
                int(partners[before]) if is_known else None,
                int(frames[before]) if is_known else None,
                float(nearest_true[row]),
            )
        )
    for row in np.setdiff1d(np.arange(len(results)), matches.results).tolist():
        errors.append(
            side.error("false positive", int(results.frames[row]), None, row, None, None, float(nearest_result[row]))
        )
    return errors


@dataclass(frozen=True, slots=True)
class _Sides:
    """Makes errors of rows of a comparison."""

    sequence: Sequence
    comparison: Comparison

    def error(
        self,
        kind: str,
        frame: int,
        true_row: int | None,
        row: int | None,
        before: int | None,
        last: int | None,
        iou: float,
    ) -> TrackingError:
        truth, results = self.sequence.truth, self.sequence.results
        person, true_box = _named(truth, self.comparison.truth, true_row)
        identity, box = _named(results, self.comparison.results, row)
        earlier, _ = _named(results, self.comparison.results, before)
        return TrackingError(
            kind, frame + 1, person, identity, earlier, None if last is None else last + 1, true_box, box, round(iou, 4)
        )


def _named(side: Any, counted: CountedBoxes, row: int | None) -> tuple[int | None, Box | None]:
    if row is None:
        return None, None
    place = int(counted.rows[row])
    left, top, width, height = side.boxes_tlwh[place].tolist()
    return int(side.ids[place]), (left, top, width, height)


def _best_overlap(comparison: Comparison) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = comparison.pairs
    nearest_true, nearest_result = np.zeros(len(comparison.truth)), np.zeros(len(comparison.results))
    np.maximum.at(nearest_true, pairs.truths, pairs.similarity)
    np.maximum.at(nearest_result, pairs.results, pairs.similarity)
    return nearest_true, nearest_result
