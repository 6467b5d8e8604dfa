import numpy as np
import pytest

from fairmot.detections import Detections, Tracks


@pytest.fixture
def detections():
    boxes = np.array([[0, 0, 10, 20], [5, 5, 9, 9]])
    return Detections(boxes, [0.9, 0.3], np.eye(2), [0, 2])


def test_types_and_length(detections):
    assert len(detections) == 2
    assert detections.boxes_xyxy.dtype == detections.scores.dtype == detections.embeddings.dtype == np.float32
    assert detections.class_ids.dtype == np.int64


def test_no_object_at_all():
    empty = Detections([], [])
    assert len(empty) == 0
    assert empty.boxes_xyxy.shape == (0, 4)
    assert empty.class_ids.shape == (0,)


def test_classes_left_out_are_0():
    np.testing.assert_array_equal(Detections([[0, 0, 1, 1]], [1]).class_ids, [0])


@pytest.mark.parametrize(
    "arguments",
    [
        ([[0, 0, 1]], [1]),
        ([[0, 0, 1, 1]], [1, 2]),
        ([[0, 0, 1, 1]], [1], [[1], [2]]),
        ([[0, 0, 1, 1]], [1], None, [1, 2]),
    ],
)
def test_arrays_that_do_not_belong_together(arguments):
    with pytest.raises(ValueError, match="expected"):
        Detections(*arguments)


def test_selecting(detections):
    chosen = detections.select(detections.scores > 0.5)
    np.testing.assert_array_equal(chosen.boxes_xyxy, [[0, 0, 10, 20]])
    np.testing.assert_array_equal(chosen.embeddings, [[1, 0]])
    np.testing.assert_array_equal(detections.select(np.array([1, 0])).class_ids, [2, 0])


def test_to_supervision_and_back(detections):
    back = Detections.from_supervision(detections.to_supervision())
    for name in ("boxes_xyxy", "scores", "embeddings", "class_ids"):
        np.testing.assert_array_equal(getattr(back, name), getattr(detections, name))


def test_supervision_without_scores_or_classes():
    supervision = pytest.importorskip("supervision")
    taken = Detections.from_supervision(supervision.Detections(xyxy=np.array([[0.0, 0, 1, 1]])))
    np.testing.assert_array_equal(taken.scores, [1])
    np.testing.assert_array_equal(taken.class_ids, [0])
    assert taken.embeddings is None


def test_tracks_to_supervision():
    tracks = Tracks(np.array([7]), np.array([[0.0, 0, 1, 1]]), np.array([0.5]), np.array([0]))
    assert len(tracks) == 1
    np.testing.assert_array_equal(tracks.to_supervision().tracker_id, [7])
