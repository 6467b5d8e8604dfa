"""Input that the tracker refuses before it changes anything."""

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.tracking.frame_input import common_width, image_size, next_index


def detections(boxes, scores, embeddings=None):
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), embeddings)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("column", range(4))
def test_a_box_that_is_no_box_is_named(value, column):
    boxes = np.tile(np.array([0, 0, 10, 20], np.float32), (5, 1))
    boxes[3, column] = value
    with pytest.raises(InputError, match=r"row 3: box"):
        common_width(detections(boxes, [0.1] * 5), None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_named(value):
    with pytest.raises(InputError, match=r"row 1: score"):
        common_width(detections([[0, 0, 10, 20]] * 2, [0.5, value]), None)


@pytest.mark.parametrize("box", [[9, 9, 1, 20], [0, 20, 9, 10], [9, 9, 8, 8]])
def test_a_negative_size_is_named(box):
    with pytest.raises(InputError, match=r"row 2: box .* negative size"):
        common_width(detections([[0, 0, 10, 20], [3, 3, 3, 3], box], [0.1] * 3), None)


def test_embedding_width():
    box = [[0, 0, 10, 20]]
    assert common_width(detections(np.empty((0, 4)), []), None) is None
    assert common_width(detections(box, [0.5]), None) == 0
    assert common_width(detections(box, [0.5], np.ones((1, 7))), None) == 7
    assert common_width(detections(np.empty((0, 4)), []), 7) == 7
    with pytest.raises(InputError, match="width 6 after 7"):
        common_width(detections(box, [0.5], np.ones((1, 6))), 7)


@pytest.mark.parametrize(("given", "expected"), [(None, 5), (5, 5), (np.int64(9), 9)])
def test_the_next_frame(given, expected):
    assert next_index(given, 4) == expected


@pytest.mark.parametrize(
    ("given", "message"), [(4, "must grow"), (0, "must grow"), (-1, "from 0"), (5.0, "whole number")]
)
def test_frames_out_of_order(given, message):
    with pytest.raises(InputError, match=message):
        next_index(given, 4)


def test_images():
    image = np.zeros((48, 64, 3), np.uint8)
    assert image_size(image, None, TrackerConfig()) == (64, 48)
    assert image_size(None, (64, 48), TrackerConfig(clip_boxes=True)) == (64, 48)
    assert image_size(None, None, TrackerConfig()) is None
    for wrong in (image[0], image[..., 0], image.astype(float), image[:0]):
        with pytest.raises(InputError, match="expected uint8"):
            image_size(wrong, None, TrackerConfig())
    with pytest.raises(InputError, match="camera_motion"):
        image_size(None, (64, 48), TrackerConfig(camera_motion="flow"))
    with pytest.raises(InputError, match="clip_boxes"):
        image_size(None, None, TrackerConfig(clip_boxes=True))
