"""Each switch, fragmentation, miss and false positive behind CLEAR's counts, with its frame, identities and boxes."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.benchmarks import Benchmark
from fairmot.evaluation.clear import match_clear
from fairmot.evaluation.preprocessing import Comparison, compare
from fairmot.formats.rows import Rows
from fairmot.formats.sequences import Sequence

SWITCH, FRAGMENTATION, MISS, FALSE_POSITIVE = range(4)
ERROR_KINDS = ("switch", "fragmentation", "miss", "false positive")
"""Name of each kind."""

Box = tuple[float, float, float, float]
"""Left, top, width, height, pixels."""

_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Errors:
    """All errors of a sequence. Within a kind and class: switches and fragmentations by person, the others by row."""

    kinds: _Ints
    """Kind of each error [E], an index into ``ERROR_KINDS``."""
    frames: _Ints
    """Frame index [E], from 0."""
    true_rows: _Ints
    """Row of the person in the ground truth as read [E]; -1 for a false positive."""
    result_rows: _Ints
    """Row in the results as read [E]; -1 for a miss."""
    rows_before: _Ints
    """Row in the results that the person was matched with the last time [E]; -1 if never, or for a false positive."""
    ious: NDArray[np.float64]
    """Overlap of the two boxes [E]; of a miss or a false positive the largest overlap with any box (0: none)."""

    def __len__(self) -> int:
        return len(self.kinds)

    def select(self, chosen: NDArray[Any]) -> Errors:
        """Return the errors that a mask [E] or indices pick."""
        return Errors(*(getattr(self, field.name)[chosen] for field in fields(self)))


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
    """Overlap of the two boxes; of a miss or a false positive the largest overlap with any box (0: none)."""

    def as_json(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""
        return asdict(self)


def find_errors(sequence: Sequence, comparisons: SequenceOf[Comparison]) -> Errors:
    """Return all errors; a new identity after a gap is a switch and a fragmentation.

    Their numbers are ``IDSW``, ``Frag``, ``CLR_FN`` and ``CLR_FP`` of the sequence.

    Args:
        sequence: as read.
        comparisons: what ``compare`` made of it: of all boxes alike, or of each class by itself.
    """
    parts = [part for comparison in comparisons for part in _errors_of(sequence, comparison)]
    return Errors(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Errors)))


def find_tracking_errors(
    sequence: Sequence, benchmark: Benchmark, classes: SequenceOf[int] | None = None
) -> list[TrackingError]:
    """Return all errors (see ``find_errors``) by frame, as objects.

    With ``classes`` each of them is compared by itself, as ``score`` does.
    """
    wanted: SequenceOf[int | None] = classes or [None]
    errors = find_errors(sequence, [compare(sequence, benchmark, class_id) for class_id in wanted])
    errors = errors.select(np.lexsort((errors.kinds, errors.frames)))
    return [_as_object(sequence, errors, row) for row in range(len(errors))]


def _errors_of(sequence: Sequence, comparison: Comparison) -> list[Errors]:
    """Return the errors of each kind."""
    truth, results = comparison.truth, comparison.results
    matches = match_clear(comparison)
    ids = truth.ids[matches.truths]
    # By identity, then frame: neighbours in this order are consecutive sightings of one person.
    order = np.lexsort((matches.frames, ids))
    matches, ids = matches.select(order), ids[order]
    # Frames without true or without result boxes neither break nor bridge a track (as in count_clear).
    moments = np.cumsum((np.diff(truth.starts) > 0) & (np.diff(results.starts) > 0))[matches.frames]
    same = ids[1:] == ids[:-1]
    partners = results.ids[matches.results]
    found = []
    for kind, differs in ((SWITCH, partners[1:] != partners[:-1]), (FRAGMENTATION, moments[1:] != moments[:-1] + 1)):
        at = np.flatnonzero(same & differs) + 1
        found.append(
            Errors(
                np.full(len(at), kind),
                matches.frames[at],
                truth.rows[matches.truths[at]],
                results.rows[matches.results[at]],
                results.rows[matches.results[at - 1]],
                matches.similarity[at],
            )
        )
    missed = np.setdiff1d(np.arange(len(truth)), matches.truths)
    false = np.setdiff1d(np.arange(len(results)), matches.results)
    # The last match of a missed person before the miss, if there is one.
    keys = ids * comparison.frame_count + matches.frames
    before = np.searchsorted(keys, truth.ids[missed] * comparison.frame_count + truth.frames[missed]) - 1
    is_known = before >= 0
    is_known[is_known] = ids[before[is_known]] == truth.ids[missed][is_known]
    rows_before = np.full(len(missed), -1, dtype=np.int64)
    rows_before[is_known] = results.rows[matches.results[before[is_known]]]
    overlap_true, overlap_result = _best_overlaps(comparison)
    nothing_missed, nothing_false = np.full(len(missed), -1), np.full(len(false), -1)
    return [
        *found,
        Errors(
            np.full(len(missed), MISS),
            truth.frames[missed],
            truth.rows[missed],
            nothing_missed,
            rows_before,
            overlap_true[missed],
        ),
        Errors(
            np.full(len(false), FALSE_POSITIVE),
            results.frames[false],
            nothing_false,
            results.rows[false],
            nothing_false,
            overlap_result[false],
        ),
    ]


def _as_object(sequence: Sequence, errors: Errors, at: int) -> TrackingError:
    person, true_box = _named(sequence.truth, int(errors.true_rows[at]))
    identity, box = _named(sequence.results, int(errors.result_rows[at]))
    before = int(errors.rows_before[at])
    identity_before, _ = _named(sequence.results, before)
    return TrackingError(
        kind=ERROR_KINDS[errors.kinds[at]],
        frame=int(errors.frames[at]) + 1,
        person=person,
        identity=identity,
        identity_before=identity_before,
        last_frame=int(sequence.results.frames[before]) + 1 if before >= 0 else None,
        true_box=true_box,
        box=box,
        iou=round(float(errors.ious[at]), 4),
    )


def _named(rows: Rows, row: int) -> tuple[int | None, Box | None]:
    if row < 0:
        return None, None
    left, top, width, height = rows.boxes_tlwh[row].tolist()
    return int(rows.ids[row]), (left, top, width, height)


def _best_overlaps(comparison: Comparison) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest overlap of each true box [N] and of each result box [M]."""
    pairs = comparison.pairs
    of_truth, of_results = np.zeros(len(comparison.truth)), np.zeros(len(comparison.results))
    np.maximum.at(of_truth, pairs.truths, pairs.similarity)
    np.maximum.at(of_results, pairs.results, pairs.similarity)
    return of_truth, of_results
