"""CLEAR: matching frame by frame at IoU 0.5, switches, fragments, MOTA and MOTP as TrackEval computes them.

Source: Bernardin and Stiefelhagen 2008; TrackEval 1.3.0 ``metrics/clear.py``, whose fields these are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.pairs import EPSILON, BoxPairs, assign, blocks, in_conflict
from fairmot.evaluation.preprocessing import Comparison

MATCH_IOU = 0.5
# A pair that continues from the frame before outweighs every gain in overlap.
CONTINUATION = 1000

Counts = dict[str, float]
"""Numbers that add up over sequences."""
Scores = dict[str, Any]
"""Field name of TrackEval -> value: ratios are fractions of 1, counts integers, ``NAME_alpha`` lists."""


def count_clear(comparison: Comparison) -> Counts:
    """Match one sequence and count. All counts add up over sequences; ``MOTP_sum`` is a sum of overlaps."""
    truth, results = comparison.truth, comparison.results
    matches = match_clear(comparison)
    # By identity, then frame: neighbours in this order are consecutive sightings of one person.
    ids = truth.ids[matches.truths]
    order = np.lexsort((matches.frames, ids))
    ids, partners = ids[order], results.ids[matches.results][order]
    # Frames without true or without result boxes neither break nor bridge a track.
    occupied = (np.diff(truth.starts) > 0) & (np.diff(results.starts) > 0)
    moments = np.cumsum(occupied)[matches.frames[order]]
    same = ids[1:] == ids[:-1]
    switches = same & (partners[1:] != partners[:-1])
    resumed = same & (moments[1:] != moments[:-1] + 1)

    tracked = np.bincount(ids, minlength=len(truth.id_sizes)) / truth.id_sizes
    mostly_tracked = int(np.count_nonzero(tracked > 0.8))
    partly_tracked = int(np.count_nonzero(tracked >= 0.2)) - mostly_tracked
    # TrackEval counts no frames for a sequence without results or without people; FP_per_frame depends on it.
    frames = comparison.frame_count if len(truth) and len(results) else 0
    return {
        "CLR_TP": len(matches),
        "CLR_FN": len(truth) - len(matches),
        "CLR_FP": len(results) - len(matches),
        "IDSW": int(np.count_nonzero(switches)),
        "MT": mostly_tracked,
        "PT": partly_tracked,
        "ML": len(truth.id_sizes) - mostly_tracked - partly_tracked,
        "Frag": int(np.count_nonzero(resumed)),
        "CLR_Frames": frames,
        "MOTP_sum": float(matches.similarity.sum()),
    }


def clear_scores(counts: Counts) -> Scores:
    """Return the counts and the ratios that follow from them."""
    tp, fn, fp, switches = (counts[name] for name in ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW"))
    people = max(1.0, counts["MT"] + counts["PT"] + counts["ML"])
    boxes = max(1.0, tp + fn)
    logged_switches = float(np.log10(switches)) if switches > 0 else 0.0
    return {
        **counts,
        "MOTA": (tp - fp - switches) / boxes,
        "MOTP": counts["MOTP_sum"] / max(1.0, tp),
        "MODA": (tp - fp) / boxes,
        "CLR_Re": tp / boxes,
        "CLR_Pr": tp / max(1.0, tp + fp),
        "MTR": counts["MT"] / people,
        "PTR": counts["PT"] / people,
        "MLR": counts["ML"] / people,
        "sMOTA": (counts["MOTP_sum"] - fp - switches) / boxes,
        "CLR_F1": tp / max(1.0, tp + 0.5 * fn + 0.5 * fp),
        "FP_per_frame": fp / max(1.0, counts["CLR_Frames"]),
        "MOTAL": (tp - fp - logged_switches) / boxes,
    }


def clear_scores_of_sequence(counts: Counts) -> Scores:
    """Return the scores of a single sequence.

    They differ from ``clear_scores`` only where a sequence has no results or no people: TrackEval leaves every
    ratio 0 there, but ``MLR`` 1.
    """
    scores = clear_scores(counts)
    no_results = counts["CLR_TP"] + counts["CLR_FP"] == 0
    no_people = counts["CLR_TP"] + counts["CLR_FN"] == 0
    if no_results or no_people:
        ratios = scores.keys() - counts.keys()
        scores.update(dict.fromkeys(ratios, 0.0), MLR=1.0)
    return scores


def match_clear(comparison: Comparison) -> BoxPairs:
    """Return the matched pairs: as many continued ones as possible, then the largest total overlap."""
    truth, results = comparison.truth, comparison.results
    pairs = comparison.pairs.select(comparison.pairs.similarity >= MATCH_IOU - EPSILON)
    matched = np.ones(len(pairs), dtype=bool)
    # Where no box has two partners there is nothing to decide: only the other frames depend on the one before.
    for block in blocks(pairs.frames, np.flatnonzero(in_conflict(pairs))):
        frame = pairs.frames[block.start]
        first_truth, first_result = truth.starts[frame], results.starts[frame]
        rows, columns = pairs.truths[block], pairs.results[block]
        partners = _partners_before(comparison, pairs, matched, int(frame))
        continued = partners[truth.ids[rows]] == results.ids[columns]
        weights = CONTINUATION * continued + pairs.similarity[block]
        shape = (int(truth.starts[frame + 1] - first_truth), int(results.starts[frame + 1] - first_result))
        matched[block] = assign(rows - first_truth, columns - first_result, weights, shape)
    return pairs.select(matched)


def _partners_before(
    comparison: Comparison, pairs: BoxPairs, matched: NDArray[np.bool_], frame: int
) -> NDArray[np.int64]:
    """Result identity of each true identity [I] in the last earlier frame with boxes on both sides; -1: none."""
    truth, results = comparison.truth, comparison.results
    partners = np.full(len(truth.id_sizes), -1, dtype=np.int64)
    before = frame - 1
    while before >= 0 and (
        truth.starts[before] == truth.starts[before + 1] or results.starts[before] == results.starts[before + 1]
    ):
        before -= 1
    start, end = np.searchsorted(pairs.frames, (before, before + 1))
    last = np.arange(start, end)[matched[start:end]]
    partners[truth.ids[pairs.truths[last]]] = results.ids[pairs.results[last]]
    return partners
