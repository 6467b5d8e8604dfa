"""Costs, and the assignment with a limit."""

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.geometry import pairwise_iou
from fairmot.tracking.association import assign, cosine_distance, fused_cost, iou_distance


def random_cost(rng):
    n, m = rng.integers(0, 14, 2)
    cost = rng.random((n, m)) * rng.choice([0.6, 1.0, 2.0])
    cost[rng.random((n, m)) < rng.choice([0.0, 0.3, 0.9])] = np.inf
    return cost, float(rng.choice([0.4, 0.5, 0.7]))


def test_assign_equals_the_extended_matrix(published):
    rng = np.random.default_rng(1)
    differs_from_filtering = 0
    for _ in range(500):
        cost, limit = random_cost(rng)
        rows, columns = assign(cost, limit)
        pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
        expected, _, _ = published.assign(cost, limit)
        assert pairs == expected
        if cost.size and np.isfinite(cost).all():
            full_rows, full_columns = published.linear_sum_assignment(cost)
            keep = cost[full_rows, full_columns] < limit
            filtered = list(zip(full_rows[keep].tolist(), full_columns[keep].tolist(), strict=True))
            differs_from_filtering += filtered != pairs
    # The test could not tell the two apart otherwise.
    assert differs_from_filtering > 10


def test_assign_reaches_the_least_total(published):
    """The optimum itself, by trying every set of pairs."""

    def least(cost, limit, row=0, used=frozenset()):
        if row == len(cost):
            return 0.0
        options = [least(cost, limit, row + 1, used)]
        for column in range(cost.shape[1]):
            if column not in used and cost[row, column] < limit:
                rest = least(cost, limit, row + 1, used | {column})
                options.append(cost[row, column] - limit + rest)
        return min(options)

    rng = np.random.default_rng(2)
    for _ in range(60):
        cost, limit = rng.random((rng.integers(1, 6), rng.integers(1, 6))), 0.6
        rows, columns = assign(cost, limit)
        assert len(set(rows)) == len(rows)
        assert len(set(columns)) == len(columns)
        assert (np.diff(rows) > 0).all()
        total = float((cost[rows, columns] - limit).sum())
        assert total == pytest.approx(least(cost, limit), abs=1e-12)


def test_assign_never_matches_at_the_limit_or_beyond():
    cost = np.array([[0.5, np.inf], [0.7, 0.5]])
    assert len(assign(cost, 0.5)[0]) == 0
    assert assign(cost, 0.5 + 1e-9)[0].tolist() == [0, 1]


def test_iou_counts_the_last_pixel():
    first, second = np.array([[0.0, 0.0, 9.0, 9.0]]), np.array([[5.0, 0.0, 14.0, 9.0], [10.0, 0.0, 12.0, 9.0]])
    np.testing.assert_allclose(iou_distance(first, second), [[1 - 50 / 150, 1.0]])


def test_iou_distance_is_that_of_geometry():
    rng = np.random.default_rng(6)
    first, second = (
        np.concatenate([c := rng.uniform(0, 90, (n, 2)), c + rng.uniform(1, 60, (n, 2))], 1) for n in (9, 7)
    )
    expected = 1 - pairwise_iou(first, second, pixel=1.0)
    np.testing.assert_array_equal(iou_distance(first, second), expected)
    assert 0.1 < (expected < 1).mean() < 0.9
    assert iou_distance(first[:0], second).shape == (0, 7)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(iou_distance(first + 1e-9, second), expected)


def test_cosine_distance_is_scipys(published):
    rng = np.random.default_rng(4)
    first = rng.normal(size=(7, 16))
    second = np.concatenate([rng.normal(size=(5, 16)), first[:2]])
    first, second = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second))
    expected = np.maximum(published.cdist(first, second, "cosine"), 0)
    found = cosine_distance(first, second)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert (found >= 0).all()
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found + 1e-12, expected, atol=1e-14)


def test_costs_are_fused():
    appearance, overlap, motion = np.array([0.1, 0.3]), np.array([0.5, 0.9]), np.array([2.0, 5.0])
    published = fused_cost(appearance, np.empty(0), motion, TrackerConfig())
    np.testing.assert_allclose(published, [0.138, 0.394])
    fused = fused_cost(appearance, overlap, motion, TrackerConfig(iou_weight=0.6, motion_weight=0.1))
    np.testing.assert_allclose(fused, [0.9 * 0.34 + 0.2, 0.9 * 0.66 + 0.5])
