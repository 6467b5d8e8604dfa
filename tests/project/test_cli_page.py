"""docs/cli.md is what docs/cli_page.py makes of the commands."""

import importlib.util
from pathlib import Path

from documents import fairmot_commands
from typer.main import get_command

from fairmot.cli import app

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def script():
    spec = importlib.util.spec_from_file_location("cli_page", ROOT / "docs" / "cli_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    assert script().page() == TEXT, "run: python docs/cli_page.py"


def test_a_changed_help_makes_another_page():
    made = script()
    command = dict(made.commands(get_command(app)))["score"]
    before = made.section("score", command)
    next(each for each in command.params if each.name == "alpha").help = "Another text."
    assert before in TEXT
    assert made.section("score", command) not in TEXT


def test_lines_are_short_and_commands_parse():
    assert max(map(len, TEXT.splitlines())) <= 130  # a table of modes has no shorter lines
    assert all(len(line) < 120 for line in TEXT.splitlines() if not line.startswith("|"))
    words = fairmot_commands(TEXT)
    assert len(words) > 25
    for each in words:
        command = get_command(app)
        while hasattr(command, "commands"):
            command, each = command.commands[each[0]], each[1:]
        assert command.make_context("", each).params
