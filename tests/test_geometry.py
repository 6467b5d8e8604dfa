import hashlib
import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairmot.geometry import (
    MOST_AREA,
    Letterbox,
    fitted_canvas,
    pairwise_iou,
    tlwh_to_xyxy,
    xyxy_to_tlwh,
)

IMAGES = ["640x480", "1920x1080"]
BOXES_TLWH = np.array([[10.0, 20.0, 30.0, 60.0], [-5.0, 3.0, 8.0, 2.0]])


def letterbox_case(oracle, shared, name):
    arrays = oracle(f"letterbox_{name}_to_1088x608.npz")
    spec = importlib.util.spec_from_file_location("recipe", shared("oracles", "recipe.py"))
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    width, height = (int(side) for side in arrays["image_wh"])
    return Letterbox((width, height), (1088, 608)), recipe.make_image(int(arrays["seed"]), height, width), arrays


def assert_published_letterbox(letterbox, image, arrays):
    canvas = letterbox.apply(image)
    width, height = letterbox.resized_size
    left, top = letterbox.corner
    np.testing.assert_allclose(letterbox.ratio, arrays["ratio"], rtol=1e-12)
    np.testing.assert_allclose(letterbox.padding, [arrays["dw"], arrays["dh"]], rtol=0, atol=0)
    np.testing.assert_array_equal(letterbox.resized_size, arrays["resized_wh"])
    np.testing.assert_array_equal([left, top], [arrays["left"], arrays["top"]])
    np.testing.assert_array_equal([1088 - left - width, 608 - top - height], [arrays["right"], arrays["bottom"]])
    np.testing.assert_array_equal(canvas[arrays["sample_y"], arrays["sample_x"]], arrays["sample_bgr"])
    inside = canvas[top : top + height, left : left + width]
    np.testing.assert_array_equal(inside.sum(axis=(0, 1), dtype=np.int64), arrays["resized_sum"])
    np.testing.assert_allclose(canvas.mean(axis=1), arrays["row_mean_bgr"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(canvas.mean(axis=0), arrays["col_mean_bgr"], rtol=0, atol=1e-9)
    assert hashlib.sha256(canvas.tobytes()).hexdigest() == str(arrays["out_sha256"])


@pytest.mark.parametrize("name", IMAGES)
def test_letterbox_equals_the_published_one(oracle, shared, name):
    assert_published_letterbox(*letterbox_case(oracle, shared, name))


@pytest.mark.parametrize("key", ["dw", "left", "resized_sum", "sample_bgr", "row_mean_bgr"])
def test_one_changed_number_of_the_letterbox_is_noticed(oracle, shared, key):
    letterbox, image, arrays = letterbox_case(oracle, shared, IMAGES[0])
    changed = arrays[key].copy()
    changed[(0,) * changed.ndim] += 1
    with pytest.raises(AssertionError):
        assert_published_letterbox(letterbox, image, arrays | {key: changed})


def test_one_changed_pixel_is_noticed(oracle, shared):
    letterbox, image, arrays = letterbox_case(oracle, shared, IMAGES[0])
    image[100, 100] ^= 128
    with pytest.raises(AssertionError):
        assert_published_letterbox(letterbox, image, arrays)


@given(
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    st.sampled_from([(1088, 608), (864, 480), (576, 320), (32, 32)]),
    st.lists(st.floats(-500, 4500), min_size=4, max_size=4),
)
def test_boxes_to_the_canvas_and_back_are_at_most_the_rounding_apart(image_size, canvas_size, box):
    letterbox = Letterbox(image_size, canvas_size)
    there = letterbox.boxes_to_canvas(np.array([box]))
    # The size is rounded by at most half a pixel of the canvas (a whole one where it would be 0), on two sides.
    rounding = np.abs(np.subtract(letterbox.resized_size, np.multiply(image_size, letterbox.ratio))) / 2
    assert (rounding <= 0.5).all()
    away = letterbox.detections_to_image(there) - [box]
    np.testing.assert_allclose(np.abs(away) * letterbox.ratio, [np.tile(rounding, 2)], rtol=0, atol=1e-4)


def test_an_image_fits_its_canvas_and_touches_two_sides():
    letterbox = Letterbox((640, 480), (1088, 608))
    corners = letterbox.boxes_to_canvas(np.array([0, 0, 640, 480.0]))
    np.testing.assert_allclose(corners, [138.5, 0, 949 + 1 / 6, 608], atol=1e-9)


@pytest.mark.parametrize("arch", ["dla_34_s18", "dlaconv_34_s11"])
def test_detections_return_as_published(oracle, arch):
    arrays = oracle(f"forward_{arch}_1x320x576.npz")
    canvas_boxes = arrays["dets"][0, :, :4].astype(np.float64) * 4
    keys = [name for name in arrays if name.startswith("dets_img_")]
    assert keys
    for key in keys:
        width, height = (int(side) for side in key.removeprefix("dets_img_").split("x"))
        found = Letterbox((width, height), (576, 320)).detections_to_image(canvas_boxes)
        np.testing.assert_allclose(found, arrays[key][:, :4], rtol=0, atol=2e-4)
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(found + 1e-3, arrays[key][:, :4], rtol=0, atol=2e-4)


def test_letterbox_refuses_another_image():
    with pytest.raises(ValueError, match="expected"):
        Letterbox((64, 48), (32, 32)).apply(np.zeros((64, 48, 3), np.uint8))
    with pytest.raises(ValueError, match="empty"):
        Letterbox((0, 48), (32, 32))


def test_box_formats_are_inverse():
    boxes_xyxy = tlwh_to_xyxy(BOXES_TLWH)
    np.testing.assert_array_equal(boxes_xyxy, [[10, 20, 40, 80], [-5, 3, 3, 5]])
    np.testing.assert_array_equal(xyxy_to_tlwh(boxes_xyxy), BOXES_TLWH)


def test_iou_by_hand_in_both_conventions():
    first, second = np.array([[0, 0, 10, 10.0]]), np.array([[5, 0, 15, 10.0], [10, 0, 20, 10], [30, 30, 40, 40]])
    np.testing.assert_allclose(pairwise_iou(first, second), [[50 / 150, 0, 0]])
    np.testing.assert_allclose(pairwise_iou(first, second, pixel=1.0), [[66 / 176, 11 / 231, 0]])
    assert pairwise_iou(first, np.zeros((0, 4))).shape == (1, 0)
    np.testing.assert_array_equal(pairwise_iou(np.zeros((1, 4)), np.zeros((1, 4))), [[0]])


@pytest.mark.parametrize(
    ("image", "canvas"),
    [
        ((854, 480), (576, 320)),
        ((1920, 1080), (576, 320)),
        ((640, 480), (512, 384)),
        ((720, 576), (480, 384)),
        ((1080, 1920), (320, 576)),
        ((33, 33), (416, 416)),
        ((1, 5000), (32, 1152)),
    ],
)
def test_a_canvas_has_about_the_area_of_another_in_the_proportions_of_an_image(image, canvas):
    assert fitted_canvas((576, 320), image, 32) == canvas


def test_a_fitted_canvas_never_makes_an_image_smaller():
    rng = np.random.default_rng(0)
    for width, height in rng.integers(20, 4000, (300, 2)).tolist():
        canvas = fitted_canvas((576, 320), (width, height), 32)
        assert Letterbox((width, height), canvas).ratio >= Letterbox((width, height), (576, 320)).ratio
        assert canvas[0] * canvas[1] <= MOST_AREA * 576 * 320
        assert not (canvas[0] % 32)
        assert not (canvas[1] % 32)
        assert max(canvas) <= 2 * 576
