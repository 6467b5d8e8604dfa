"""Walkers: how they move and how they are drawn."""

import math

import cv2
import numpy as np
import pytest

from fairmot.street.body import DETAILS, Walker
from fairmot.street.camera import Camera, choose_light
from fairmot.street.drawing import draw
from fairmot.street.gait import BONES, STRIDE_M, Posture, bones
from fairmot.street.layout import choose_layout, choose_view, place_camera
from fairmot.street.mesh import box_faces, tube_faces, tube_vertices
from fairmot.street.props import Prop
from fairmot.street.routes import choose_routes

PHASES = np.linspace(0, 1, 40, endpoint=False)


def camera(distance=8.0):
    return Camera(np.array([0.0, 1.6, -distance]), 0.0, 0.1, 500.0, (320, 240))


def test_the_lower_foot_stands_on_the_ground():
    walker = Walker(np.random.default_rng(0))
    for walked in PHASES * STRIDE_M:
        faces, _ = walker.faces(float(walked), 1.0, 0.4, (1.0, 2.0), 1)
        assert abs(faces.vertices[:, 1].min()) < 0.025
        assert faces.vertices[:, 1].max() == pytest.approx(walker.stature, abs=0.2)


def test_the_standing_foot_hardly_slides():
    """While a foot carries the body, it stays where it is, though the body goes on."""
    foot = BONES.index("left_foot")
    step = STRIDE_M / len(PHASES)
    slides = []
    for index, phase in enumerate(PHASES):
        if 0.1 < phase < 0.45:
            places = [
                bones(p, 1.0, Posture(), 0.0, (0.0, d * STRIDE_M), 1.0)[0][foot]
                for p, d in ((phase, phase), (PHASES[index + 1], PHASES[index + 1]))
            ]
            slides.append(abs(places[1][2] - places[0][2]))
    assert np.mean(slides) < 0.4 * step


def test_limbs_swing_and_keep_their_length():
    ends = []
    for phase in PHASES:
        starts, stops, _, _ = bones(phase, 1.0, Posture(), 0.0, (0.0, 0.0), 1.1)
        lengths = np.linalg.norm(stops - starts, axis=1)
        assert lengths[BONES.index("left_thigh")] == pytest.approx(1.1 * 0.435, rel=1e-5)
        ends.append((stops[BONES.index("left_foot"), 2], stops[BONES.index("left_hand"), 2]))
    foot, hand = np.array(ends).T
    assert np.ptp(foot) > 0.6
    assert np.ptp(hand) > 0.25
    assert np.corrcoef(foot, hand)[0, 1] < -0.5  # arm and leg of one side swing against each other


def test_standing_people_keep_still():
    one, two = (bones(phase, 0.0, Posture(), 0.0, (0.0, 0.0), 1.0)[0] for phase in (0.1, 0.6))
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("heading", [0.0, math.pi / 2, math.pi, -math.pi / 2])
def test_the_toes_point_where_people_walk(heading):
    starts, stops, _, _ = bones(0.0, 0.0, Posture(), heading, (0.0, 0.0), 1.0)
    foot = BONES.index("right_foot")
    direction = (stops[foot] - starts[foot])[[0, 2]]
    expected = np.array([math.sin(heading), math.cos(heading)])
    assert direction @ expected / np.linalg.norm(direction) > 0.95


def test_clothes_stay_the_same_from_frame_to_frame_and_differ_between_people():
    first, second = (Walker(np.random.default_rng(seed)) for seed in (1, 2))
    one = first.faces(0.0, 1.0, 0.0, (0.0, 0.0), 1)[0].albedo
    np.testing.assert_array_equal(one, first.faces(0.9, 1.0, 2.0, (3.0, 1.0), 1)[0].albedo)
    other = second.faces(0.0, 1.0, 0.0, (0.0, 0.0), 1)[0].albedo
    assert np.abs(one.mean(axis=0) - other.mean(axis=0)).max() > 0.01


def test_many_walkers_can_be_drawn_at_every_level_of_detail():
    light = choose_light(np.random.default_rng(0), 0.0)
    for seed in range(40):
        walker = Walker(np.random.default_rng(seed))
        boxes = []
        for detail in range(len(DETAILS)):
            faces, _ = walker.faces(0.3, 1.0, 0.5 * seed, (0.0, 0.0), detail)
            assert np.isfinite(faces.normals).all()
            assert (faces.albedo >= 0).all()
            layer = draw(faces, camera(), light, 1.0, 2)
            boxes.append(layer.box_tlwh)
            height = 500.0 * walker.stature / 8.0
            assert 0.85 * height < layer.box_tlwh[3] < 1.2 * height
        np.testing.assert_allclose(boxes[0], boxes[2], atol=0.06 * boxes[2][3])


def test_the_sunny_side_is_brighter():
    light = choose_light(np.random.default_rng(3), 0.0)
    normals = np.array([light.to_sun, -light.to_sun])
    bright, dark = light.shade(np.ones((2, 3)), normals, 1.0)
    assert (bright > 1.3 * dark).all() or light.kind == "overcast"
    far, near = light.haze(np.zeros((2, 3)), np.array([200.0, 2.0]))
    assert (far > near).all()


def test_normals_of_tubes_and_boxes_point_outwards():
    rng = np.random.default_rng(0)
    start, end = rng.normal(0, 1, (2, 1, 3))
    flat = np.zeros((1, 4))
    along = np.linspace(0, 1, 4)[None]
    vertices = tube_vertices(
        start, end, rng.normal(0, 1, (1, 3)), along, flat + 0.2, flat + 0.1, flat, np.array([2.0]), 12
    )
    tube = tube_faces(vertices, np.zeros((1, 3, 12, 3)))
    axis = (end - start)[0] / np.linalg.norm(end - start)
    middle = tube.corners.mean(axis=1) - start[0]
    outwards = middle - (middle @ axis)[:, None] * axis
    assert (np.sum(outwards * tube.normals, axis=1) > 0).all()
    box = box_faces(np.array([0.0, 0, 0]), np.array([1.0, 2, 3]), np.zeros(3))
    assert (np.sum((box.corners.mean(axis=1) - [0.5, 1, 1.5]) * box.normals, axis=1) > 0).all()


def test_a_drawn_square_covers_its_area():
    """An exact check of the projection and of sub-pixel drawing: a wall of known size at a known distance."""
    light = choose_light(np.random.default_rng(0), 0.0)
    view = Camera(np.array([0.0, 1.0, -10.0]), 0.0, 0.0, 400.0, (320, 240))
    wall = box_faces(np.array([-0.5, 0.5, 0.0]), np.array([0.5, 1.5, 0.001]), np.full(3, 0.5))
    layer = draw(wall, view, light, 1.0, 4)
    assert layer.box_tlwh == pytest.approx([140, 100, 40, 40], abs=0.3)
    assert layer.pixels[..., 3].sum() / 255 == pytest.approx(1600, rel=0.02)
    assert cv2.boundingRect(layer.pixels[..., 3])[2] in (40, 41, 42)


def test_rays_and_projection_are_inverse():
    view = Camera(np.array([1.0, 3.0, -2.0]), 0.6, 0.3, 450.0, (64, 48))
    rays = view.rays(0, 48, 1).astype(np.float64)
    pixels, depths = view.project(view.position + 7.0 * rays)
    x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(48) + 0.5)
    np.testing.assert_allclose(pixels, np.stack([x, y], axis=-1), atol=1e-3)
    np.testing.assert_allclose(depths, 7.0, atol=1e-5)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(pixels + 0.01, np.stack([x, y], axis=-1), atol=1e-3)


def test_a_thing_is_in_front_only_when_an_edge_parts_it_from_who_stands_behind():
    faces = box_faces(np.array([2.0, 0, 4.0]), np.array([6.0, 1.4, 6.0]), np.zeros(3))
    car = Prop(faces, (2.0, 4.0), (6.0, 6.0), ())
    assert car.hides(3.0, 7.0, 0.0, 0.0)
    assert not car.hides(3.0, 3.0, 0.0, 0.0)
    assert car.hides(7.0, 5.0, 0.0, 0.0)
    assert not car.hides(1.0, 5.0, 0.0, 0.0)


def test_a_few_people_keep_apart():
    rng = np.random.default_rng(8)
    view = choose_view(rng)
    layout = choose_layout(rng, view)
    eye = place_camera(rng, layout, view, (960, 540), (2.3, 5.0))
    routes = choose_routes(rng, layout, eye, [], 6, 100, 25.0)
    for index, route in enumerate(routes):
        for other in routes[:index]:
            assert np.linalg.norm(route.places - other.places, axis=1).min() > 0.4
        assert np.abs(np.diff(route.headings)).max() < 0.25
