"""README.md: it stays short, every command in it parses, the first ones run, and what it prints is what they print."""

import re
from pathlib import Path

import pytest
import walkers
from documents import fairmot_commands
from typer.main import get_command
from typer.testing import CliRunner

from fairmot.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shape(text):
    """Printed text without what depends on the clip and the machine: numbers, and the width of columns."""
    lines = [re.sub(r"\d+(\.\d+)?", "N", re.sub(r"[\s━─┏┳┓┡╇┩└┴┘]+", " ", line)).strip() for line in text.splitlines()]
    return [line for line in lines if line]


def test_it_is_short():
    assert len(README.splitlines()) <= 150


def test_the_first_sentence_has_the_words_of_the_field():
    claim = README.split("\n\n")[1]
    assert "multi-object tracking" in claim.lower()
    assert "re-identification" in claim.lower()


@pytest.mark.parametrize("words", fairmot_commands(README), ids=" ".join)
def test_commands_parse(words):
    command, arguments = get_command(app), words
    while hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    context = command.make_context(command.name, list(arguments))
    assert context.params


def test_the_table_names_every_command():
    table = README.partition("## What it does")[2].partition("## ")[0]
    cells = re.findall(r"^\| (`fairmot .*?`) \|", table, re.MULTILINE)
    # `fairmot data convert`, `validate` are words of one group, `fairmot describe`, `benchmark` are two commands.
    named = {word for cell in cells for word in re.findall(r"`(?:fairmot )?([a-z]+)", cell.partition(" convert`,")[0])}
    assert named | {"demo"} == set(get_command(app).commands)


def test_first_steps_run_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    walkers.film(tmp_path / "walk.mp4", 12)
    steps = fairmot_commands(README.partition("## Train, track, score")[0])
    assert [words[0] for words in steps] == ["demo", "track", "report", "report"]
    (promised,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    for words in steps:
        small = ["--frames", "20", "--people", "4"] if words[0] == "demo" else []
        result = CliRunner().invoke(app, [*words, *small], env={"COLUMNS": "100"})
        assert result.exit_code == 0, result.output
        if words[0] == "track":
            printed = shape(result.stdout)
            assert shape(promised)[1:] == printed
            assert shape(promised)[0] in shape(result.stderr)
            assert shape(promised.replace("identities", "people"))[1:] != printed
    for folder in ("runs/track/walk", "demo/results"):
        assert (tmp_path / folder / "report.html").stat().st_size > 10_000


def test_training_takes_four_commands():
    (block,) = re.findall(r"```bash\n(.*?)```", README.partition("## Train, track, score")[2].partition("## ")[0], re.S)
    assert len(fairmot_commands(f"```bash\n{block}```")) == len(block.splitlines()) == 4


def test_the_published_scripts_are_named_and_exist():
    section = README.partition("## The published scripts")[2].partition("## ")[0]
    named = re.findall(r"`(?:scripts/)?(run_\w+\.sh)`", section)
    assert sorted(named) == sorted(path.name for path in (ROOT / "scripts").glob("run_*.sh"))
    for name in ("default_config.yaml", "data/data.json", "requirements.txt"):
        assert f"`{name}`" in section
        assert (ROOT / name).is_file()


def test_continuous_integration_runs_the_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install '.[test]' && pytest" in README
    assert "pip install '.[test]' && pytest" in script
