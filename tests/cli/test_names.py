"""One name of an option means one thing in every command."""

import inspect
import re
from pathlib import Path
from types import NoneType
from typing import Annotated, get_args, get_type_hints

import pytest
import typer
from command_tree import commands, options

from fairmot.cli import app


def meaning(command, option):
    """What must be equal wherever a name occurs: kind of value, how often it may be given, and what it is about."""
    hint = get_type_hints(inspect.unwrap(command.callback))[option.name]
    kinds = [each for each in get_args(hint) if each is not NoneType] if NoneType in get_args(hint) else [hint]
    subject = re.split(r"[.:;(]", option.help or "")[0]
    return ("flag" if option.is_flag else "value", str(kinds), subject)


def meanings(some_app):
    """Every name of an option -> its meanings -> the commands in which it has them."""
    found = {}
    for name, command in commands(some_app).items():
        for option in options(command):
            for word in (*option.opts, *option.secondary_opts):
                found.setdefault(word, {}).setdefault(meaning(command, option), []).append(name)
    return found


def conflicts(some_app):
    return {word: each for word, each in meanings(some_app).items() if len(each) > 1}


def test_one_name_has_one_meaning():
    found = meanings(app)
    assert conflicts(app) == {}
    shared = {word for word, each in found.items() if len(next(iter(each.values()))) > 1}
    assert {"--json", "--classes", "--overwrite", "--jobs", "--record", "--images", "--engine", "--every"} <= shared
    assert all(kind == "flag" for kind, *_ in found["--json"])


def test_every_option_says_what_it_is():
    for name, command in commands(app).items():
        for option in options(command):
            assert len(option.help or "") > 8, (name, option.opts)
            assert option.help.endswith("."), (name, option.opts)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (Path | None, typer.Option("--json", help="Print the answer as JSON on standard output.")),  # a value
        (bool, typer.Option("--json", help="Write the answer to a file.")),  # another subject
        (int, typer.Option("--engine", help="Engine: auto.")),  # another type
        (list[str] | None, typer.Option("--engine", help="Engine: auto.")),  # repeatable
    ],
)
def test_a_second_meaning_is_found(kind, option):
    other = typer.Typer()

    @other.command()
    def first(
        as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON on standard output.")] = False,
        engine: Annotated[str, typer.Option(help="Engine: onnxruntime.")] = "auto",
    ) -> None: ...

    def second(value=None) -> None: ...

    second.__annotations__ = {"value": Annotated[kind, option], "return": None}
    other.command()(second)
    assert len(conflicts(other)) == 1


def test_truth_comes_before_what_is_compared_with_it():
    order = {
        name: [each.metavar for each in command.params if not each.opts[0].startswith("-")]
        for name, command in commands(app).items()
    }
    assert order["score"] == ["GT", "RESULTS..."]
    assert order["explain"] == ["GT", "RESULTS"]
    assert order["tune"] == ["GT", "DETECTIONS"]
