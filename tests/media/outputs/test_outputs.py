"""What is written and drawn beside the result rows, on tracks that are known to the pixel."""

import csv
import json

import cv2
import numpy as np
import pytest

from fairmot.detections import Detections, Tracks
from fairmot.errors import InputError
from fairmot.media.outputs.drawing import identity_color
from fairmot.media.outputs.json_lines import format_json_line
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.places import Line, Zone
from fairmot.media.outputs.results import ResultFiles
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.frames import read_frames

SIZE = (160, 120)
COUNT = 20
ZONE = Zone("Tür", ((0, 60), (160, 60), (160, 120), (0, 120)))
LINE = Line("line 1", (0, 60), (160, 60))


def image(index=0):
    # Grey, since JPEG halves the resolution of colours.
    noise = np.random.default_rng(index).integers(0, 256, (SIZE[1], SIZE[0], 1), dtype=np.uint8)
    return np.repeat(noise, 3, axis=2)


def walk(index):
    """7 walks down over y = 60 at frame 10, 8 walks up over it at frame 13, 9 stands above."""
    down, up = 35 + 2.5 * index + 1, 94 - 2.5 * index
    boxes = [[10, down - 30, 30, down], [60, up - 30, 80, up], [120, 10, 140, 40]]
    return Tracks(np.array([7, 8, 9]), np.array(boxes), np.full(3, 0.5), np.zeros(3, np.int64))


def write(folder, frames=COUNT, detections=None, **wanted):
    with ResultFiles(folder, "a", SIZE, 25, outputs=Outputs(**{"video": False, **wanted})) as files:
        for index in range(frames):
            files.write(Frame(image(), index + 4, (index + 4) / 25), walk(index), detections)
    return sorted(path.name for path in folder.iterdir())


def read_csv(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_json_lines_and_csv_hold_what_the_rows_hold(tmp_path):
    assert write(tmp_path, jsonl=True, csv=True) == ["a.csv", "a.jsonl", "a.txt"]
    rows = np.loadtxt(tmp_path / "a.txt", delimiter=",")
    table = read_csv(tmp_path / "a.csv")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(4, 4 + COUNT))
    assert lines[1]["seconds"] == 0.2
    flat = [[line["index"] + 1, t["id"], *t["box_tlwh"], t["score"]] for line in lines for t in line["tracks"]]
    columns = ("frame", "id", "left", "top", "width", "height", "score")
    np.testing.assert_array_equal(flat, rows[:, :7])
    np.testing.assert_array_equal([[float(row[name]) for name in columns] for row in table], rows[:, :7])
    assert table[3]["seconds"] == "0.200"


def test_a_frame_without_tracks_has_its_json_line():
    nothing = Tracks(np.empty(0, np.int64), np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))
    assert json.loads(format_json_line(Frame(image(), 3, 0.12), nothing)) == {
        "frame": 4,
        "index": 3,
        "seconds": 0.12,
        "tracks": [],
    }


def test_crops_are_cut_out_twice_a_second(tmp_path):
    write(tmp_path, crops=True)
    folder = tmp_path / "a-crops"
    assert sorted(path.name for path in folder.iterdir()) == ["000007", "000008", "000009"]
    # Frames 4 to 23 at 25 frames/s: the first one, and the first one half a second later.
    assert sorted(path.name for path in (folder / "000009").iterdir()) == ["000005.jpg", "000018.jpg"]
    crop = cv2.imread(str(folder / "000009" / "000005.jpg")).astype(float)
    assert crop.shape == (30, 20, 3)
    assert np.abs(crop - image()[10:40, 120:140]).mean() < 20
    assert np.abs(crop - image()[10:40, 121:141]).mean() > 60  # the twin


@pytest.mark.parametrize("video", [True, False])
def test_crossings_and_people_in_zones_are_counted(tmp_path, video):
    write(tmp_path, video=video, lines=(LINE,), zones=(ZONE,))
    crossings = read_csv(tmp_path / "a.lines.csv")
    assert [(row["id"], row["direction"], row["in"], row["out"]) for row in crossings] == [
        ("7", "out", "0", "1"),
        ("8", "in", "1", "1"),
    ]
    # 7's feet are at 61 in the eleventh frame, and beyond the margin of 2 px in the next, number 16.
    assert (crossings[0]["frame"], crossings[0]["seconds"]) == ("16", "0.600")
    changes = [(int(row["frame"]), int(row["people"])) for row in read_csv(tmp_path / "a.zones.csv")]
    feet = np.array([walk(index).boxes_xyxy[:, 3] for index in range(COUNT)])
    inside = (feet >= 60).sum(axis=1)
    expected = [(i + 5, n) for i, n in enumerate(inside) if i == 0 or n != inside[i - 1]]
    assert changes == expected
    assert len(expected) == 3
    text = (tmp_path / "a.counts.json").read_text(encoding="utf-8")
    assert f'"{ZONE.name}"' in text  # readable, whatever the letters
    totals = json.loads(text)
    assert totals["frames"] == COUNT
    assert (totals["lines"][0]["in"], totals["lines"][0]["out"]) == (1, 1)
    (zone,) = totals["zones"]
    assert (zone["identities"], zone["most_at_once"]) == (2, 2)
    assert zone["mean"] == pytest.approx(inside.mean())


def test_without_a_margin_the_line_itself_counts(tmp_path):
    write(tmp_path, lines=(LINE,), line_margin=0)
    assert [row["frame"] for row in read_csv(tmp_path / "a.lines.csv")] == ["15", "19"]


def test_who_walks_to_the_left_hand_side_comes_in(tmp_path):
    turned = Line("line 1", LINE.end, LINE.start)
    write(tmp_path, lines=(turned,))
    assert [row["direction"] for row in read_csv(tmp_path / "a.lines.csv")] == ["in", "out"]


def test_places_outside_of_the_image_are_refused(tmp_path):
    for wanted in (
        {"lines": (Line("line 1", (200, 0), (210, 50)),)},
        {"zones": (Zone("x", ((0, -9), (9, -9), (9, -1))),)},
    ):
        with pytest.raises(InputError, match="lies outside of the frame, which has 160 x 120 pixels"):
            write(tmp_path / "out", **wanted)
        assert not (tmp_path / "out").exists()


def drawn(folder, **wanted):
    write(folder, video=False, images=True, **wanted)
    return cv2.imread(str(folder / "a" / f"{COUNT + 4:06d}.jpg")).astype(int)


def roughness(image):
    return np.abs(np.diff(image, axis=1)).mean()


def test_blur_hides_whole_people_and_nothing_else(tmp_path):
    plain, blurred = drawn(tmp_path / "plain"), drawn(tmp_path / "blurred", blur=True)
    person = np.s_[15:36, 124:137]
    assert roughness(blurred[person]) < 0.25 * roughness(plain[person])
    elsewhere = np.s_[90:118, 100:158]
    np.testing.assert_allclose(blurred[elsewhere], plain[elsewhere], atol=2)


def test_blur_hides_also_who_is_no_track_yet(tmp_path):
    person = np.s_[92:118, 132:150]
    newcomer = Detections(np.array([[130, 90, 152, 119]]), np.array([0.3]))
    unsure = Detections(np.array([[130, 90, 152, 119]]), np.array([0.15]))
    hidden = roughness(drawn(tmp_path / "a", blur=True, detections=newcomer)[person])
    shown = roughness(drawn(tmp_path / "b", blur=True, detections=unsure)[person])
    assert hidden < 0.3 * shown


def test_crops_and_blur_exclude_each_other():
    with pytest.raises(InputError, match="leave one of them out"):
        Outputs(crops=True, blur=True)


def test_heat_lies_where_people_stood(tmp_path):
    grey = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    with ResultFiles(tmp_path, "a", SIZE, 25, outputs=Outputs(video=False, heatmap=True)) as files:
        for index in range(COUNT):
            files.write(Frame(grey, index, index / 25), walk(index))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.heatmap.jpg", "a.txt"]
    heat = cv2.imread(str(tmp_path / "a.heatmap.jpg")).astype(int)
    change = np.abs(heat - grey).max(axis=-1)
    assert change[38:42, 127:133].mean() > 40
    assert change[80:115, 100:155].mean() < 5


def test_lines_and_zones_are_drawn(tmp_path):
    plain, counted = drawn(tmp_path / "plain"), drawn(tmp_path / "counted", lines=(LINE,), zones=(ZONE,))
    changed = np.abs(counted - plain).max(axis=-1) > 40
    assert changed[59:62, 90:158].mean() > 0.8
    assert changed[2:30, 100:118].mean() < 0.1


def test_colours_are_those_of_the_drawn_boxes(tmp_path):
    grey = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    seen = Tracks(np.array([33]), np.array([[20.0, 30, 90, 110]]), np.array([0.9]), np.array([0]))
    with ResultFiles(tmp_path, "a", SIZE, 25, outputs=Outputs(video=True)) as files:
        files.write(Frame(grey, 0, 0.0), seen)
    (frame,) = read_frames(files.video)
    edge = frame.image[60:100, 90].astype(int).mean(axis=0)
    assert np.abs(edge - identity_color(33)[::-1]).max() < 40
    assert np.abs(edge - identity_color(34)[::-1]).max() > 40
