"""Detections become candidates before they are matched."""

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.tracking.table import candidates_of, table_type

CONFIG = TrackerConfig()


def detections(boxes, scores, embeddings=None):
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), embeddings)


def test_scores_must_exceed_the_confidence_in_single_precision():
    boxes = [[0, 0, 10, 20]] * 3
    # float32(0.4) is 0.4000000059604645: compared in double precision it would take part.
    scores = [np.float32(0.4), np.nextafter(np.float32(0.4), np.float32(1)), 0.3]
    assert len(candidates_of(detections(boxes, scores), CONFIG).records) == 1


def test_boxes_without_area_take_no_part():
    boxes = [[0, 0, 10, 20], [5, 5, 5, 9], [5, 5, 9, 5], [9, 9, 9, 9]]
    found = candidates_of(detections(boxes, [0.9] * 4), CONFIG)
    np.testing.assert_array_equal(found.boxes_xyxy, [[0, 0, 10, 20]])


def test_sizes_are_rounded_to_single_precision():
    box = np.array([[0.3, 392.01367, 1226.2889, 523.3365]], np.float32)
    width = box[0, 2] - box[0, 0]
    assert np.float64(box[0, 2]) - np.float64(box[0, 0]) != np.float64(width)  # or the test shows nothing
    found = candidates_of(detections(box, [0.9]), CONFIG)
    assert found.boxes_xyxy[0, 2] == np.float64(box[0, 0]) + np.float64(width)


def test_records_hold_class_score_and_unit_embedding():
    found = candidates_of(
        Detections(np.array([[0, 0, 10, 20], [0, 0, 20, 20]]), [0.2, 0.75], np.array([[1, 0], [3, 4]]), [5, 6]),
        CONFIG,
        2,
    ).records
    assert found["class_id"].tolist() == [6]
    assert found["score"].tolist() == [0.75]
    np.testing.assert_allclose(found["embedding"], [[0.6, 0.8]], rtol=1e-7)
    np.testing.assert_array_equal(found["mean"][0, :4], [10, 10, 1, 20])


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_an_embedding_without_direction_is_named(value):
    embeddings = np.ones((4, 3))
    embeddings[2] = value
    with pytest.raises(InputError, match=r"row 2: its embedding"):
        candidates_of(detections([[0, 0, 10, 20]] * 4, [0.1, 0.5, 0.6, 0.7], embeddings), CONFIG, 3)


def test_low_scores_come_after_the_confident_ones():
    found = candidates_of(
        detections([[0, 0, 10, 20 + i] for i in range(5)], [0.2, 0.9, 0.1, 0.4, 0.5]), TrackerConfig(second_pass=True)
    )
    assert found.rows.tolist() == [1, 4, 0, 3]
    assert found.confident_count == 2
    assert found.boxes_xyxy[:, 3].tolist() == [21, 24, 20, 23]


def test_boxes_are_clipped_to_the_image():
    boxes = [[-5, -5, 10, 20], [90, 40, 120, 80], [100, 0, 130, 20]]
    found = candidates_of(detections(boxes, [0.9] * 3), CONFIG, image_size=(100, 60))
    assert found.boxes_xyxy.tolist() == [[0, 0, 10, 20], [90, 40, 100, 60]]


@pytest.mark.parametrize("options", [(0,), (128,), (3, 2), (3, 2, True)])
def test_every_field_is_aligned(options):
    """Else each operation on it would copy it first."""
    record = table_type(*options)
    assert record.itemsize % 8 == 0
    assert all(np.zeros(3, record)[name].flags.aligned for name in record.names)
