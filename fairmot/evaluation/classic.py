"""The classic table of MOTChallenge as motmetrics counts it; its numbers differ from CLEAR's in known ways.

A match is kept as long as it holds, also after a gap; the rest is matched with as many pairs as possible at the least
distance. 80 % of the frames make a person mostly tracked, and a fragment needs the person to be present but missed.
Source: motmetrics 1.4.0 ``mot.py`` and ``metrics.py``.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fairmot.evaluation.clear import Counts, Scores
from fairmot.evaluation.identity import count_identity_pairs
from fairmot.evaluation.preprocessing import Comparison

MAX_DISTANCE = 0.5
COLUMNS = (
    *("IDF1", "IDP", "IDR", "Rcll", "Prcn", "GT", "MT", "PT", "ML", "FP", "FN", "IDs", "FM"),
    *("MOTA", "MOTP", "IDt", "IDa", "IDm"),
)
"""Columns of the table. MOTP is the mean of 1 - IoU; IDt, IDa, IDm are transfers, ascends and migrations."""


def count_classic(comparison: Comparison) -> Counts:
    """Match one sequence and count; everything adds up over sequences."""
    truth, results = comparison.truth, comparison.results
    history = _History(len(truth.id_sizes), len(results.id_sizes))
    matched = np.zeros(len(truth), dtype=bool)
    pairs = comparison.pairs
    distances = 1 - pairs.similarity
    near = distances <= MAX_DISTANCE
    pairs, distances = pairs.select(near), distances[near]
    bounds = np.searchsorted(pairs.frames, np.arange(comparison.frame_count + 1))
    total_distance = 0.0
    for frame in np.flatnonzero(np.diff(bounds)):
        block = slice(int(bounds[frame]), int(bounds[frame + 1]))
        rows, columns = pairs.truths[block], pairs.results[block]
        shape = (
            int(truth.starts[frame + 1] - truth.starts[frame]),
            int(results.starts[frame + 1] - results.starts[frame]),
        )
        taken = history.match(
            truth.ids[rows],
            results.ids[columns],
            rows - truth.starts[frame],
            columns - results.starts[frame],
            distances[block],
            shape,
        )
        matched[rows[taken]] = True
        total_distance += float(distances[block][taken].sum())

    tracked = np.bincount(truth.ids[matched], minlength=len(truth.id_sizes)) / truth.id_sizes
    found = int(matched.sum())
    return {
        **count_identity_pairs(comparison, pairs),
        "GT": len(truth.id_sizes),
        "MT": int(np.count_nonzero(tracked >= 0.8)),
        "PT": int(np.count_nonzero((tracked >= 0.2) & (tracked < 0.8))),
        "ML": int(np.count_nonzero(tracked < 0.2)),
        "TP": found,
        "FP": len(results) - found,
        "FN": len(truth) - found,
        "IDs": history.switches,
        "FM": _fragments(truth.ids, matched),
        "IDt": history.transfers,
        "IDa": history.ascends,
        "IDm": history.migrations,
        "distance_sum": total_distance,
    }


def classic_scores(counts: Counts) -> Scores:
    """Return the columns of the table; a ratio without anything to count is 0."""
    found, objects = counts["TP"], counts["TP"] + counts["FN"]
    errors = counts["FN"] + counts["IDs"] + counts["FP"]
    agreed = counts["IDTP"]
    ratios = {
        "IDF1": _ratio(2 * agreed, 2 * agreed + counts["IDFP"] + counts["IDFN"]),
        "IDP": _ratio(agreed, agreed + counts["IDFP"]),
        "IDR": _ratio(agreed, agreed + counts["IDFN"]),
        "Rcll": _ratio(found, objects),
        "Prcn": _ratio(found, found + counts["FP"]),
        "MOTA": 1 - errors / objects if objects else 0.0,
        "MOTP": _ratio(counts["distance_sum"], found),
    }
    return {name: ratios[name] if name in ratios else counts[name] for name in COLUMNS}


def combined_classic_scores(parts: SequenceOf[Counts]) -> Scores:
    """Return the row of all sequences together."""
    return classic_scores({name: sum(part[name] for part in parts) for name in parts[0]})


class _History:
    """Matches so far between people and identities, and the events that follow from them."""

    def __init__(self, true_count: int, result_count: int) -> None:
        self.partner = np.full(true_count, -1, dtype=np.int64)
        # Owners change only where a match is made anew, not where one is kept.
        self.owner = np.full(result_count, -1, dtype=np.int64)
        self.result_was_matched = np.zeros(result_count, dtype=bool)
        self.switches = self.transfers = self.ascends = self.migrations = 0

    def match(
        self,
        true_ids: NDArray[np.int64],
        result_ids: NDArray[np.int64],
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        distances: NDArray[np.float64],
        shape: tuple[int, int],
    ) -> NDArray[np.bool_]:
        """Match one frame; the arguments describe its near pairs [P] in order of rows. Returns the taken pairs."""
        taken = np.zeros(len(rows), dtype=bool)
        # Two people may have had the same partner: the first row keeps it.
        kept = np.flatnonzero(self.partner[true_ids] == result_ids)
        kept = kept[np.unique(columns[kept], return_index=True)[1]]
        taken[kept] = True
        free = ~(np.isin(rows, rows[kept]) | np.isin(columns, columns[kept]))
        if free.any():
            new = np.flatnonzero(free)
            new = new[_nearest(rows[new], columns[new], distances[new], shape)]
            self._count_events(true_ids[new], result_ids[new])
            taken[new] = True
            self.partner[true_ids[new]] = result_ids[new]
            self.owner[result_ids[new]] = true_ids[new]
        self.result_was_matched[result_ids[taken]] = True
        return taken

    def _count_events(self, true_ids: NDArray[np.int64], result_ids: NDArray[np.int64]) -> None:
        known = self.partner[true_ids] >= 0
        switched = known & (self.partner[true_ids] != result_ids)
        transferred = (self.owner[result_ids] >= 0) & (self.owner[result_ids] != true_ids)
        self.switches += int(switched.sum())
        self.ascends += int((switched & ~self.result_was_matched[result_ids]).sum())
        self.transfers += int(transferred.sum())
        self.migrations += int((transferred & ~known).sum())


def _nearest(
    rows: NDArray[np.int64], columns: NDArray[np.int64], distances: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Mark the pairs of the matching with most pairs and, among those, the least total distance."""
    # A missing pair costs more than all others together, as in motmetrics' ``add_expensive_edges``.
    costs = np.full(shape, 2 * min(shape) * (distances.max() + 1) + 1)
    costs[rows, columns] = distances
    taken = np.zeros(shape, dtype=bool)
    taken[linear_sum_assignment(costs)] = True
    return taken[rows, columns]


def _fragments(ids: NDArray[np.int64], matched: NDArray[np.bool_]) -> int:
    """Count how often a person who is present is lost and later found again. Rows are by rising frame."""
    order = np.argsort(ids, kind="stable")
    ids, found = ids[order], matched[order]
    seen = np.flatnonzero(found)
    # Between two sightings that are not neighbours the person was present and missed.
    return int(np.count_nonzero((ids[seen[1:]] == ids[seen[:-1]]) & (np.diff(seen) > 1)))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
