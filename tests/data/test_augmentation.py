import importlib.util

import cv2
import numpy as np
import pytest

from fairmot.config import AugmentationConfig
from fairmot.data.augmentation import (
    Affine,
    augment,
    change_tone,
    choose_images,
    stretch,
    surviving,
)
from fairmot.geometry import BORDER_VALUE, Letterbox

CANVAS = (1088, 608)
STILL = AugmentationConfig(hsv=0, rotation_degrees=0, translation=0, scale_min=1, scale_max=1, shear_degrees=0, flip=0)


@pytest.fixture
def recipe(shared):
    spec = importlib.util.spec_from_file_location("recipe", shared("oracles", "recipe.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_samples(image_bgr, arrays, samples_bgr):
    found = image_bgr[arrays["sample_y"], arrays["sample_x"]].astype(int)
    np.testing.assert_allclose(found, samples_bgr.astype(int), rtol=0, atol=3)


def assert_affine(affine, image, arrays):
    np.testing.assert_allclose(affine.matrix, arrays["M"], rtol=0, atol=1e-9)
    before = arrays["boxes_in"][:, 2:].astype(np.float64)
    after = affine.warp_boxes(before)
    kept = np.flatnonzero(surviving(before, after, CANVAS))
    np.testing.assert_array_equal(kept, arrays["kept"])
    np.testing.assert_allclose(after[kept], arrays["boxes_out"][:, 2:], rtol=0, atol=1e-3)
    warped = affine.warp_image(image)
    assert_samples(warped, arrays, arrays["sample_bgr"])
    np.testing.assert_allclose(warped.mean(axis=(0, 1)), arrays["channel_mean"], rtol=0, atol=0.05)


def affine_case(oracle, recipe, seed):
    arrays = oracle(f"affine_s{seed}.npz")
    config = AugmentationConfig(
        rotation_degrees=float(arrays["degrees_range"][1]),
        scale_min=float(arrays["scale_range"][0]),
        scale_max=float(arrays["scale_range"][1]),
    )
    return Affine.from_uniforms(arrays["uniforms"], CANVAS, config), recipe.make_image(seed, 608, 1088), arrays


@pytest.mark.parametrize("seed", [1, 2])
def test_affine_equals_the_published_one(oracle, recipe, seed):
    assert_affine(*affine_case(oracle, recipe, seed))


@pytest.mark.parametrize(("key", "change"), [("M", 1e-6), ("boxes_out", 0.01), ("kept", 1), ("sample_bgr", 9)])
def test_one_changed_number_of_the_affine_is_noticed(oracle, recipe, key, change):
    affine, image, arrays = affine_case(oracle, recipe, 1)
    changed = arrays[key].copy()
    changed.reshape(-1)[5] += change
    with pytest.raises(AssertionError):
        assert_affine(affine, image, arrays | {key: changed})


def assert_augmentation(canvas, labels, arrays):
    np.testing.assert_array_equal(labels[:, :2], arrays["labels_out"][:, :2])
    scale = np.array(CANVAS * 2)
    np.testing.assert_allclose(labels[:, 2:] * scale, arrays["labels_out"][:, 2:] * scale, rtol=0, atol=1e-3)
    assert_samples(canvas, arrays, arrays["sample_rgb"][:, ::-1])
    np.testing.assert_allclose(canvas.mean(axis=(0, 1))[::-1], arrays["channel_mean_rgb"], rtol=0, atol=0.05)


class Draws:
    """A generator whose first numbers are given; the others switch nothing on."""

    def __init__(self, uniforms):
        self.given = [uniforms]

    def random(self, shape):
        drawn = self.given.pop() if self.given else np.full(shape, 0.999)
        assert np.shape(drawn) == np.shape(np.empty(shape))
        return drawn


def published_augmentation(sample, canvas_size, config, uniforms):
    """HSV, letterbox, affine and flip for nine given numbers."""
    return augment([sample], canvas_size, config, Draws(uniforms))


def augmentation_case(oracle, recipe, seed):
    arrays = oracle(f"augment_s{seed}.npz")
    width, height = (int(side) for side in arrays["image_wh"])
    image = (recipe.make_image(seed, height, width), arrays["labels_in"])
    return image, arrays


@pytest.mark.parametrize("seed", [3, 4])
def test_the_whole_augmentation_equals_the_published_one(oracle, recipe, seed):
    image, arrays = augmentation_case(oracle, recipe, seed)
    canvas, labels = published_augmentation(image, CANVAS, AugmentationConfig(), arrays["uniforms"])
    assert_augmentation(canvas, labels, arrays)


@pytest.mark.parametrize("draw", range(9))
def test_every_uniform_matters(oracle, recipe, draw):
    image, arrays = augmentation_case(oracle, recipe, 4)
    uniforms = arrays["uniforms"].copy()
    uniforms[draw] = (uniforms[draw] + 0.5) % 1
    canvas, labels = published_augmentation(image, CANVAS, AugmentationConfig(), uniforms)
    with pytest.raises(AssertionError):
        assert_augmentation(canvas, labels, arrays)


def image_of(height=120, width=160, seed=0, rows=((0, 3, 0.5, 0.5, 0.25, 0.5), (-1, -1, 0.1, 0.2, 0.1, 0.2))):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return image, np.array(rows, dtype=np.float64)


def test_the_first_numbers_drawn_are_the_published_ones_and_the_others_change_nothing():
    image, config = image_of(), AugmentationConfig()
    canvas, labels = augment([image], (320, 192), config, np.random.default_rng(5))
    uniforms = np.random.default_rng(5).random(9)
    expected_canvas, expected_labels = published_augmentation(image, (320, 192), config, uniforms)
    np.testing.assert_array_equal(canvas, expected_canvas)
    np.testing.assert_array_equal(labels, expected_labels)
    uniforms = np.random.default_rng(6).random(9)
    assert not np.array_equal(canvas, published_augmentation(image, (320, 192), config, uniforms)[0])


def test_without_augmentation_the_image_is_only_letterboxed():
    image, rows = image_of(rows=((0, 3, 0.5, 0.5, 0.25, 0.5), (0, 4, 0.5, 0.5, 0.0, 0.5)))
    canvas, labels = augment([(image, rows)], (320, 192), AugmentationConfig(enabled=False), np.random.default_rng(0))
    np.testing.assert_array_equal(canvas, Letterbox((160, 120), (320, 192)).apply(image))
    # 160 x 120 becomes 256 x 192 at x = 32; the row without area stays and keeps its slot.
    np.testing.assert_allclose(labels[0], [0, 3, 160 / 320, 0.5, 64 / 320, 0.5], atol=1e-12)
    assert labels[1, 1] == 4
    assert labels[1, 4] == 0


def test_flip_mirrors_image_and_boxes():
    image, rows = image_of(96, 160)
    still, labels = published_augmentation((image, rows), (320, 192), STILL, np.full(9, 0.999))
    config = STILL.model_copy(update={"flip": 1.0})
    mirrored, mirrored_labels = published_augmentation((image, rows), (320, 192), config, np.full(9, 0.001))
    np.testing.assert_array_equal(mirrored, still[:, ::-1])
    np.testing.assert_allclose(mirrored_labels[:, 2], 1 - labels[:, 2])
    np.testing.assert_allclose(mirrored_labels[:, 3:], labels[:, 3:])


def test_ignore_regions_survive_while_they_meet_the_canvas():
    rows = (
        (0, 1, 0.5, 0.5, 0.004, 0.004),
        (-1, -1, 0.5, 0.5, 0.004, 0.004),
        (-1, -1, 0.5, 0.5, 0.9, 0.05),
        (-1, -1, 3, 3, 0.1, 0.1),
    )
    labels = published_augmentation(image_of(96, 160, rows=rows), (320, 192), STILL, np.full(9, 0.5))[1]
    assert labels[:, 0].tolist() == [-1, -1]
    assert labels[1, 4] > 0.8


def test_tone_multiplies_saturation_and_value():
    grey = np.full((4, 4, 3), 100, dtype=np.uint8)
    assert (change_tone(grey, np.array([0.9, 0.75]), 0.5) == 125).all()
    assert (change_tone(grey, np.array([0.9, 0.75]), 0.0) == 100).all()
    bright = np.full((4, 4, 3), 250, dtype=np.uint8)
    assert (change_tone(bright, np.array([0.5, 0.99]), 0.5) == 255).all()


def whole_tone(image, uniforms, spread):
    """The published change, on the whole image in floats."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    for channel, uniform in zip((1, 2), uniforms, strict=True):
        factor = np.float32((uniform * 2 - 1) * spread + 1)
        hsv[..., channel] = np.clip(hsv[..., channel].astype(np.float32) * factor, 0, 255)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


@pytest.mark.parametrize("height", [1, 31, 32, 33, 100])
def test_tone_in_strips_is_that_of_the_whole_image(height):
    image, uniforms = image_of(height, 64)[0], np.array([0.9, 0.2])
    before = image.copy()
    found = change_tone(image, uniforms, 0.5)
    np.testing.assert_array_equal(found, whole_tone(image, uniforms, 0.5))
    np.testing.assert_array_equal(image, before)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(found, whole_tone(image, uniforms + np.array([0, 0.01]), 0.5))


def test_stretch_changes_the_aspect_between_its_limits():
    image = image_of(120, 160)[0]
    assert stretch(image, 0.5, 0.4).shape == (120, 160, 3)
    assert stretch(image, 0.0, 0.4).shape == (120, 96, 3)
    assert stretch(image, 1.0, 0.4).shape == (72, 160, 3)


def test_a_stretched_box_stays_on_its_object():
    image = np.zeros((120, 160, 3), dtype=np.uint8)
    image[30:90, 40:80] = 255
    rows = np.array([[0, -1, 60 / 160, 0.5, 40 / 160, 0.5]])
    config = STILL.model_copy(update={"stretch": 0.5})
    for seed in range(5):
        canvas, labels = augment([(image, rows)], (320, 192), config, np.random.default_rng(seed))
        ys, xs = np.nonzero(canvas[..., 0] > 200)
        found = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        (_, _, x, y, w, h) = labels[0] * [1, 1, 320, 192, 320, 192]
        np.testing.assert_allclose(found, [x - w / 2, y - h / 2, x + w / 2, y + h / 2], atol=1.5)


def test_mosaic_places_four_whole_images_with_their_boxes():
    images = []
    for number in range(4):
        image = np.zeros((120, 160, 3), dtype=np.uint8)
        image[30:90, 40:120] = 50 * (number + 1)
        images.append((image, np.array([[0, number, 0.5, 0.5, 0.5, 0.5]])))
    canvas, labels = augment(images, (320, 192), STILL, np.random.default_rng(1))
    assert sorted(labels[:, 1]) == [0, 1, 2, 3]
    for _, identity, x, y, w, h in labels * [1, 1, 320, 192, 320, 192]:
        value = 50 * (identity + 1)
        # One cell inside the box: its image; one outside of it: that image's black.
        left, right, top, bottom = int(x - w / 2), int(x + w / 2), int(y - h / 2), int(y + h / 2)
        assert (canvas[top + 3 : bottom - 3, left + 3 : right - 3] == value).all()
        assert (canvas[int(y), [left - 3, right + 3]] == 0).all()
        assert w < 160 * 2 / 3
    assert (canvas == BORDER_VALUE).any()


def test_mosaic_is_drawn_with_its_probability():
    always, never = AugmentationConfig(mosaic=1.0), AugmentationConfig()
    assert choose_images(7, 10, never, np.random.default_rng(0)) == (7,)
    chosen = choose_images(7, 10, always, np.random.default_rng(0))
    assert chosen[0] == 7
    assert len(chosen) == 4
    assert all(0 <= index < 10 for index in chosen)
    assert choose_images(7, 10, AugmentationConfig(enabled=False, mosaic=1.0), np.random.default_rng(0)) == (7,)


@pytest.mark.parametrize("extra", ["blur", "jpeg", "grey"])
def test_an_extra_changes_the_image_and_nothing_else(extra):
    image = image_of()
    plain, plain_labels = augment([image], (320, 192), AugmentationConfig(), np.random.default_rng(2))
    config = AugmentationConfig(**{extra: 1.0})
    changed, labels = augment([image], (320, 192), config, np.random.default_rng(2))
    assert changed.shape == plain.shape
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(labels, plain_labels)
    difference = np.abs(changed.astype(int) - plain).mean()
    assert 1 < difference < 60
    if extra == "grey":
        assert np.ptp(changed.astype(int), axis=2).max() == 0


def test_augmentation_depends_only_on_its_generator():
    images = [image_of(seed=seed) for seed in range(4)]
    config = AugmentationConfig(blur=0.5, jpeg=0.5, grey=0.5, stretch=0.3)
    first = augment(images, (320, 192), config, np.random.default_rng(3))
    again = augment(images, (320, 192), config, np.random.default_rng(3))
    other = augment(images, (320, 192), config, np.random.default_rng(4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
