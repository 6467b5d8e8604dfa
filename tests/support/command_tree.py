"""Every command of the command line, its options, and its help as a terminal shows it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner


def commands(app: Any) -> dict[str, Any]:
    """Return "data convert" -> its command, for every command of a Typer app."""
    return dict(_walk(get_command(app), ()))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from _walk(child, (*path, name))
    else:
        yield " ".join(path), command


def options(command: Any) -> list[Any]:
    """Return the options of a command but ``--help``."""
    return [each for each in command.params if each.opts[0].startswith("-") and each.name != "help"]


def long_name(option: Any) -> str:
    """Return ``--name``."""
    return next(name for name in option.opts if name.startswith("--"))


@cache
def help_text(app: Any, name: str, columns: int, flag: str = "--help") -> str:
    """Return the help of a command in a terminal of this width, without colours."""
    result = CliRunner().invoke(app, [*name.split(), flag], env={"COLUMNS": str(columns), "TERM": "dumb"})
    assert result.exit_code == 0, result.output
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)
