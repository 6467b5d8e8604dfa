"""Gaps filled afterwards."""

import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.tracking.interpolation import interpolate


def walk(frames, identity=1, speed=2.0, score=0.8, extra=()):
    return np.array([[f, identity, 10 + speed * f, 20, 30 + f, 60, score, *extra] for f in frames], float)


def test_a_straight_walk_is_completed():
    whole = walk(range(1, 30))
    holes = np.delete(whole, [3, 4, 5, 12, 20, 21], axis=0)
    np.testing.assert_allclose(interpolate(holes), whole, atol=1e-12)
    np.testing.assert_allclose(interpolate(holes, method="gaussian"), whole, atol=1e-9)
    bent = holes.copy()
    bent[3, 2] += 0.01
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(interpolate(bent), whole, atol=1e-12)


@pytest.mark.parametrize(("longest", "count"), [(3, 14), (4, 14), (2, 11), (0, 10)])
def test_longer_gaps_stay(longest, count):
    rows = walk([*range(1, 5), *range(8, 12), 13, 20])
    filled = interpolate(rows, max_gap_frames=longest)
    assert len(filled) == count
    assert 15 not in filled[:, 0]


def test_identities_are_kept_apart_and_rows_come_by_frame():
    rows = np.concatenate([walk([1, 4], 2, extra=(-1, 7)), walk([2, 3, 6], 1, speed=-1, extra=(-1, 9))])
    filled = interpolate(rows[::-1])
    assert filled[:, :2].tolist() == [[1, 2], [2, 1], [2, 2], [3, 1], [3, 2], [4, 1], [4, 2], [5, 1], [6, 1]]
    assert (filled[filled[:, 1] == 1][:, 8] == 9).all()
    np.testing.assert_allclose(filled[filled[:, 1] == 1][:, 2], 10 - filled[filled[:, 1] == 1][:, 0])


def test_scores_lie_between():
    rows = walk([1, 4])
    rows[1, 6] = 0.5
    np.testing.assert_allclose(interpolate(rows)[:, 6], [0.8, 0.7, 0.6, 0.5])


def test_smoothing_takes_jitter_out():
    rng = np.random.default_rng(0)
    whole = walk(range(1, 200))
    noisy = whole.copy()
    noisy[:, 2:6] += rng.normal(0, 2, (len(noisy), 4))
    smooth = interpolate(noisy, method="gaussian")
    before, after = (np.abs(rows[:, 2:6] - whole[:, 2:6]).mean() for rows in (noisy, smooth))
    assert after < 0.5 * before
    np.testing.assert_array_equal(interpolate(noisy), noisy)


@pytest.mark.parametrize("method", ["linear", "gaussian"])
def test_little_or_nothing_to_do(method):
    assert interpolate(np.empty((0, 7)), method=method).shape == (0, 7)
    np.testing.assert_array_equal(interpolate(walk([5]), method=method), walk([5]))
    np.testing.assert_allclose(interpolate(walk([5, 7]), method=method), walk([5, 6, 7]), atol=1e-12)


def test_sizes_stay_positive():
    rows = walk(range(1, 12))
    rows[:, 4] = [1, 1, 1, 1, 1, 200, 1, 1, 1, 400, 1]
    assert (interpolate(rows, method="gaussian", smoothing_frames=1)[:, 4:6] >= 1).all()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (np.ones((3, 5)), {}, "expected frame"),
        (walk([1, 2, 2]), {}, "identity 1 occurs twice in frame 2"),
        (walk([1]), {"method": "cubic"}, "cubic"),
        (walk([1]), {"max_gap_frames": -1}, "max_gap_frames"),
        (walk([1]), {"smoothing_frames": 0}, "smoothing_frames"),
    ],
)
def test_mistakes(rows, options, message):
    with pytest.raises(InputError, match=message):
        interpolate(rows, **options)
