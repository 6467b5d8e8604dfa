import numpy as np
import pytest

from fairmot.evaluation.detection import average_precision, precision_recall
from fairmot.geometry import pairwise_iou

A, B, C = [0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]
NONE = np.empty((0, 4))


def test_perfect_and_nothing():
    assert average_precision([[A, B], [C]], [[0.9, 0.2], [0.5]], [[A, B], [C]]) == 1.0
    assert average_precision([NONE], [[]], [[A]]) == 0.0
    assert average_precision([[A]], [[0.9]], [NONE]) == 0.0
    assert average_precision([], [], []) == 0.0


def test_worked_by_hand():
    # By score: right, wrong, right, wrong, (third true box never found).
    # Precision 1, 1/2, 2/3, 1/2 at recall 1/3, 1/3, 2/3, 2/3: area = 1/3 * 1 + 1/3 * 2/3.
    boxes = [[A, [100, 0, 110, 10]], [B, [200, 0, 210, 10]]]
    scores = [[0.9, 0.8], [0.7, 0.6]]
    truth = [[A], [B, C]]
    assert average_precision(boxes, scores, truth) == pytest.approx(1 / 3 + 2 / 9, abs=1e-12)
    curve = precision_recall(boxes, scores, truth)
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3, 1 / 2])
    np.testing.assert_allclose(curve.recall, [1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert curve.scores.tolist() == [0.9, 0.8, 0.7, 0.6]
    # A missing wrong one would change the area.
    assert average_precision([[A], [B]], [[0.9], [0.7]], truth) == pytest.approx(2 / 3, abs=1e-12)


def test_a_second_detection_of_the_same_person_is_wrong():
    curve = precision_recall([[A, A]], [[0.6, 0.9]], [[A]])
    assert curve.precision.tolist() == [1, 0.5]
    assert curve.average_precision == 1.0
    assert average_precision([[A, A, B]], [[0.9, 0.8, 0.7]], [[A, B]]) == pytest.approx(0.5 + 0.5 * 2 / 3, abs=1e-12)


def test_a_detection_takes_the_next_best_box_when_its_best_is_taken():
    shifted = [2, 0, 12, 10]
    # Both detections fit A best; the weaker one still reaches 0.5 with the shifted person (8 / 12).
    assert average_precision([[A, A]], [[0.9, 0.8]], [[A, shifted]]) == 1.0
    assert average_precision([[A, A]], [[0.9, 0.8]], [[A, shifted]], iou=0.7) == 0.5


def test_images_do_not_mix():
    assert average_precision([[A], NONE], [[0.9], []], [NONE, [A]]) == 0.0


def test_overlap_limit_is_inclusive():
    assert average_precision([[[0, 0, 10, 5]]], [[0.9]], [[A]]) == 1.0
    assert average_precision([[[0, 0, 10, 4.99]]], [[0.9]], [[A]]) == 0.0


def test_ignored_regions_excuse_only_what_matches_nothing():
    boxes, scores = [[B, A, C]], [[0.9, 0.8, 0.7]]
    assert average_precision(boxes, scores, [[A]]) == 0.5
    assert average_precision(boxes, scores, [[A]], [[B, C]]) == 1.0
    # A large region covers the box although their overlap over union is small.
    assert average_precision(boxes, scores, [[A]], [[[15, -50, 90, 60]]]) == 1.0
    # Less than half covered: still wrong.
    assert average_precision(boxes, scores, [[A]], [[[20, 0, 24, 10]]]) == 0.5
    # A right detection inside an ignored region stays right.
    assert len(precision_recall(boxes, scores, [[A]], [[A]]).scores) == 3


def greedy(boxes, scores, truth, iou):
    """One detection after another, by falling score."""
    entries = sorted(
        ((score, image, row) for image, part in enumerate(scores) for row, score in enumerate(part)),
        key=lambda entry: -entry[0],
    )
    free = [np.ones(len(part), dtype=bool) for part in truth]
    hits = []
    for _, image, row in entries:
        overlap = pairwise_iou(boxes[image][row : row + 1], truth[image])[0] * free[image]
        best = int(np.argmax(overlap)) if len(overlap) else -1
        hits.append(best >= 0 and overlap[best] >= iou)
        if hits[-1]:
            free[image][best] = False
    return np.array(hits)


@pytest.mark.parametrize("seed", range(5))
def test_all_at_once_equals_one_after_another(seed):
    rng = np.random.default_rng(seed)

    def boxes(count):
        corner = rng.random((count, 2)) * 30
        return np.concatenate([corner, corner + 10 + 15 * rng.random((count, 2))], axis=1)

    found = [boxes(int(rng.integers(0, 25))) for _ in range(8)]
    truth = [boxes(int(rng.integers(0, 15))) for _ in range(8)]
    scores = [rng.random(len(part)) for part in found]
    curve = precision_recall(found, scores, truth, iou=0.3)
    hits = greedy(found, scores, truth, 0.3)
    assert 10 < hits.sum() < len(hits)
    np.testing.assert_allclose(curve.precision, np.cumsum(hits) / np.arange(1, len(hits) + 1))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(curve.precision, np.cumsum(~hits) / np.arange(1, len(hits) + 1))


def test_lists_that_do_not_belong_together():
    with pytest.raises(ValueError, match="one entry an image"):
        average_precision([[A]], [[0.9, 0.8]], [[A]])
    with pytest.raises(ValueError, match="one entry an image"):
        average_precision([[A]], [[0.9]], [[A], [B]])
    with pytest.raises(ValueError, match="ignored"):
        average_precision([[A]], [[0.9]], [[A]], [[A], [B]])
