import cv2
import numpy as np
import pytest

from fairmot.detections import Tracks
from fairmot.media.outputs.colors import COUNT, palette
from fairmot.media.outputs.drawing import Annotator, identity_color
from fairmot.media.outputs.labels import place_labels


def shared_areas(places, sizes):
    low = np.maximum(places[:, None], places[None])
    high = np.minimum((places + sizes)[:, None], (places + sizes)[None])
    areas = np.prod(np.maximum(high - low, 0), axis=2)
    return areas[~np.eye(len(places), dtype=bool)]


def crowd(count, step):
    left = 200 + step * np.arange(count)
    return np.stack([left, 300 + 3.0 * np.arange(count), left + 60, 460 + np.arange(count)], axis=1)


def test_labels_of_a_crowd_do_not_cover_each_other():
    boxes, sizes = crowd(10, 14.0), np.tile([40.0, 18], (10, 1))
    places = place_labels(boxes, sizes, (960, 540))
    assert (shared_areas(places, sizes) == 0).all()
    # Above each box, as it was before, they would.
    assert (shared_areas(boxes[:, :2] - [0, 18], sizes) > 0).any()
    near = (places[:, 0] < boxes[:, 2] + 1) & (places[:, 0] + 40 > boxes[:, 0] - 1)
    assert near.all()
    assert (np.abs(places[:, 1] - boxes[:, 1]) < 6 * 18 + 170).all()


def test_labels_stay_in_the_frame_and_alone_above_the_box():
    boxes = np.array([[-20, -30, 40, 90], [900, 500, 990, 560], [300, 200, 360, 400.0]])
    sizes = np.tile([50.0, 20], (3, 1))
    places = place_labels(boxes, sizes, (960, 540))
    assert (places >= 0).all()
    assert (places + sizes <= [960, 540]).all()
    assert places[2].tolist() == [300, 180]
    assert place_labels(np.empty((0, 4)), np.empty((0, 2)), (960, 540)).shape == (0, 2)


def test_colours_of_identities_stay_distinct():
    colors = np.array(palette())
    assert len(colors) == COUNT > 21
    lab = cv2.cvtColor((colors[:, None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[:, 0]
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1e3 * np.eye(len(lab))
    assert distance.min() > 18
    assert distance[:21, :21].min() > 30
    # supervision's own palette has colours that are closer.
    supervision = pytest.importorskip("supervision")
    theirs = np.array([color.as_rgb() for color in supervision.ColorPalette.DEFAULT.colors])
    lab = cv2.cvtColor((theirs[:, None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[:, 0]
    assert (np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1e3 * np.eye(len(lab))).min() < 30
    assert identity_color(3) == identity_color(3 + COUNT) != identity_color(4)


def test_every_label_of_a_crowd_is_drawn():
    """Each label's colour covers at least most of a label's area."""
    boxes = crowd(6, 16.0)
    tracks = Tracks(np.arange(1, 7), boxes, np.ones(6, np.float32), np.zeros(6, int))
    drawn = Annotator((960, 540), trail_seconds=0).draw(np.full((540, 960, 3), 90, np.uint8), tracks)
    for identity in range(1, 7):
        count = (drawn == identity_color(identity)[::-1]).all(axis=2).sum()
        assert count > 300, identity
