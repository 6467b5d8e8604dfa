"""Lines and zones as a user states them."""

import json

import pytest

from fairmot.errors import InputError
from fairmot.media.outputs.places import Line, Zone, parse_lines, read_zones

SQUARE = [[0, 0], [10, 0], [10, 10]]


def test_lines_are_numbered():
    assert parse_lines(["0,50,100,50.5", " 1, 2, 3, 4"]) == (
        Line("line 1", (0, 50), (100, 50.5)),
        Line("line 2", (1, 2), (3, 4)),
    )


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,2,3,4", "5,5,5,5", "nan,0,1,1", "inf,0,1,1"])
def test_what_is_no_line_is_named(text):
    with pytest.raises(InputError, match=f"line {text}: expected"):
        parse_lines([text])


def test_zones_with_and_without_names(tmp_path):
    path = tmp_path / "zönes.json"
    path.write_text(json.dumps({"door": SQUARE}))
    assert read_zones(path) == (Zone("door", ((0, 0), (10, 0), (10, 10))),)
    path.write_text(json.dumps([SQUARE, SQUARE]))
    assert [zone.name for zone in read_zones(path)] == ["zone 1", "zone 2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("3", "expected polygons"),
        ("{}", "expected polygons"),
        ('{"door": 3}', "door: expected points"),
        ('{"door": [[1, 2], [3]]}', "door: expected points"),
        ('{"door": [[1, 2], [3, 4]]}', "door: expected three points"),
        ('{"door": [[1, 1], [2, 2], [3, 3]]}', "door: expected three points"),
    ],
)
def test_what_are_no_zones_is_named(tmp_path, content, message):
    path = tmp_path / "zones.json"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"zones\.json: {message}"):
        read_zones(path)


@pytest.mark.parametrize("far", ["1e9", "-1e9", "1e300", "1" + "0" * 400])
def test_points_far_outside_of_the_frame_are_named(tmp_path, far):
    """Drawn as polygons they would take all memory."""
    path = tmp_path / "zones.json"
    path.write_text(f'{{"door": [[0, 0], [{far}, 0], [0, {far}]]}}')
    with pytest.raises(InputError, match=r"door: (a point lies far outside|expected (three )?points)"):
        read_zones(path)[0].in_pixels((320, 240))
    path.write_text('{"door": [[0, 0], [960, 0], [0, 960]]}')  # the twin: some way outside
    assert read_zones(path)[0].in_pixels((320, 240)).points[1] == (960, 0)


def test_zones_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_zones(tmp_path / "absent.json")
