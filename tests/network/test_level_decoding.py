"""The NumPy reference itself: places, suppression, slots."""

import numpy as np
import pytest

from fairmot.network.level_decoding import MAX_IOU, MAX_OBJECTS, MIN_SCORE, decode_levels


def empty_heads(classes=1, batch=1):
    heads = {}
    for stride, (height, width) in {8: (8, 12), 16: (4, 6), 32: (2, 3)}.items():
        heads[f"scores_{stride}"] = np.full((batch, classes, height, width), -20, np.float32)
        heads[f"distances_{stride}"] = np.ones((batch, 4, height, width), np.float32)
    return heads


def put(heads, stride, x, y, score, distances, class_id=0, image=0):
    heads[f"scores_{stride}"][image, class_id, y, x] = np.log(score / (1 - score))
    heads[f"distances_{stride}"][image, :, y, x] = distances


def decode(heads, **options):
    return decode_levels(heads, (8, 16, 32), **options)


def test_a_box_lies_at_linear_distances_around_its_cells_corner():
    heads = empty_heads()
    put(heads, 16, 3, 2, 0.75, (1.5, -0.25, 2, 0.5))
    found = decode(heads)
    np.testing.assert_allclose(found.boxes_xyxy[0, 0], [48 - 24, 32 + 4, 48 + 32, 32 + 8])
    assert found.scores[0, 0] == pytest.approx(0.75, abs=1e-6)
    assert found.boxes_xyxy.shape == (1, MAX_OBJECTS, 4)


def test_empty_slots_hold_zero():
    found = decode(empty_heads(batch=2))
    assert not found.scores.any()
    assert not found.boxes_xyxy.any()
    assert not found.class_ids.any()


def test_a_score_up_to_the_least_is_left_out():
    heads = empty_heads()
    put(heads, 8, 1, 1, MIN_SCORE - 1e-4, (1, 1, 1, 1))
    put(heads, 8, 9, 5, MIN_SCORE + 1e-4, (1, 1, 1, 1))
    assert (decode(heads).scores[0] > 0).sum() == 1


@pytest.mark.parametrize(("width", "kept"), [(MAX_IOU + 0.01, 1), (MAX_IOU - 0.01, 2)])
def test_the_worse_of_two_boxes_that_overlap_by_more_goes(width, kept):
    heads = empty_heads()
    put(heads, 8, 4, 4, 0.9, (1, 1, 1, 1))
    put(heads, 32, 1, 1, 0.8, (0.25, 0.25, -0.25 + width * 0.5, 0.25))  # IoU: width, since it lies inside
    found = decode(heads)
    assert (found.scores[0] > 0).sum() == kept
    assert found.scores[0, 0] == pytest.approx(0.9, abs=1e-6)


def test_boxes_of_another_class_or_image_stay():
    heads = empty_heads(classes=2, batch=2)
    put(heads, 8, 4, 4, 0.9, (1, 1, 1, 1))
    put(heads, 16, 2, 2, 0.8, (0.5, 0.5, 0.5, 0.5), class_id=1)
    put(heads, 16, 2, 2, 0.7, (0.5, 0.5, 0.5, 0.5), image=1)
    found = decode(heads)
    np.testing.assert_allclose(found.scores[0, :3], [0.9, 0.8, 0], atol=1e-6)
    assert found.class_ids[0, :2].tolist() == [0, 1]
    np.testing.assert_allclose(found.scores[1, :2], [0.7, 0], atol=1e-6)


def test_a_suppressed_box_suppresses_nothing():
    heads = empty_heads()
    for x, score in ((2, 0.9), (3, 0.8), (4, 0.7)):  # each overlaps the next by 5 / 7, the first and last by 1 / 2
        put(heads, 8, x, 4, score, (3, 1, 3, 1))
    np.testing.assert_allclose(decode(heads).scores[0, :3], [0.9, 0.7, 0], atol=1e-6)


def test_only_so_many_are_kept():
    heads = empty_heads()
    for x in range(6):
        put(heads, 8, 2 * x, 3, 0.9 - 0.1 * x, (0.4, 0.4, 0.4, 0.4))
    np.testing.assert_allclose(decode(heads, max_objects=4).scores, [[0.9, 0.8, 0.7, 0.6]], atol=1e-6)
