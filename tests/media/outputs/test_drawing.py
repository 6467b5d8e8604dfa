import numpy as np
import pytest

from fairmot.detections import Tracks
from fairmot.media.outputs.colors import COUNT
from fairmot.media.outputs.drawing import Annotator


def tracks(*rows):
    """Rows (identity, x1, y1, x2, y2)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Tracks(
        ids=table[:, 0].astype(np.int64),
        boxes_xyxy=table[:, 1:],
        scores=np.full(len(table), 0.9),
        class_ids=np.zeros(len(table), dtype=np.int64),
    )


def blank(width=640, height=480):
    return np.zeros((height, width, 3), np.uint8)


def test_the_outline_is_drawn_and_the_image_given_stays_as_it_is():
    image = blank()
    drawn = Annotator((640, 480)).draw(image, tracks((1, 200, 100, 300, 400)))
    assert not image.any()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    for x, y in ((200, 250), (300, 250), (250, 400)):
        assert drawn[y - 2 : y + 3, x - 2 : x + 3].any(), (x, y)
    assert not drawn[150:390, 210:290].any()
    assert not drawn[:, 420:].any()


def test_a_colour_belongs_to_an_identity():
    annotator = Annotator((640, 480), trail_seconds=0)
    first = annotator.draw(blank(), tracks((1, 100, 100, 200, 300), (2, 300, 100, 400, 300)))
    second = annotator.draw(blank(), tracks((2, 100, 100, 200, 300), (1, 300, 100, 400, 300)))
    np.testing.assert_array_equal(first[250, 100], second[250, 300])
    np.testing.assert_array_equal(first[250, 300], second[250, 100])
    assert (first[250, 100] != first[250, 300]).any()


def test_consecutive_identities_look_different():
    annotator = Annotator((640, 480), trail_seconds=0)
    colours = [annotator.draw(blank(), tracks((i, 200, 100, 300, 400)))[300, 200] for i in range(1, 23)]
    distances = np.linalg.norm(np.diff(np.array(colours, dtype=float), axis=0), axis=1)
    assert distances.min() > 150
    assert len({tuple(colour) for colour in colours}) == 22


def test_the_label_says_the_identity():
    def label(identity):
        # Identities a whole palette apart differ in the label alone.
        return Annotator((640, 480)).draw(blank(), tracks((identity, 200, 100, 300, 400)))

    np.testing.assert_array_equal(label(1), label(1))
    difference = (label(1) != label(1 + COUNT)).any(axis=-1)
    rows, columns = np.nonzero(difference)
    assert rows.size > 20
    assert rows.max() <= 105
    assert columns.min() >= 190


def test_a_trail_follows_the_feet_for_its_time():
    annotator = Annotator((640, 480), frame_rate=5, trail_seconds=2)
    for step in range(20):
        drawn = annotator.draw(blank(), tracks((1, 20 * step, 100, 20 * step + 40, 200)))
    trail = np.nonzero(drawn[200, :380].any(axis=-1))[0]
    # Ten frames: feet from x = 220 to 400.
    assert trail.min() == pytest.approx(220, abs=3)
    untrailed = Annotator((640, 480), trail_seconds=0).draw(blank(), tracks((1, 380, 100, 420, 200)))
    assert not untrailed[200, :370].any()


def test_frames_without_tracks_and_boxes_beyond_the_image():
    annotator = Annotator((640, 480))
    assert not annotator.draw(blank(), tracks()).any()
    drawn = annotator.draw(blank(), tracks((1, -50.5, -40, 30, 700), (2, 630, 10, 900, 60)))
    assert drawn.any()


def test_lines_grow_with_the_image():
    def thickness(width, height):
        box = (width // 4, height // 4, width // 2, height * 3 // 4)
        drawn = Annotator((width, height)).draw(blank(width, height), tracks((1, *box)))
        return int(drawn[height // 2, : width * 3 // 8].any(axis=-1).sum())

    assert thickness(3840, 2160) > thickness(640, 480) >= 2


def test_somebody_who_fills_the_image_keeps_a_frame_and_a_label():
    image = np.full((200, 300, 3), 90, dtype=np.uint8)
    tracks = Tracks(np.array([7]), np.array([[100.0, -50, 200, 400]]), np.ones(1), np.zeros(1, dtype=np.int64))
    drawn = Annotator((300, 200), trail_seconds=0).draw(image, tracks)
    changed = (drawn != image).any(axis=2)
    assert changed[0, 101:199].all()
    assert changed[199, 101:199].all()
    assert changed[4:8, 104:108].all()  # the label's background, inside the image
    np.testing.assert_array_equal(tracks.boxes_xyxy, [[100, -50, 200, 400]])
