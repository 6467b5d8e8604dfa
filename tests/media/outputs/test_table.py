"""The table of outputs: what it says is what is written, what is protected, and what a finished job has."""

from dataclasses import fields, replace

import numpy as np
import pytest

from fairmot.detections import Tracks
from fairmot.errors import InputError
from fairmot.media.outputs import table
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.places import Line, Zone
from fairmot.media.outputs.results import ResultFiles, check_sources_stay
from fairmot.media.outputs.table import OUTPUTS, Output, endings, requested
from fairmot.media.outputs.text_file import TextFile
from fairmot.media.sources.frame import Frame

SIZE = (160, 120)
NOTHING = Outputs(video=False)
VALUES = {
    "lines": (Line("line 1", (0, 60), (160, 60)),),
    "zones": (Zone("door", ((0, 60), (160, 60), (160, 120))),),
}
WITH_FILES = [output.name for output in OUTPUTS if output.ending is not None and output.name not in ("rows", "counts")]


def only(name):
    return replace(NOTHING, **{name: VALUES.get(name, True)})


def write(folder, outputs):
    tracks = Tracks(np.array([7]), np.array([[20.0, 30, 90, 110]]), np.array([0.9]), np.array([0]))
    with ResultFiles(folder, "a", SIZE, 25, outputs=outputs) as files:
        for index in range(3):
            files.write(Frame(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8), index, index / 25), tracks)
    return sorted(path.name for path in folder.iterdir())


def test_every_request_has_its_line():
    settings = {"anchor", "line_margin", "audio", "video_height", "video_encoder"}  # of lines, zones and the video
    requests = {field.name for field in fields(Outputs)} - settings
    assert requests | {"rows", "counts"} == {output.name for output in OUTPUTS}
    names = [output.ending for output in OUTPUTS if output.ending is not None]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", WITH_FILES)
def test_the_files_of_the_table_are_written(tmp_path, name):
    outputs = only(name)
    assert write(tmp_path, outputs) == sorted(f"a{ending}" for ending in endings(outputs))
    # The twin: without the request its file is not there.
    (own,) = (output.ending for output in OUTPUTS if output.name == name)
    assert f"a{own}" not in write(tmp_path / "none", NOTHING)


@pytest.mark.parametrize("name", [*WITH_FILES, "rows"])
def test_no_file_of_the_table_replaces_a_source(tmp_path, name):
    (own,) = (output.ending for output in OUTPUTS if output.name == name)
    source = tmp_path / f"a{own}"
    source.mkdir()
    outputs = NOTHING if name == "rows" else only(name)
    with pytest.raises(InputError, match="the results would replace what is tracked"):
        check_sources_stay(tmp_path, ["a"], [source], outputs)
    check_sources_stay(tmp_path, ["b"], [source], outputs)


class NumbersFile(TextFile):
    """``<name>.numbers``: how many tracks each frame has."""

    def __init__(self, target):
        super().__init__(target.paths["crops"])

    def lines(self, frame, tracks):
        return f"{frame.index} {len(tracks)}\n"


def test_a_new_format_is_a_writer_and_a_line(tmp_path, monkeypatch):
    # In place of the crops, since a new request is a field of ``Outputs``.
    lines = [output for output in OUTPUTS if output.name != "crops"]
    monkeypatch.setattr(table, "OUTPUTS", (*lines, Output("crops", ".numbers", NumbersFile)))
    outputs = only("crops")
    assert [output.name for output in requested(outputs)] == ["rows", "crops"]
    assert write(tmp_path, outputs) == ["a.numbers", "a.txt"]
    assert (tmp_path / "a.numbers").read_text() == "0 1\n1 1\n2 1\n"
    with pytest.raises(InputError, match=r"a\.numbers: the results would replace"):
        check_sources_stay(tmp_path, ["a"], [tmp_path / "a.numbers"], outputs)
