"""Errors of a run as the report shows them: rows of each kind, and consecutive ones as one event."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.errors import FALSE_POSITIVE, FRAGMENTATION, MISS, SWITCH, find_errors
from fairmot.evaluation.preprocessing import Comparison
from fairmot.formats.sequences import Sequence

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ErrorsByKind:
    """Rows of a sequence's files with an error."""

    false_positives: Ints
    """Result rows without a true box, by rising frame [P]."""
    misses: Ints
    """True rows without a result, by rising frame [Q]."""
    switches: Ints
    """Result rows in which a person gets another identity than before [S]."""
    switched_truths: Ints
    """The true rows there [S]."""
    identities_before: Ints
    """Identity (number in the file) that the person had before [S]."""
    fragmentations: Ints
    """Result rows in which a person is found again after a gap [R]."""
    fragmented_truths: Ints
    """The true rows there [R]."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Rows of one identity in consecutive frames, as one event each."""

    ids: Ints
    first_frames: Ints
    last_frames: Ints


def errors_by_kind(sequence: Sequence, comparisons: SequenceOf[Comparison]) -> ErrorsByKind:
    """Return the rows behind the counts ``CLR_FP``, ``CLR_FN``, ``IDSW`` and ``Frag``; arguments as ``find_errors``."""
    errors = find_errors(sequence, comparisons)
    false, missed, switched, resumed = (
        errors.select(errors.kinds == kind) for kind in (FALSE_POSITIVE, MISS, SWITCH, FRAGMENTATION)
    )
    return ErrorsByKind(
        # Rows as read are by rising frame.
        false_positives=np.sort(false.result_rows),
        misses=np.sort(missed.true_rows),
        switches=switched.result_rows,
        switched_truths=switched.true_rows,
        identities_before=sequence.results.ids[switched.rows_before],
        fragmentations=resumed.result_rows,
        fragmented_truths=resumed.true_rows,
    )


def spans(ids: Ints, frames: Ints) -> Spans:
    """Join sightings [N] of one identity in consecutive frames; sorted by first frame."""
    order = np.lexsort((frames, ids))
    ids, frames = ids[order], frames[order]
    begins = np.ones(len(ids), dtype=bool)
    begins[1:] = (ids[1:] != ids[:-1]) | (frames[1:] != frames[:-1] + 1)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(ids)) - 1 if len(ids) else first
    by_frame = np.lexsort((ids[first], frames[first]))
    return Spans(ids[first][by_frame], frames[first][by_frame], frames[last][by_frame])
