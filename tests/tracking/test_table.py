"""What becomes of detections before they are matched."""

import numpy as np
import pytest

from fairmot.detections import Detections
from fairmot.tracking.table import candidates_of, embedding_width


def detections(boxes, scores, embeddings=None):
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), embeddings)


def test_scores_must_exceed_the_confidence_in_single_precision():
    boxes = [[0, 0, 10, 20]] * 3
    # float32(0.4) is 0.4000000059604645: compared in double precision it would take part.
    scores = [np.float32(0.4), np.nextafter(np.float32(0.4), np.float32(1)), 0.3]
    assert len(candidates_of(detections(boxes, scores), 0.4, 0).records) == 1


def test_boxes_without_area_take_no_part():
    boxes = [[0, 0, 10, 20], [5, 5, 5, 9], [5, 5, 9, 5], [9, 9, 1, 1]]
    found = candidates_of(detections(boxes, [0.9] * 4), 0.4, 0)
    np.testing.assert_array_equal(found.boxes_xyxy, [[0, 0, 10, 20]])


def test_sizes_are_rounded_to_single_precision():
    box = np.array([[0.3, 392.01367, 1226.2889, 523.3365]], np.float32)
    width = box[0, 2] - box[0, 0]
    assert np.float64(box[0, 2]) - np.float64(box[0, 0]) != np.float64(width)  # or the test shows nothing
    found = candidates_of(detections(box, [0.9]), 0.4, 0)
    assert found.boxes_xyxy[0, 2] == np.float64(box[0, 0]) + np.float64(width)


def test_records_hold_class_score_and_unit_embedding():
    found = candidates_of(
        Detections(np.array([[0, 0, 10, 20], [0, 0, 20, 20]]), [0.2, 0.75], np.array([[1, 0], [3, 4]]), [5, 6]),
        0.4,
        2,
    ).records
    assert found["class_id"].tolist() == [6]
    assert found["score"].tolist() == [0.75]
    np.testing.assert_allclose(found["embedding"], [[0.6, 0.8]], rtol=1e-7)
    np.testing.assert_array_equal(found["mean"][0, :4], [10, 10, 1, 20])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("column", range(4))
def test_a_box_that_is_no_box_is_named(value, column):
    boxes = np.tile(np.array([0, 0, 10, 20], np.float32), (5, 1))
    boxes[3, column] = value
    with pytest.raises(ValueError, match=r"row 3: box"):
        candidates_of(detections(boxes, [0.1] * 5), 0.4, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_named(value):
    with pytest.raises(ValueError, match=r"row 1: score"):
        candidates_of(detections([[0, 0, 10, 20]] * 2, [0.5, value]), 0.4, 0)


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_an_embedding_without_direction_is_named(value):
    embeddings = np.ones((4, 3))
    embeddings[2] = value
    with pytest.raises(ValueError, match=r"row 2: its embedding"):
        candidates_of(detections([[0, 0, 10, 20]] * 4, [0.1, 0.5, 0.6, 0.7], embeddings), 0.4, 3)


def test_embedding_width():
    box = [[0, 0, 10, 20]]
    assert embedding_width(detections(np.empty((0, 4)), [])) is None
    assert embedding_width(detections(box, [0.5])) == 0
    assert embedding_width(detections(box, [0.5], np.ones((1, 7)))) == 7
