"""HOTA: detection, association and localisation at 19 overlap thresholds, as TrackEval computes them.

Source: Luiten et al. 2021; TrackEval 1.3.0 ``metrics/hota.py``, whose fields these are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.pairs import EPSILON, BoxPairs, best_assignment, blocks, in_conflict
from fairmot.evaluation.preprocessing import Comparison

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""The overlap thresholds."""

HotaCounts = dict[str, NDArray[np.float64]]
"""Numbers [alpha] that add up over sequences."""
HotaScores = dict[str, float | list[float] | list[int]]

# Sums below this count as nothing found; localisation is then perfect (source: TrackEval).
_TINY = 1e-10
_INTEGERS = ("HOTA_TP", "HOTA_FN", "HOTA_FP")


def count_hota(comparison: Comparison) -> HotaCounts:
    """Match one sequence and count, at each threshold.

    ``AssA_sum``, ``AssRe_sum``, ``AssPr_sum`` and ``LocA_sum`` are sums over the matched boxes.
    """
    truth, results, pairs = comparison.truth, comparison.results, comparison.pairs
    # One number for each couple of identities that overlap.
    codes = truth.ids[pairs.truths] * max(1, len(results.id_sizes)) + results.ids[pairs.results]
    couples, couple = np.unique(codes, return_inverse=True)
    true_sizes = truth.id_sizes[couples // max(1, len(results.id_sizes))]
    result_sizes = results.id_sizes[couples % max(1, len(results.id_sizes))]

    meeting = np.bincount(couple, weights=_exclusiveness(comparison), minlength=len(couples))
    alignment = meeting / (true_sizes + result_sizes - meeting)
    weights = alignment[couple] * pairs.similarity
    matched = best_assignment(pairs, weights, truth.starts, results.starts)
    similarity, couple = pairs.similarity[matched], couple[matched]

    counts = {name: np.zeros(len(ALPHAS)) for name in ("HOTA_TP", "AssA_sum", "AssRe_sum", "AssPr_sum", "LocA_sum")}
    for index, alpha in enumerate(ALPHAS):
        found = similarity >= alpha - EPSILON
        together = np.bincount(couple[found], minlength=len(couples))
        counts["HOTA_TP"][index] = np.count_nonzero(found)
        counts["LocA_sum"][index] = similarity[found].sum()
        counts["AssA_sum"][index] = (together * (together / (true_sizes + result_sizes - together))).sum()
        counts["AssRe_sum"][index] = (together * (together / true_sizes)).sum()
        counts["AssPr_sum"][index] = (together * (together / result_sizes)).sum()
    counts["HOTA_FN"] = len(truth) - counts["HOTA_TP"]
    counts["HOTA_FP"] = len(results) - counts["HOTA_TP"]
    return counts


def hota_scores(counts: HotaCounts) -> HotaScores:
    """Return the scores: ``NAME_alpha`` is the list over thresholds, ``NAME`` its mean."""
    tp, fn, fp = (counts[name] for name in _INTEGERS)
    found = np.maximum(1, tp)
    curves = {
        "DetA": tp / np.maximum(1, tp + fn + fp),
        "DetRe": tp / np.maximum(1, tp + fn),
        "DetPr": tp / np.maximum(1, tp + fp),
        "AssA": counts["AssA_sum"] / found,
        "AssRe": counts["AssRe_sum"] / found,
        "AssPr": counts["AssPr_sum"] / found,
        "LocA": np.maximum(_TINY, counts["LocA_sum"]) / np.maximum(_TINY, tp),
    }
    curves["HOTA"] = np.sqrt(curves["DetA"] * curves["AssA"])
    curves["OWTA"] = np.sqrt(curves["DetRe"] * curves["AssA"])
    scores: HotaScores = {}
    for name, curve in curves.items():
        scores[name] = float(curve.mean())
        scores[f"{name}_alpha"] = curve.tolist()
    for name in _INTEGERS:
        scores[name] = float(counts[name].mean())
        scores[f"{name}_alpha"] = counts[name].astype(np.int64).tolist()
    first, first_location = float(curves["HOTA"][0]), float(curves["LocA"][0])
    scores["HOTA(0)"] = first
    scores["LocA(0)"] = first_location
    scores["HOTALocA(0)"] = first * first_location
    return scores


def _exclusiveness(comparison: Comparison) -> NDArray[np.float64]:
    """Return how exclusively each pair overlaps [P]: its IoU divided by the total IoU of its two boxes."""
    truth, results, pairs = comparison.truth, comparison.results, comparison.pairs
    # A box with a single partner has that pair's IoU in total.
    true_totals, result_totals = pairs.similarity.copy(), pairs.similarity.copy()
    for block in blocks(pairs.frames, np.flatnonzero(in_conflict(pairs))):
        true_totals[block], result_totals[block] = _totals(pairs, block, truth.starts, results.starts)
    total = result_totals + true_totals - pairs.similarity
    return np.divide(pairs.similarity, total, out=np.zeros(len(pairs)), where=total > EPSILON)


def _totals(
    pairs: BoxPairs, block: slice, truth_starts: NDArray[np.int64], result_starts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Total IoU of the true and of the result box of each pair of one frame.

    Summed over the frame's full matrix: another order of addition changes the last bit, which can break a tie of
    the assignment that TrackEval sees, or make one.
    """
    frame = pairs.frames[block.start]
    rows, columns = pairs.truths[block] - truth_starts[frame], pairs.results[block] - result_starts[frame]
    matrix = np.zeros((truth_starts[frame + 1] - truth_starts[frame], result_starts[frame + 1] - result_starts[frame]))
    matrix[rows, columns] = pairs.similarity[block]
    return matrix.sum(axis=1)[rows], matrix.sum(axis=0)[columns]
