"""The help: short, by subject, with defaults, and without words that the printer takes for markup."""

import re
import sys

import pytest
import typer
from command_tree import commands, help_text, long_name, options
from rich.text import Text

from fairmot.cli import app, main

COMMANDS = commands(app)


def test_the_help_of_track_is_two_screens():
    lines = help_text(app, "track", 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_no_other_help_is_longer(name):
    text = help_text(app, name, 80)
    assert len(text.splitlines()) <= 100
    assert help_text(app, name, 80, "-h") == text


@pytest.mark.parametrize("name", ["track", "evaluate", "serve", "explain", "data convert"])
def test_options_stand_in_panels_by_subject(name):
    panels = {option.rich_help_panel for option in options(COMMANDS[name])}
    assert len(panels - {None}) >= 3
    text = help_text(app, name, 80)
    assert all(f"─ {panel} ─" in text for panel in panels - {None})


def lost_words(some_app, name, command):
    """Words of the help texts that the printed help lacks."""
    shown = re.sub(r"[\s│]", "", help_text(some_app, name, 250))
    texts = [option.help for option in options(command)] + [Text.from_markup(command.help or "").plain]
    return [word for text in texts for word in text.split() if word not in shown]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_word_is_printed(name):
    assert lost_words(app, name, COMMANDS[name]) == []


def test_a_word_that_is_eaten_is_found():
    other = typer.Typer(rich_markup_mode="rich")

    @other.command()
    def first(video: bool = typer.Option(True, help="Write the video [yes].")) -> None: ...

    @other.command()
    def second(video: bool = typer.Option(True, help=r"Write the video \[yes].")) -> None: ...

    assert lost_words(other, "first", commands(other)["first"]) == ["[yes]."]
    assert "[yes]" in help_text(other, "second", 80)


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_are_shown(name):
    text = re.sub(r"\s*│\s*", " ", help_text(app, name, 80))
    for option in options(COMMANDS[name]):
        if not option.is_flag and option.default not in (None, False):
            assert f"[default: {option.default if isinstance(option.default, str) else ''}"[:10] in text, option.opts
    assert "[default: no-" not in text


def test_defaults_of_options_that_are_left_out_are_words():
    text = re.sub(r"[\s│]+", " ", help_text(app, "track", 80))
    for words in ("(yes)", "(the shipped model)", "(runs/track/NAME)", "(streams only)"):
        assert f"[default: {words}]" in text


def test_shell_completion_is_on(monkeypatch, capsys):
    assert "--install-completion" in help_text(app, "", 80)
    monkeypatch.setenv("_FAIRMOT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "fairmot track --max")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setattr(sys, "argv", ["fairmot"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert capsys.readouterr().out.split() == ["--max-latency"]


TYPES = re.compile(r"<(bool|str|int|float|path|file|directory|list\[)")


@pytest.mark.parametrize("name", ["", "data", *COMMANDS])
def test_no_type_of_python_is_shown(name):
    assert TYPES.findall(help_text(app, name, 80)) == []


def test_a_type_of_python_is_found():
    other = typer.Typer(rich_markup_mode="rich")

    @other.command()
    def first(count: int = typer.Option(1)) -> None: ...

    @other.command()
    def second(count: int = typer.Option(1, metavar="N")) -> None: ...

    if "INTEGER" in help_text(other, "first", 80):
        pytest.skip("this Typer names no types of Python")
    assert TYPES.findall(help_text(other, "first", 80))


def test_long_names_are_words():
    for command in COMMANDS.values():
        assert all(re.fullmatch(r"--[a-z]+(-[a-z]+)*", long_name(option)) for option in options(command))
