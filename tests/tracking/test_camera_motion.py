"""The camera's motion: measured on images that were moved on purpose, and applied to the filter."""

import cv2
import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.tracking import kalman
from fairmot.tracking.camera_motion import IDENTITY, CameraMotion, move_tracks
from fairmot.tracking.table import table_type
from fairmot.tracking.tracker import Tracker


@pytest.fixture(scope="module")
def wall():
    """A large image with texture everywhere."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (90, 130, 3), dtype=np.uint8)
    return cv2.resize(small, (1300, 900), interpolation=cv2.INTER_CUBIC)


def view(wall, motion, size=(640, 480)):
    return cv2.warpAffine(wall, motion, size, flags=cv2.INTER_LINEAR)


def turned(degrees, scale, shift):
    motion = cv2.getRotationMatrix2D((320, 240), degrees, scale)
    motion[:, 2] += shift
    return motion


BASE = np.array([[1.0, 0, -200], [0, 1.0, -150]])


def composed(motion):
    full = np.vstack([motion, [0, 0, 1]]) @ np.vstack([BASE, [0, 0, 1]])
    return full[:2]


@pytest.mark.parametrize("method", ["flow", "orb"])
@pytest.mark.parametrize("motion", [turned(0, 1, (7.5, -4)), turned(2, 1.03, (3, 5)), turned(0, 1, (0, 0))])
def test_a_known_motion_is_found(wall, method, motion):
    camera = CameraMotion(method)
    np.testing.assert_array_equal(camera.measure(view(wall, BASE), np.empty((0, 4))), IDENTITY)
    found = camera.measure(view(wall, composed(motion)), np.empty((0, 4)))
    corners = np.array([[0, 0, 1], [640, 0, 1], [0, 480, 1], [640, 480, 1]]).T
    np.testing.assert_allclose(found @ corners, motion @ corners, atol=0.7)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found @ corners + 1.5, motion @ corners, atol=0.7)


def test_large_images_are_measured_in_their_own_pixels(wall):
    camera = CameraMotion("flow")
    camera.measure(view(wall, np.eye(2, 3), (1280, 880)), np.empty((0, 4)))
    found = camera.measure(view(wall, np.array([[1.0, 0, 9], [0, 1, -6]]), (1280, 880)), np.empty((0, 4)))
    np.testing.assert_allclose(found, [[1, 0, 9], [0, 1, -6]], atol=0.4)


def test_what_moves_by_itself_is_left_out(wall):
    """Two thirds of the image move; without the mask that would be measured as camera motion."""
    before, after = view(wall, BASE), view(wall, BASE)
    moved = view(wall, composed(turned(0, 1, (6, 0))))
    after[:, :430] = moved[:, :430]
    box = np.array([[0.0, 0, 440, 480]])
    masked, fooled = CameraMotion("flow"), CameraMotion("flow")
    masked.measure(before, box)
    fooled.measure(before, np.empty((0, 4)))
    np.testing.assert_allclose(masked.measure(after, box)[:, 2], 0, atol=0.3)
    assert abs(fooled.measure(after, np.empty((0, 4)))[0, 2] - 6) < 0.5


@pytest.mark.parametrize("method", ["flow", "orb"])
def test_an_image_without_texture_gives_no_motion(method, wall):
    camera, grey = CameraMotion(method), np.full((480, 640, 3), 90, np.uint8)
    for image in (grey, grey, view(wall, BASE), grey, view(wall, BASE, (320, 240))):
        np.testing.assert_array_equal(camera.measure(image, np.empty((0, 4))), IDENTITY)


def full_covariance(covariance):
    full = np.zeros((8, 8))
    for i in range(4):
        full[i, i], full[i + 4, i + 4] = covariance[kalman.POSITION, i], covariance[kalman.VELOCITY, i]
        full[i, i + 4] = full[i + 4, i] = covariance[kalman.CROSS, i]
    return full


def test_mean_and_covariance_are_those_of_the_full_matrices():
    rng = np.random.default_rng(0)
    table = np.zeros(5, dtype=table_type(0, 0, True))
    mean, covariance = kalman.initiate(rng.uniform([0, 0, 0.3, 50], [600, 400, 0.5, 200], (5, 4)))
    for _ in range(3):
        mean, covariance = kalman.update(
            *kalman.predict(mean, covariance), mean[:, :4] + rng.normal(0, 3, (5, 4)) * 0.1
        )
    for field in ("mean", "seen_mean"):
        table[field] = mean
    for field in ("covariance", "seen_covariance"):
        table[field] = covariance
    table["seen_box"] = mean[:, :4]
    motion = turned(3, 1.1, (12, -7))
    move_tracks(table, motion)
    scale = 1.1
    turn = np.eye(8)
    turn[:2, :2] = turn[4:6, 4:6] = motion[:, :2]
    turn[3, 3] = turn[7, 7] = scale
    for i in range(5):
        expected = turn @ mean[i]
        expected[:2] += motion[:, 2]
        np.testing.assert_allclose(table["mean"][i], expected, rtol=1e-12)
        matrix = turn @ full_covariance(covariance[i]) @ turn.T
        found = full_covariance(table["covariance"][i])
        np.testing.assert_allclose(np.diag(found), np.diag(matrix), rtol=1e-12)
        np.testing.assert_allclose(np.diag(found, 4), np.diag(matrix, 4), rtol=1e-12)
        np.testing.assert_allclose(table["seen_box"][i], expected[:4], rtol=1e-12)
    np.testing.assert_array_equal(table["mean"], table["seen_mean"])


@pytest.mark.parametrize("method", ["flow", "orb"])
def test_a_jerking_camera_loses_no_track(wall, method):
    """Three people stand still; the camera jumps 30 px to and fro."""
    stand = np.array([[100.0, 200], [300, 220], [480, 180]])

    def followed(**options):
        tracker, identities = Tracker(TrackerConfig(**options)), set()
        for t in range(12):
            shift = np.array([30.0 * (t % 2), 12.0 * (t % 3)])
            feet = stand + shift
            boxes = np.column_stack([feet[:, 0] - 12, feet[:, 1] - 60, feet[:, 0] + 12, feet[:, 1]])
            image = view(wall, BASE + np.column_stack([np.zeros((2, 2)), shift]))
            tracks = tracker.update(Detections(boxes, np.full(3, 0.9)), image)
            identities.update(tracks.ids.tolist())
        return len(tracks), len(identities)

    assert followed(camera_motion=method) == (3, 3)
    assert followed() != (3, 3)
