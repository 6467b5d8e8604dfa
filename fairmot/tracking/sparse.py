"""The assignment of a sparse problem: few pairs of many rows and columns are possible.

The pairs divide rows and columns into groups that do not touch each other, and each group is a small assignment of its
own. The result has the same total cost as the assignment of the whole matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]


def assign_pairs(
    rows: IndexArray, columns: IndexArray, cost: FloatRows, limit: float
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Match rows and columns one to one among the given pairs, where leaving a pair unmatched costs ``limit``.

    Args:
        rows: row of each pair [P]; each pair occurs once.
        columns: column of each pair [P].
        cost: cost of each pair [P].
        limit: pairs at or above it are never matched.

    Returns:
        Matched rows [k], ascending, their columns [k], and the places of these pairs in the input [k].
    """
    places = (cost < limit).nonzero()[0]
    if not len(places):
        return rows[:0], columns[:0], places
    kept_rows, kept_columns = _ranks(rows[places]), _ranks(columns[places])
    height, width = int(kept_rows.max()) + 1, int(kept_columns.max()) + 1
    graph = coo_matrix((np.ones(len(places)), (kept_rows, kept_columns + height)), shape=(height + width,) * 2)
    group = connected_components(graph, directed=False)[1][kept_rows]
    order = np.argsort(group, kind="stable")
    starts = np.concatenate([[0], (np.diff(group[order]) != 0).nonzero()[0] + 1, [len(order)]])
    is_single = np.diff(starts) == 1
    chosen = [order[starts[:-1][is_single]]]
    for begin, end in zip(starts[:-1][~is_single].tolist(), starts[1:][~is_single].tolist(), strict=True):
        chosen.append(_solved(order[begin:end], kept_rows, kept_columns, cost[places] - limit))
    matched = places[np.concatenate(chosen)]
    matched = matched[np.argsort(rows[matched], kind="stable")]
    return rows[matched], columns[matched], matched


def _solved(pairs: IndexArray, rows: IndexArray, columns: IndexArray, gain: FloatRows) -> IndexArray:
    """Return the matched ones among the pairs of a group; their gain is below 0."""
    own_rows, own_columns = _ranks(rows[pairs]), _ranks(columns[pairs])
    matrix = np.zeros((int(own_rows.max()) + 1, int(own_columns.max()) + 1))
    place = np.zeros(matrix.shape, dtype=np.intp)
    matrix[own_rows, own_columns], place[own_rows, own_columns] = gain[pairs], pairs
    first, second = linear_sum_assignment(matrix)
    is_pair = matrix[first, second] < 0
    found: IndexArray = place[first[is_pair], second[is_pair]]
    return found


def _ranks(values: NDArray[Any]) -> IndexArray:
    ranks: IndexArray = np.unique(values, return_inverse=True)[1]
    return ranks
