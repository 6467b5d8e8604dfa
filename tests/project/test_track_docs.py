"""docs/track.md: every command in it is run, from top to bottom, on small sources."""

import json
import re
from pathlib import Path

import cv2
import loopback
import pytest
import walkers
from documents import fairmot_commands
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.config.tracker import PRESETS
from fairmot.media.sources import locations

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "track.md").read_text(encoding="utf-8")
COMMANDS = fairmot_commands(TEXT)
FAST = ["--input-size", "64x64", "--engine", "onnxruntime"]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The folder in which all commands have run, and what each printed."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "videos").mkdir()
    for name in ("street.mp4", "yard.mp4", "videos/a.mp4", "videos/b.mp4"):
        walkers.film(folder / name, 12)
    (folder / "frames").mkdir()
    for index in range(12):
        cv2.imwrite(str(folder / "frames" / f"{index}.jpg"), walkers.street(index))
    cv2.imwrite(str(folder / "photo.jpg"), walkers.street(0))
    (folder / "zones.json").write_text(re.search(r"`(\{\"door\": .*?\})`", TEXT).group(1))
    (folder / "tracker.yaml").write_text("camera_motion: flow\n")
    virtual = locations.Location("testsrc=size=320x240:rate=25", "camera0", "lavfi")
    with pytest.MonkeyPatch.context() as patch, loopback.RtspServer([walkers.street(i) for i in range(40)]) as server:
        patch.chdir(folder)
        patch.delenv("DISPLAY", raising=False)
        patch.setattr(locations, "_camera", lambda number: virtual)
        results = []
        for words in COMMANDS:
            real = [server.address if word.startswith("rtsp://") else word for word in words]
            results.append(CliRunner().invoke(app, [*real, *(FAST if words[0] == "track" else [])]))
    return folder, results


@pytest.mark.parametrize("index", range(len(COMMANDS)), ids=[" ".join(words) for words in COMMANDS])
def test_commands_run(outcome, index):
    result = outcome[1][index]
    assert result.exit_code == 0, (COMMANDS[index], result.output, result.exception)


def test_the_files_of_the_table_are_there(outcome):
    folder = outcome[0]
    named = re.findall(r"^\| [^|]*\| `NAME([^`]*)` \|", TEXT, re.MULTILINE)
    assert len(named) == 10
    # No person is found at this small input, so there are no crops.
    for suffix in set(named) - {"-crops/000001/000001.jpg", "/000001.jpg"}:
        assert any(folder.glob(f"**/street{suffix}")), suffix
    assert (folder / "data" / "street-crops").is_dir()
    assert (folder / "runs/track/photo/photo/000001.jpg").is_file()


def test_the_second_command_skips_what_is_finished(outcome):
    first, second = (result.stderr for words, result in zip(COMMANDS, outcome[1], strict=True) if "--jobs" in words)
    assert first.count("tracked, 12 frames") == 2
    assert second.count("skipped") == 2


def test_the_reports_show_what_was_tracked_and_what_was_drawn(outcome):
    folder = outcome[0]
    own, linked = (folder / name for name in ("runs/track/street/report.html", "counts.html"))
    assert '"drawn":false' in own.read_text(encoding="utf-8")
    assert '"drawn":true' in linked.read_text(encoding="utf-8")
    assert '"href":"counts/street.mp4"' in linked.read_text(encoding="utf-8")


def test_the_frames_chosen_and_the_parameters_of_the_tracker_are_noted(outcome):
    folder = outcome[0]
    (frames,) = json.loads((folder / "runs/track/frames/run.json").read_text())["sources"].values()
    assert (frames["start"], frames["end"], frames["every"], frames["frames"]) == (2, 10, 2, 4)
    assert json.loads((folder / "tuned/run.json").read_text())["tracker"]["camera_motion"] == "flow"
    (stream,) = json.loads((folder / "stream/run.json").read_text())["sources"].values()
    assert stream["source"].startswith("rtsp://127.0.0.1:")
    assert 0 < stream["frames"] <= 20


def test_every_preset_is_named():
    (listed,) = re.findall(r"^`--tracker` takes (.*?), or a YAML file", TEXT, re.MULTILINE)
    assert re.findall(r"`(\w+)`", listed) == list(PRESETS)
