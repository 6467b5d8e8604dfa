"""What the frames of the synthetic street show, and whether the truth about them is true."""

import dataclasses
import itertools
import math

import cv2
import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.street import render_street
from fairmot.street.body import Walker
from fairmot.street.compose import Finish, compose_frame, draw_walker
from fairmot.street.render import build_scene, cast_crowd
from fairmot.street.routes import Route

SIZE = (320, 180)
OVERCAST = 2  # a seed without sun: hardly any shadow beside the bodies


@pytest.fixture(scope="module")
def bare():
    """A street with nothing on it that could hide a person."""
    scene = build_scene(OVERCAST, SIZE, (2.3, 5.0))
    assert scene.light.kind == "overcast"
    return dataclasses.replace(scene, props=())


@pytest.fixture(scope="module")
def frames():
    return list(render_street(8, 50, 1, SIZE))


def ahead(scene, distance, sideways=0.0, walker_seed=0):
    """A person who stands in front of the camera."""
    yaw = scene.camera.yaw
    x = scene.camera.position[0] + math.sin(yaw) * distance + math.cos(yaw) * sideways
    z = scene.camera.position[2] + math.cos(yaw) * distance - math.sin(yaw) * sideways
    route = Route(np.array([[x, z]]), np.array([0.7]), np.zeros(1), 1.0)
    return Walker(np.random.default_rng(walker_seed)), route


def coverage(scene, person, margin=400):
    """The silhouette of one person drawn alone, on a canvas that is larger than the image by a margin."""
    layer, _ = draw_walker(scene, *person, 0)
    mask = np.zeros((SIZE[1] + 2 * margin, SIZE[0] + 2 * margin), dtype=np.float64)
    height, width = layer.pixels.shape[:2]
    top, left = layer.top + margin, layer.left + margin
    mask[top : top + height, left : left + width] = layer.pixels[..., 3] / 255
    return mask


def assert_box_fits(box_tlwh, mask, margin=400):
    """Each side of the box lies in the outermost pixel of the silhouette."""
    rows, columns = np.nonzero(mask)
    left, top = box_tlwh[:2] + margin
    right, bottom = left + box_tlwh[2], top + box_tlwh[3]
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.floor(left) == expected[0]
    assert np.floor(top) == expected[1]
    assert np.ceil(right) == expected[2]
    assert np.ceil(bottom) == expected[3]


@pytest.mark.parametrize("distance", [4.0, 7.0, 14.0])
def test_a_box_holds_exactly_the_drawn_silhouette(bare, distance):
    person = ahead(bare, distance, walker_seed=int(distance))
    frame = compose_frame(bare, [person], 0, Finish(SIZE, 0))
    mask = coverage(bare, person)
    assert_box_fits(frame.boxes_tlwh[0], mask)
    with pytest.raises(AssertionError):
        assert_box_fits(frame.boxes_tlwh[0] + [0, 0, 0, 1.01], mask)
    with pytest.raises(AssertionError):
        assert_box_fits(frame.boxes_tlwh[0] + [-1.01, 0, 1.01, 0], mask)


def test_a_box_holds_what_changes_in_the_image(bare):
    """Independent of the drawing's own mask: the image with the person against the image without."""
    person = ahead(bare, 9.0, walker_seed=3)
    finish = Finish(SIZE, 0)
    without_shadows = dataclasses.replace(bare, ground=np.zeros_like(bare.ground))
    frame = compose_frame(without_shadows, [person], 0, finish)
    empty = compose_frame(without_shadows, [], 0, finish)
    changed = np.abs(frame.image.astype(int) - empty.image).max(axis=2) > 2
    left, top, width, height = cv2.boundingRect(changed.astype(np.uint8))
    box = frame.boxes_tlwh[0]
    sides = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    np.testing.assert_allclose(sides, [left, top, left + width, top + height], atol=1.0)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(sides + 2.1, [left, top, left + width, top + height], atol=1.0)
    assert len(empty.ids) == 0
    assert empty.boxes_tlwh.shape == (0, 4)


def test_a_person_in_the_open_is_entirely_visible(bare):
    frame = compose_frame(bare, [ahead(bare, 8.0)], 0, Finish(SIZE, 0))
    assert frame.visibility.tolist() == [1.0]


def test_occlusion_lowers_visibility_by_the_hidden_fraction(bare):
    crowd = [ahead(bare, 12.0), ahead(bare, 9.5, sideways=0.2, walker_seed=1)]
    frame = compose_frame(bare, crowd, 0, Finish(SIZE, 0))
    behind, before = (coverage(bare, person) for person in crowd)
    assert frame.ids.tolist() == [1, 2]
    assert frame.visibility[1] == 1.0
    expected = (behind * (1 - before)).sum() / behind.sum()
    assert 0.05 < expected < 0.9
    assert frame.visibility[0] == pytest.approx(expected, abs=1e-3)
    assert frame.visibility[0] != pytest.approx(expected + 0.01, abs=1e-3)
    # The order of the identities is not the order of the distances.
    turned = compose_frame(bare, crowd[::-1], 0, Finish(SIZE, 0))
    np.testing.assert_allclose(turned.visibility, frame.visibility[::-1])
    np.testing.assert_array_equal(turned.image, frame.image)


def test_a_thing_hides_who_stands_behind_it_and_not_who_stands_before():
    scene = build_scene(3, SIZE, (2.3, 5.0))
    eye = scene.camera.position
    hidden = 0
    for prop, _ in scene.props:
        away = np.array(prop.centre) - eye[[0, 2]]
        distance = np.linalg.norm(away)
        for shift in (1.6, -1.6):
            place = eye[[0, 2]] + away * (1 + shift / distance)
            route = Route(place[None], np.zeros(1), np.zeros(1), 1.0)
            person = (Walker(np.random.default_rng(0)), route)
            alone = dataclasses.replace(scene, props=((prop, _),))
            frame = compose_frame(alone, [person], 0, Finish(SIZE, 0))
            free = compose_frame(dataclasses.replace(scene, props=()), [person], 0, Finish(SIZE, 0))
            if len(free.ids) == 0:
                continue
            if shift < 0:
                np.testing.assert_array_equal(frame.visibility, free.visibility)
            else:
                assert frame.visibility[0] <= free.visibility[0]
                hidden += frame.visibility[0] < free.visibility[0] - 0.05
    assert hidden >= 2


def test_what_lies_outside_the_image_counts_as_hidden_and_stays_in_the_box(bare):
    half_width_m = SIZE[0] / 2 / bare.camera.focal_px * 7.0
    person = ahead(bare, 7.0, sideways=half_width_m)
    frame = compose_frame(bare, [person], 0, Finish(SIZE, 0))
    mask = coverage(bare, person)
    expected = mask[400:-400, 400:-400].sum() / mask.sum()
    assert 0.1 < expected < 0.9
    assert frame.visibility[0] == pytest.approx(expected, abs=1e-3)
    assert frame.boxes_tlwh[0, 0] + frame.boxes_tlwh[0, 2] > SIZE[0]
    far_outside = compose_frame(bare, [ahead(bare, 7.0, sideways=3 * half_width_m)], 0, Finish(SIZE, 0))
    assert len(far_outside.ids) == 0


def test_all_people_are_seen_and_move_without_jumps(frames):
    seen = set()
    for frame in frames:
        assert frame.image.shape == (SIZE[1], SIZE[0], 3)
        assert frame.image.dtype == np.uint8
        assert len(set(frame.ids.tolist())) == len(frame.ids)
        assert frame.ids.tolist() == sorted(frame.ids.tolist())
        assert ((frame.visibility >= 0) & (frame.visibility <= 1)).all()
        assert (frame.boxes_tlwh[:, 2:] > 1).all()
        seen |= set(frame.ids.tolist())
    assert seen == set(range(1, 9))
    for before, after in itertools.pairwise(frames):
        common, first, second = np.intersect1d(before.ids, after.ids, return_indices=True)
        assert len(common) >= len(before.ids) - 2
        old, new = before.boxes_tlwh[first], after.boxes_tlwh[second]
        moved = np.linalg.norm(new[:, :2] + new[:, 2:] / 2 - old[:, :2] - old[:, 2:] / 2, axis=1)
        assert (moved < 0.15 * old[:, 3] + 1).all()


def test_people_walk(frames):
    moved = 0
    for identity in range(1, 9):
        centres = [f.boxes_tlwh[f.ids == identity][0, 0] for f in frames if identity in f.ids]
        moved += abs(centres[-1] - centres[0]) > 5
    assert moved >= 4


def test_the_same_arguments_give_the_same_pixels(frames):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    stream, other = render_street(8, 50, 1, SIZE), render_street(3, 2, 9, (128, 128))
    again = [next(stream), next(other), next(stream)][::2]  # another street in between disturbs nothing
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    for first, second in zip(frames, again, strict=False):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.boxes_tlwh, second.boxes_tlwh)
        np.testing.assert_array_equal(first.visibility, second.visibility)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(frames[0].image, frames[1].image)


def test_seeds_are_streets_of_their_own(frames):
    images = [frames[0].image] + [next(render_street(8, 50, seed, SIZE)).image for seed in (2, 7)]
    for first, second in itertools.combinations(images, 2):
        assert np.abs(first.astype(int) - second).mean() > 15


def test_more_people_walk_in_the_same_street():
    street = build_scene(1, SIZE, (2.3, 5.0))
    crowd = cast_crowd(street, 40, 10, 1, 25)
    frame = compose_frame(street, crowd, 5, Finish(SIZE, 1))
    assert len(frame.ids) > 25
    few = compose_frame(street, cast_crowd(street, 2, 10, 1, 25), 5, Finish(SIZE, 1))
    assert len(few.ids) <= 2
    top = slice(0, SIZE[1] // 8)  # above the heads the two images are the same
    np.testing.assert_array_equal(frame.image[top], few.image[top])


@pytest.mark.parametrize("height", [(1.5, 1.6), (7.0, 9.0)])
def test_the_camera_stands_at_the_requested_height(height):
    scene = build_scene(5, SIZE, height)
    assert height[0] <= scene.camera.position[1] <= height[1]
    crowd = cast_crowd(scene, 6, 5, 5, 25)
    assert len(compose_frame(scene, crowd, 2, Finish(SIZE, 5)).ids) >= 3


def test_an_upright_image(bare):
    frame = next(render_street(4, 2, 3, (180, 320)))
    assert frame.image.shape == (320, 180, 3)
    assert len(frame.ids) >= 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"people": 0}, "people: 0"),
        ({"people": 201}, "people: 201"),
        ({"frames": 0}, "frames: 0"),
        ({"seed": -1}, "seed: -1"),
        ({"size": (64, 540)}, "size: 64 x 540"),
        ({"size": (960, 5000)}, "size: 960 x 5000"),
        ({"frame_rate": 0}, "frame rate: 0"),
        ({"camera_height": (0.5, 3)}, "camera height: 0.5 to 3"),
        ({"camera_height": (5, 3)}, "camera height: 5 to 3"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_drawn(arguments, problem):
    with pytest.raises(InputError, match=problem):
        render_street(**arguments)
