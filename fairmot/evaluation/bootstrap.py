"""How far scores depend on which sequences a data set happens to hold: bootstrap intervals over sequences."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError
from fairmot.evaluation.scores import SequenceCounts, combined_scores
from fairmot.evaluation.scoring import Counted

FIELDS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1")
"""Scores that get intervals."""
DRAWS = 1000
COVERAGE = 0.95
_SEED = 0


def resampled_scores(
    trackers: SequenceOf[Mapping[str, Counted]], draws: int = DRAWS
) -> dict[str, NDArray[np.float64]] | None:
    """Draw sequences with replacement and score each draw; every tracker is scored on the same draws.

    Args:
        trackers: what was counted of each tracker, by sequence; the same sequences of all.
        draws: number of draws D.

    Returns:
        Each of ``FIELDS`` -> scores [trackers, D]; None for fewer than two sequences.

    Raises:
        InputError: the trackers are of different sequences.
    """
    names = list(trackers[0])
    if any(set(tracker) != set(names) for tracker in trackers):
        raise InputError("results of different sequences cannot be compared")
    if len(names) < 2:
        return None
    chosen = np.random.default_rng(_SEED).integers(len(names), size=(draws, len(names)))
    result = {field: np.empty((len(trackers), draws)) for field in FIELDS}
    for number, tracker in enumerate(trackers):
        counts = [list(tracker[name].counts.values()) for name in names]
        for draw, picked in enumerate(chosen.tolist()):
            parts: list[SequenceCounts] = [part for place in picked for part in counts[place]]
            scores = combined_scores(parts)
            for field in FIELDS:
                result[field][number, draw] = scores[field]
    return result


def intervals(samples: Mapping[str, NDArray[np.float64]], tracker: int, base: int | None = None) -> dict[str, Any]:
    """Return ``{field: [low, high]}``, percentiles that hold 95 % of the draws.

    Args:
        samples: of ``resampled_scores``.
        tracker: of which tracker.
        base: of its difference from this tracker on the same draws; None: of its own score.
    """
    ends = [100 * (1 - COVERAGE) / 2, 100 * (1 + COVERAGE) / 2]
    found = {}
    for field, values in samples.items():
        shown = values[tracker] - (0 if base is None else values[base])
        found[field] = [float(end) for end in np.percentile(shown, ends)]
    return found
