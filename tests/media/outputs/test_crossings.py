"""Who crosses a line: hidden, jittering, at its ends, at the image's edge; and on rendered streets."""

import cv2
import numpy as np
import pytest
from counted_street import HIDDEN, count, render_counted

from fairmot.detections import Tracks
from fairmot.errors import InputError
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.places import Line, Zone
from fairmot.media.outputs.results import ResultFiles
from fairmot.media.sources.frame import Frame

SIZE = (640, 480)
MIDDLE = Line("door", (320, 0), (320, 480))


def tracks(boxes, ids):
    count = len(ids)
    return Tracks(np.array(ids, np.int64), np.array(boxes, float).reshape(-1, 4), np.ones(count), np.zeros(count, int))


def person(x, feet=300, width=40, height=100):
    return [x - width / 2, feet - height, x + width / 2, feet]


def counted(folder, frames, image=None, **wanted):
    """The totals after frames of [(box, identity), ...]."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8) if image is None else image
    with ResultFiles(folder, "a", SIZE, 30, outputs=Outputs(**{"video": False, "lines": (MIDDLE,), **wanted})) as files:
        for index, found in enumerate(frames):
            boxes, ids = [box for box, _ in found], [identity for _, identity in found]
            files.write(Frame(image, index, index / 30), tracks(boxes, ids))
    return files.counts


def in_and_out(folder, places, **wanted):
    frames = [[] if place is None else [(person(*np.atleast_1d(place)), 1)] for place in places]
    (line,) = counted(folder, frames, **wanted)["lines"]
    return line["in"], line["out"]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param(range(200, 440, 6), (1, 0), id="to the right"),
        pytest.param(range(440, 200, -6), (0, 1), id="to the left"),
        pytest.param([100, 200, 300, 400, 500], (1, 0), id="fast"),
        pytest.param([300, 310, 320, 330, 340], (1, 0), id="on the line for a frame"),
        pytest.param([300, 310, 320, 310, 300], (0, 0), id="to the line and back"),
        pytest.param([300] * 5 + [319, 321] * 20 + [300] * 5, (0, 0), id="one pixel of jitter"),
        pytest.param([300] * 5 + [316, 324] * 20 + [300] * 5, (0, 0), id="four pixels of jitter"),
        pytest.param([319, 321] * 20 + [300] * 5, (0, 0), id="jitter from the start"),
        pytest.param([300] * 3 + [319, 321] * 9 + [350] * 3, (1, 0), id="jitter and then across"),
        pytest.param([300, 350, 300, 350, 300], (2, 2), id="across four times"),
        pytest.param([300, 310, None, None, None, 330, 340], (1, 0), id="hidden for three frames"),
        pytest.param([300, 310, *[None] * 25, 330, 340], (1, 0), id="hidden for a second"),
        pytest.param([300, *[None] * 100, 340], (1, 0), id="found again much later"),
    ],
)
def test_crossings_of_one_person(tmp_path, places, expected):
    assert in_and_out(tmp_path, places) == expected


def test_without_a_margin_jitter_counts(tmp_path):
    assert in_and_out(tmp_path, [300] * 5 + [319, 321] * 20 + [300] * 5, line_margin=0) == (20, 20)
    with pytest.raises(InputError, match="line margin 2: expected a fraction"):
        Outputs(line_margin=2)


def test_round_the_end_of_a_line_is_not_over_it(tmp_path):
    short = (Line("door", (320, 0), (320, 200)),)
    assert in_and_out(tmp_path, [(x, 300) for x in range(200, 440, 6)], lines=short) == (0, 0)
    # Over the line to the right, round its end to the left, and over it again.
    way = [(300, 100), (340, 100), (340, 300), (300, 300), (300, 100), (340, 100)]
    assert in_and_out(tmp_path, way, lines=short) == (2, 0)


def test_feet_below_the_image_count_at_its_edge(tmp_path):
    frames = [[(person(x, feet=510), 1)] for x in range(200, 440, 6)]
    zone = Zone("all", ((0, 0), (639, 0), (639, 479), (0, 479)))
    totals = counted(tmp_path, frames, zones=(zone,))
    assert (totals["lines"][0]["in"], totals["lines"][0]["out"]) == (1, 0)
    assert totals["zones"][0]["mean"] == 1
    assert totals["anchor"] == "feet"


def test_the_centre_may_count_in_place_of_the_feet(tmp_path):
    across = (Line("door", (0, 250), (640, 250)),)
    places = [(100, feet) for feet in range(280, 330, 2)]  # the centre is 50 px higher
    assert in_and_out(tmp_path / "a", places, lines=across) == (0, 0)
    assert in_and_out(tmp_path / "b", places, lines=across, anchor="centre") == (0, 1)
    with pytest.raises(InputError, match="anchor head: expected feet or centre"):
        Outputs(anchor="head")


def test_a_line_close_to_the_edge_can_be_crossed(tmp_path):
    low = (Line("door", (0, 474), (640, 474)),)
    assert in_and_out(tmp_path, [(100, feet) for feet in range(400, 520, 5)], lines=low) == (0, 1)


def test_many_people_are_counted_one_by_one(tmp_path):
    frames = [[(person(x), 3), (person(640 - x), 8), (person(x, 420), 5)] for x in range(200, 440, 6)]
    (line,) = counted(tmp_path, frames)["lines"]
    assert (line["in"], line["out"]) == (2, 1)
    rows = (tmp_path / "a.lines.csv").read_text().splitlines()[1:]
    assert [row.split(",")[2:] for row in rows] == [
        ["door", "3", "in", "1", "0"],
        ["door", "5", "in", "2", "0"],
        ["door", "8", "out", "2", "1"],
    ]


def test_fractions_of_the_image_are_served(tmp_path):
    half = Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
    frames = [[(person(x), 1)] for x in range(200, 440, 6)]
    totals = counted(tmp_path, frames, lines=(Line("door", (0.5, 0), (0.5, 1)),), zones=(half,))
    assert totals["lines"][0] == {"name": "door", "points": ((320, 0), (320, 480)), "in": 1, "out": 0}
    assert totals["zones"][0]["points"] == ((0, 0), (320, 0), (320, 480), (0, 480))
    assert 0 < totals["zones"][0]["mean"] < 1


def test_what_is_too_small_to_be_meant_is_refused(tmp_path):
    for wanted in (
        {"lines": (Line("door", (0, 0.5), (1.2, 0.5)),)},
        {"lines": (), "zones": (Zone("z", ((0, 0), (1.5, 0), (1, 1))),)},
    ):
        with pytest.raises(InputError, match=r"less than 2 pixels long; give pixels, or fractions"):
            counted(tmp_path, [], **wanted)


def test_counts_stand_in_a_panel_with_their_names(tmp_path):
    frames = [[(person(600), 1)]] * 3
    image = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    counted(tmp_path, frames, image, images=True, lines=(Line("Tür", (320, 240), (320, 480)),))
    panel = cv2.imread(str(tmp_path / "a" / "000003.jpg"))[:30, :200].astype(int)
    dark = (panel < 90).all(axis=2)
    assert dark[:10, :60].mean() > 0.9  # a dark ground
    assert 60 < (panel > 230).all(axis=2).sum() < 1500  # white letters
    counted(tmp_path / "b", frames, image, images=True, lines=(Line("Tor", (320, 240), (320, 480)),))
    other = cv2.imread(str(tmp_path / "b" / "a" / "000003.jpg"))[:30, :200].astype(int)
    assert np.abs(panel - other).max() > 100  # the twin: another name


@pytest.fixture(scope="module")
def street():
    made = render_counted(seed=1, people=16, frames=50, frame_rate=3)
    assert made.expected.sum() >= 50
    assert made.expected.sum(axis=0).min() >= 10
    directions = {round(np.degrees(np.arctan2(*np.subtract(line.end, line.start))) / 15) for line in made.lines}
    assert len(directions) >= 4
    return made


def test_crossings_on_a_rendered_street_are_exact(street):
    frames = [(ids, boxes) for ids, boxes, _ in street.frames]
    np.testing.assert_array_equal(count(street, frames), street.expected)


def test_hidden_people_are_counted_when_they_are_seen_again(street):
    frames = [(ids[seen > HIDDEN], boxes[seen > HIDDEN]) for ids, boxes, seen in street.frames]
    assert sum(len(ids) for ids, _ in frames) < 0.95 * sum(len(ids) for ids, _, _ in street.frames)
    np.testing.assert_array_equal(count(street, frames), street.expected)


def test_boxes_of_one_person_moved_by_a_metre_are_seen(street):
    """The twin: someone who crosses a line walks elsewhere."""
    frames = [(ids, boxes + np.where(ids == ids[0], 120, 0)[:, None]) for ids, boxes, _ in street.frames]
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(count(street, frames), street.expected)
