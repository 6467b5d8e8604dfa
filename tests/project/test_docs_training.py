"""docs/training.md and docs/ascend.md: every command of a bash block is run, top to bottom, small; the others parse.

"Small" is the same network and size for all of them, one epoch, two images a batch: the commands, configurations,
files and their order are the documents'.
"""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from documents import fairmot_commands
from pydantic import BaseModel
from typer.main import get_command
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.config import Config, load_config
from fairmot.media.outputs.video import VideoWriter
from fairmot.street import write_street

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("training.md", "ascend.md")}
SMALL = {
    "network.architecture": "lite",
    "network.embedding": 8,
    "network.head_width": 32,  # heads of 8 channels learn eight images by heart only just
    "network.input_width_px": 64,
    "network.input_height_px": 64,
    "data.max_objects": 20,
    "data.workers": 0,
    "train.threads": 1,
    "train.partial_start": "true",
}
# Unless the command says otherwise.
SHORT = {"train.epochs": 1, "train.batch_size": 2, "train.sample_images": 1}


def settings(section=Config, prefix=""):
    """Dotted names of all settings."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


RUN = [words for text in TEXTS.values() for words in fairmot_commands(text)]
INLINE = [shlex.split(line)[1:] for text in TEXTS.values() for line in re.findall(r"`(fairmot [a-z]+ [^`]+)`", text)]
PARSED = [*(words for text in TEXTS.values() for words in fairmot_commands(text, "text")), *INLINE]


def small(words, folder):
    """The command with the settings that make it small, where it trains."""
    if words[0] != "train":
        return words
    said = [word.partition("=")[0] for word in words]
    changes = SMALL | {name: value for name, value in SHORT.items() if name not in said}
    start = load_config(words[1]).train.start_weights
    if "train.start_weights" not in said and start and str(start) != "shipped" and not (folder / start).exists():
        assert str(start).startswith("models/"), f"{words[1]}: no command before it makes {start}"
        changes["train.start_weights"] = "null"  # from elsewhere: the document says so
    engine = [] if "--engine" in words else ["--engine", "torch"]
    return [*words, *(part for each in changes.items() for part in ("--set", "=".join(map(str, each)))), *engine]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory, write_people):
    """The folder in which all commands have run, and what each answered."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("docs")
    for place, name in (
        ("mine", "yard"),
        ("data", "mot17.half"),
        ("crowdhuman", "crowdhuman"),
        ("mot20", "mot20.train"),
    ):
        write_people(folder / place, count=6, name=name)
    write_street(folder / "sequences", name="walk", people=3, frames=4, size=(320, 192))
    shutil.copytree(folder / "sequences" / "walk", folder / "MOT17" / "train" / "MOT17-02-FRCNN")
    with VideoWriter(folder / "walk.mp4", (64, 64), 25) as writer:
        for shade in range(3):
            writer.write(np.full((64, 64, 3), 60 * shade, np.uint8))
    results = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in RUN:
            results.append(CliRunner().invoke(app, small(words, folder)))
    return folder, results


@pytest.mark.parametrize("index", range(len(RUN)), ids=[" ".join(words)[:60] for words in RUN])
def test_commands_run(outcome, index):
    result = outcome[1][index]
    assert result.exit_code == 0, (RUN[index], result.output, result.exception)


def test_they_leave_what_the_document_lists(outcome):
    folder = outcome[0] / "runs" / "validated"
    section = TEXTS["training.md"].split("### What a run leaves")[1].split("##")[0]
    listed = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    names = [name for cell in listed for name in re.findall(r"`([^`]+)`", cell)]
    assert len(names) > 8
    for name in names:
        # One checkpoint is kept, unless more are asked for.
        assert list(folder.glob(name.rstrip("/"))) or name.startswith("checkpoints/"), name


def test_the_self_check_says_that_all_is_well(outcome):
    assert outcome[1][0].stdout.count("ok") == 4


@pytest.mark.parametrize("words", PARSED, ids=" ".join)
def test_the_other_commands_parse(words):
    command, arguments = get_command(app), list(words)
    while hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    context = command.make_context(command.name, arguments)
    if command.name == "train":
        load_config(context.params["config"], tuple(context.params["overrides"] or ()))


def test_a_command_with_a_wrong_option_does_not_parse():
    with pytest.raises(Exception, match="No such option"):
        test_the_other_commands_parse(["train", "custom", "--self-chek"])


@pytest.mark.parametrize("name", TEXTS)
def test_files_and_settings_that_are_named_exist(name):
    known = set(settings())
    for setting in re.findall(r"`((?:train|data|network|optimizer|loss|tracker)\.[a-z_0-9]+)", TEXTS[name]):
        assert setting in known or any(field.startswith(f"{setting}.") for field in known) or setting == "data.json"
    for link in re.findall(r"\]\(([^)#:]+)", TEXTS[name]):
        assert (ROOT / "docs" / link).exists(), link
    for path in re.findall(r"`((?:scripts|benchmarks|configs)/[a-z_0-9.]+)", TEXTS[name]):
        assert (ROOT / path).exists(), path
