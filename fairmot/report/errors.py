"""Where a run went wrong: every false positive, miss, switch and fragmentation, as CLEAR counts them."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.clear import match_clear
from fairmot.evaluation.preprocessing import Comparison
from fairmot.formats.motchallenge import Sequence

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Errors:
    """Rows of a sequence's files in which something is wrong."""

    false_positives: Ints
    """Result rows without a true box, by rising frame [P]."""
    misses: Ints
    """True rows without a result, by rising frame [Q]."""
    switches: Ints
    """Result rows in which a person goes on under another identity [S]."""
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


def find_errors(sequence: Sequence, comparisons: SequenceOf[Comparison]) -> Errors:
    """Return the rows behind the counts ``CLR_FP``, ``CLR_FN``, ``IDSW`` and ``Frag``.

    Args:
        sequence: as read.
        comparisons: what ``compare`` made of it: of all boxes alike, or of each class by itself.
    """
    parts = [_errors_of(sequence, comparison) for comparison in comparisons]
    joined = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Errors)}
    joined["false_positives"].sort()
    joined["misses"].sort()
    return Errors(**joined)


def _errors_of(sequence: Sequence, comparison: Comparison) -> Errors:
    true_rows, result_rows = comparison.truth.rows, comparison.results.rows
    matches = match_clear(comparison)
    false = np.ones(len(result_rows), dtype=bool)
    false[matches.results] = False
    missed = np.ones(len(true_rows), dtype=bool)
    missed[matches.truths] = False

    truth, results = comparison.truth, comparison.results
    ids = truth.ids[matches.truths]
    order = np.lexsort((matches.frames, ids))
    ids, partners = ids[order], results.ids[matches.results][order]
    # Frames without true or without result boxes neither break nor bridge a track (as in count_clear).
    occupied = (np.diff(truth.starts) > 0) & (np.diff(results.starts) > 0)
    moments = np.cumsum(occupied)[matches.frames[order]]
    same = ids[1:] == ids[:-1]
    switched = np.flatnonzero(same & (partners[1:] != partners[:-1]))
    resumed = np.flatnonzero(same & (moments[1:] != moments[:-1] + 1))
    matched_truths, matched_results = true_rows[matches.truths][order], result_rows[matches.results][order]
    return Errors(
        false_positives=result_rows[false],
        misses=true_rows[missed],
        switches=matched_results[switched + 1],
        switched_truths=matched_truths[switched + 1],
        identities_before=sequence.results.ids[matched_results[switched]],
        fragmentations=matched_results[resumed + 1],
        fragmented_truths=matched_truths[resumed + 1],
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
