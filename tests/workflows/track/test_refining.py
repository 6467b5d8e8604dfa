"""``track --refine``: refined rows replace the online ones, which stay beside them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner
from walkers import film, find_bright, read_rows

from fairmot.cli import app
from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.formats.recordings import load_recording
from fairmot.workflows.track.replay import replay
from fairmot.workflows.track.track import track

pytestmark = pytest.mark.usefixtures("elsewhere")

CONFIG = TrackerConfig(track_buffer_frames=2, appearance=False)


class Blinking:
    """Finds nobody in some frames: longer than lost tracks are kept."""

    architecture, input_size, confidence = "bright", (320, 240), 0.1

    def __init__(self):
        self.seen = 0

    def __call__(self, image):
        self.seen += 1
        found = find_bright(image)
        return found.select(np.zeros(len(found), dtype=bool)) if 15 <= self.seen < 22 else found


@pytest.fixture
def source(tmp_path):
    return film(tmp_path / "street.mp4")


def test_rows_are_linked_and_filled_and_the_online_rows_stay(source):
    (online,) = track(source, Blinking(), CONFIG, output="online", video=False)
    (run,) = track(source, Blinking(), CONFIG, output="refined", video=False, refine=True, save_detections=True)
    assert (run.text.parent / "street.online.txt").read_bytes() == online.text.read_bytes()
    assert (online.identity_count, run.identity_count) == (4, 2)
    rows = read_rows(run.text)
    assert len(rows) == run.row_count == 80
    assert sorted(np.unique(rows[:, 1]).tolist()) == [1, 2]
    noted = json.loads((run.text.parent / "run.json").read_text())["sources"]["street"]
    assert (noted["rows"], noted["identities"]) == (80, 2)
    # The same from the recording, without images.
    recording = load_recording(run.detections)
    (again,) = replay([recording], CONFIG, output="again", refine=True)
    for ending in (".txt", ".online.txt", ".refined.json"):
        mine, theirs = (one.text.with_suffix("").with_name(f"street{ending}").read_bytes() for one in (again, run))
        assert mine == theirs, ending
    assert (again.row_count, again.identity_count) == (80, 2)


def test_the_record_says_which_links_were_made(source):
    (run,) = track(source, Blinking(), CONFIG, output="refined", video=False, refine=True)
    record = json.loads((run.text.parent / "street.refined.json").read_text())
    assert sorted(link["identity"] for link in record["links"]) == [1, 2]
    for link in record["links"]:
        assert (link["last_frame"], link["first_frame"]) == (14, 22)
        assert link["cost"] < record["config"]["link_cost"]
    assert record["filled"] == 2 * 7


@pytest.mark.parametrize("every", [1, 2, 3])
def test_only_tracked_frames_get_rows(source, every):
    (run,) = track(source, Blinking(), CONFIG, output="refined", video=False, refine=True, every=every, start=1)
    assert set(np.unique(read_rows(run.text)[:, 0]).astype(int)) <= set(range(2, 41, every))


def test_nobody_at_all(source):
    def blind(image):
        return Detections(np.empty((0, 4)), np.empty(0))

    (run,) = track(source, blind, CONFIG, output="refined", video=False, refine=True)
    assert run.text.read_text() == ""
    assert run.row_count == 0


def test_the_option_excludes_interpolation(tmp_path):
    det = tmp_path / "det.txt"
    det.write_text("".join(f"{frame},-1,{10 + frame},20,40,90,0.9,-1,-1,-1\n" for frame in range(1, 21)))
    words = ["track", "--detections", str(det), "--refine", "--output", "a", "--quiet"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    (text,) = (tmp_path / "a").glob("*.online.txt")
    assert text.read_text()
    refused = CliRunner().invoke(app, [*words, "--interpolate", "linear"]).exception
    assert isinstance(refused, InputError)
    assert "--refine fills the gaps itself" in str(refused)
