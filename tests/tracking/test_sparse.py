"""The sparse assignment costs what the assignment of the whole matrix costs."""

import numpy as np
import pytest

from fairmot.tracking.association import assign
from fairmot.tracking.sparse import assign_pairs


def total(cost, rows, columns, limit):
    return float((cost[rows, columns] - limit).sum())


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("density", [0.02, 0.1, 0.5, 1.0])
def test_it_equals_the_whole_matrix(seed, density):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 40, 2)
    cost = np.where(rng.random((rows, columns)) < density, rng.random((rows, columns)), np.inf)
    first, second = np.isfinite(cost).nonzero()
    order = rng.permutation(len(first))
    first, second = first[order], second[order]
    mine = assign_pairs(first, second, cost[first, second], 0.7)
    np.testing.assert_array_equal(first[mine[2]], mine[0])
    np.testing.assert_array_equal(second[mine[2]], mine[1])
    assert len(set(mine[0].tolist())) == len(set(mine[1].tolist())) == len(mine[0])
    assert (cost[mine[0], mine[1]] < 0.7).all()
    theirs = assign(cost, 0.7)
    assert total(cost, *mine[:2], 0.7) == pytest.approx(total(cost, *theirs, 0.7), abs=1e-9)


def test_taking_the_cheapest_pair_first_would_cost_more():
    rows, columns, cost = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.1, 0.2, 0.3])
    found = assign_pairs(rows, columns, cost, 1.0)
    assert list(zip(*(part.tolist() for part in found[:2]), strict=True)) == [(0, 1), (1, 0)]


def test_without_pairs_nothing_matches():
    nothing = np.empty(0, dtype=np.intp)
    assert all(len(part) == 0 for part in assign_pairs(nothing, nothing, np.empty(0), 1.0))
    assert all(len(part) == 0 for part in assign_pairs(np.array([3]), np.array([4]), np.array([1.0]), 1.0))
