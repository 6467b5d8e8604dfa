"""README.md against the source: every file is listed with its purpose, every command exists, the first ones run."""

import ast
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
SOURCES = sorted(path for path in (ROOT / "fairmot").rglob("*.py"))


def purpose(path):
    """First sentence of a file's docstring: up to the first full stop or line end."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return text.splitlines()[0].rstrip(".")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_source_file_is_listed_with_its_purpose(path):
    assert f"| `{path.relative_to(ROOT)}` | {purpose(path)} |" in README


def test_no_file_is_listed_that_does_not_exist():
    listed = re.findall(r"^\| `(fairmot/[^`]+\.py)` \|", README, re.MULTILINE)
    assert sorted(listed) == [str(path.relative_to(ROOT)) for path in SOURCES]


@pytest.mark.parametrize("words", fairmot_commands(README), ids=" ".join)
def test_commands_parse(words):
    command, arguments = get_command(app), words
    while hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    context = command.make_context(command.name, list(arguments))
    assert context.params


def test_first_steps_run_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    walkers.film(tmp_path / "street.mp4", 12)
    steps = fairmot_commands(README.partition("## Train, track, score")[0])
    assert [words[0] for words in steps] == ["demo", "track", "report", "report"]
    for words in steps:
        small = ["--frames", "20", "--people", "4"] if words[0] == "demo" else []
        result = CliRunner().invoke(app, [*words, *small])
        assert result.exit_code == 0, result.output
    for folder in ("runs/track/street", "demo/results"):
        assert (tmp_path / folder / "report.html").stat().st_size > 10_000


def test_continuous_integration_runs_the_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install '.[test]' && pytest" in README
    assert "pip install '.[test]' && pytest" in script
