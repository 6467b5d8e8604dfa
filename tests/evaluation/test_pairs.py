import numpy as np
import pytest

from fairmot.evaluation.pairs import (
    assign,
    best_assignment,
    frame_starts,
    in_conflict,
    overlapping_pairs,
)
from fairmot.geometry import pairwise_iou, tlwh_to_xyxy


def random_boxes(rng, count, frames):
    boxes = np.concatenate([rng.random((count, 2)) * 100, 5 + rng.random((count, 2)) * 40], axis=1)
    return boxes, np.sort(rng.integers(0, frames, size=count))


@pytest.fixture
def scene():
    rng = np.random.default_rng(3)
    truth, true_frames = random_boxes(rng, 60, 12)
    results, result_frames = random_boxes(rng, 80, 12)
    true_frames[true_frames == 4] = 5
    starts = frame_starts(true_frames, 12), frame_starts(result_frames, 12)
    return truth, true_frames, starts[0], results, result_frames, starts[1]


def test_pairs_are_all_overlaps_of_a_frame(scene):
    truth, true_frames, true_starts, results, result_frames, result_starts = scene
    pairs = overlapping_pairs(truth, true_starts, results, result_starts)
    iou = pairwise_iou(tlwh_to_xyxy(truth), tlwh_to_xyxy(results))
    iou[true_frames[:, None] != result_frames[None, :]] = 0
    rows, columns = np.nonzero(iou)
    assert len(pairs) > 50
    np.testing.assert_array_equal(pairs.truths, rows)
    np.testing.assert_array_equal(pairs.results, columns)
    np.testing.assert_array_equal(pairs.frames, true_frames[rows])
    np.testing.assert_allclose(pairs.similarity, iou[rows, columns], rtol=0, atol=1e-15)


def test_boxes_without_area_or_without_partner_overlap_nothing():
    boxes = np.array([[0.0, 0, 0, 10], [0, 0, 10, -10], [0, 0, 10, 10]])
    starts = np.array([0, 3])
    pairs = overlapping_pairs(boxes, starts, boxes, starts)
    assert pairs.truths.tolist() == pairs.results.tolist() == [2]
    nothing = overlapping_pairs(boxes, starts, np.empty((0, 4)), np.array([0, 0]))
    assert len(nothing) == 0
    assert not len(in_conflict(nothing))


def test_shortcut_gives_the_full_assignment(scene):
    truth, _, true_starts, results, _, result_starts = scene
    pairs = overlapping_pairs(truth, true_starts, results, result_starts)
    pairs = pairs.select(pairs.similarity > 0.2)
    taken = best_assignment(pairs, pairs.similarity, true_starts, result_starts)
    conflict = in_conflict(pairs)
    assert 0 < conflict.sum() < len(pairs)
    for frame in np.unique(pairs.frames):
        block = pairs.frames == frame
        shape = (
            int(true_starts[frame + 1] - true_starts[frame]),
            int(result_starts[frame + 1] - result_starts[frame]),
        )
        expected = assign(
            pairs.truths[block] - true_starts[frame],
            pairs.results[block] - result_starts[frame],
            pairs.similarity[block],
            shape,
        )
        np.testing.assert_array_equal(taken[block], expected)
    assert not taken.all()


def test_the_heaviest_total_is_assigned():
    # 0.6 + 0.6 beats 0.9 alone.
    rows, columns = np.array([0, 0, 1]), np.array([0, 1, 0])
    assert assign(rows, columns, np.array([0.9, 0.6, 0.6]), (2, 2)).tolist() == [False, True, True]
    assert assign(rows, columns, np.array([1.3, 0.6, 0.6]), (2, 2)).tolist() == [True, False, False]
