"""The four 2 x 2 blocks against the full 8 x 8 matrices."""

import numpy as np
import pytest

from fairmot.tracking import kalman


def full(covariance):
    """[M, 3, 4] -> [M, 8, 8]."""
    matrices = np.zeros((len(covariance), 8, 8))
    for i in range(4):
        matrices[:, i, i] = covariance[:, kalman.POSITION, i]
        matrices[:, i, i + 4] = matrices[:, i + 4, i] = covariance[:, kalman.CROSS, i]
        matrices[:, i + 4, i + 4] = covariance[:, kalman.VELOCITY, i]
    return matrices


def random_boxes(rng, count):
    low = [0, 0, 0.2, 20]
    return rng.uniform(low, [1920, 1080, 0.8, 300], (count, 4))


@pytest.fixture
def state():
    """Tracks that have lived through a few steps, and their twins in full matrices."""
    rng = np.random.default_rng(3)
    boxes = random_boxes(rng, 12)
    mean, covariance = kalman.initiate(boxes)
    for _ in range(3):
        mean, covariance = kalman.predict(mean, covariance)
        measured = mean[:, :4] + rng.normal(0, [4, 4, 0.02, 3], (12, 4))
        mean, covariance = kalman.update(mean, covariance, measured)
    return rng, mean, covariance


def assert_close(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(full(found[1]), expected[1], rtol=1e-12, atol=1e-14)


def test_initiate(published):
    boxes = random_boxes(np.random.default_rng(0), 9)
    plain = [published.KalmanFilter().initiate(box) for box in boxes]
    assert_close(kalman.initiate(boxes), [np.stack(part) for part in zip(*plain, strict=True)])


def test_predict(published, state):
    _, mean, covariance = state
    plain = [published.KalmanFilter().predict(*pair) for pair in zip(mean, full(covariance), strict=True)]
    assert_close(kalman.predict(mean, covariance), [np.stack(part) for part in zip(*plain, strict=True)])


def test_update(published, state):
    rng, mean, covariance = state
    boxes = mean[:, :4] + rng.normal(0, 3, (12, 4))
    plain = [published.KalmanFilter().update(*row) for row in zip(mean, full(covariance), boxes, strict=True)]
    expected = [np.stack(part) for part in zip(*plain, strict=True)]
    found = kalman.update(mean, covariance, boxes)
    assert_close(found, expected)
    found[0][5, 7] += 1e-9
    with pytest.raises(AssertionError):
        assert_close(found, expected)


def test_inputs_stay_as_they_were(state):
    _, mean, covariance = state
    before = mean.copy(), covariance.copy()
    kalman.predict(mean, covariance)
    kalman.update(mean, covariance, mean[:, :4] + 1)
    kalman.gated_pairs(mean, covariance, mean[:, :4] + 1, 9.4877)
    np.testing.assert_array_equal(mean, before[0])
    np.testing.assert_array_equal(covariance, before[1])


def test_gated_pairs_are_those_of_the_whole_table(published, state):
    rng, mean, covariance = state
    near = rng.integers(0, 12, 40)
    spread = np.sqrt(kalman.innovation_variance(mean, covariance))
    boxes = mean[near, :4] + rng.normal(0, 1.5, (40, 4)) * spread[near]
    matrices = full(covariance)
    table = np.stack(
        [published.KalmanFilter().squared_distance(m, c, boxes) for m, c in zip(mean, matrices, strict=True)]
    )
    tracks, columns, distance = kalman.gated_pairs(mean, covariance, boxes, 9.4877)
    expected_tracks, expected_columns = np.nonzero(table <= 9.4877)
    assert 10 < len(tracks) < 40  # both sides of the gate occur
    np.testing.assert_array_equal(tracks, expected_tracks)
    np.testing.assert_array_equal(columns, expected_columns)
    np.testing.assert_allclose(distance, table[tracks, columns], rtol=1e-10)
