"""docs/evaluate.md: from a video to counts at a line, a second tracker, a comparison and figures: its own commands."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from documents import fairmot_commands
from typer.testing import CliRunner

from fairmot.cli import app

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8").split("**From a video to a figure.**")[1]
COMMANDS = fairmot_commands(SECTION[: SECTION.index("**Two MOTAs.**")])
SMALL = {"--people": "3", "--frames": "10"}
FAST = ["--input-size", "320x192", "--engine", "onnxruntime"]


def small(words):
    """The command on a shorter street, with a small input where a network runs."""
    changed = [SMALL.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    return [*changed, *FAST] if words[0] == "track" and "--detections" not in words else changed


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The folder in which all commands have run."""
    folder = tmp_path_factory.mktemp("walk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in COMMANDS:
            result = CliRunner().invoke(app, small(words))
            assert result.exit_code == 0, (words, result.output, result.exception)
    return folder


def model_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="model">(.*?)</script>', text, re.DOTALL).group(1))


def test_it_is_one_walk():
    words = [" ".join(command) for command in COMMANDS]
    wanted = ["data synthesize", "track streets", "report", "--line", "--tracker byte", "--compare", "--plot"]
    at = [next(number for number, command in enumerate(words) if part in command) for part in wanted]
    assert at == sorted(at)
    assert len(COMMANDS) == 7


def test_each_step_leaves_what_the_next_needs(outcome):
    counts = json.loads((outcome / "runs/counted/street-0.counts.json").read_text())
    (line,) = counts["lines"]
    assert (line["name"], line["points"], counts["frames"]) == ("door", [[480, 0], [480, 540]], 10)
    rows = [np.loadtxt(outcome / f"runs/{run}/street-0.txt", delimiter=",", ndmin=2) for run in ("ours", "byte")]
    assert all(len(each) for each in rows)
    (first,) = model_of(outcome / "runs/ours/report.html")["sources"]
    assert first["name"] == "street-0"
    (both,) = model_of(outcome / "both.html")["sources"]
    assert (both["label"], both["other"]["label"]) == ("ours", "byte")
    assert both["truth"]["people"]
    assert both["other"]["rows"]["length"] == len(rows[1])
    table = (outcome / "table.tex").read_text()
    assert "Ours" in table
    assert "ByteTrack" in table
    for figure in ("hota-over-alpha", "detection-association", "sequences", "errors"):
        for ending in (".svg", ".pdf", ".png"):
            assert (outcome / "figures" / f"{figure}{ending}").stat().st_size > 1000
    assert "ByteTrack" in (outcome / "figures/hota-over-alpha.svg").read_text()
