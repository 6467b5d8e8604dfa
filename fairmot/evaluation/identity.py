"""Identity scores: one global matching of true to result identities (IDF1), as TrackEval computes them.

Source: Ristani et al. 2016; TrackEval 1.3.0 ``metrics/identity.py``, whose fields these are.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from fairmot.evaluation.clear import Counts, Scores
from fairmot.evaluation.pairs import BoxPairs
from fairmot.evaluation.preprocessing import Comparison

MATCH_IOU = 0.5


def count_identity(comparison: Comparison) -> Counts:
    """Match the identities of one sequence so that most boxes agree, and count boxes."""
    return count_identity_pairs(comparison, comparison.pairs.select(comparison.pairs.similarity >= MATCH_IOU))


def count_identity_pairs(comparison: Comparison, agreeing: BoxPairs) -> Counts:
    """Count with the given pairs as those that agree; all identities of the comparison take part."""
    truth, results = comparison.truth, comparison.results
    # Identities that agree with none cannot gain by a match and would only enlarge the matrix.
    true_ids, rows = np.unique(truth.ids[agreeing.truths], return_inverse=True)
    result_ids, columns = np.unique(results.ids[agreeing.results], return_inverse=True)
    together = np.bincount(rows * len(result_ids) + columns, minlength=len(true_ids) * len(result_ids))
    together = together.reshape(len(true_ids), len(result_ids))
    agreed = int(together[linear_sum_assignment(together, maximize=True)].sum())
    return {"IDTP": agreed, "IDFN": len(truth) - agreed, "IDFP": len(results) - agreed}


def identity_scores(counts: Counts) -> Scores:
    """Return the counts and the ratios that follow from them."""
    tp, fn, fp = (counts[name] for name in ("IDTP", "IDFN", "IDFP"))
    return {
        **counts,
        "IDR": tp / max(1.0, tp + fn),
        "IDP": tp / max(1.0, tp + fp),
        "IDF1": tp / max(1.0, tp + 0.5 * fp + 0.5 * fn),
    }
