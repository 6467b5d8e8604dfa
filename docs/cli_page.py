"""Write docs/cli.md from the commands: ``python docs/cli_page.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text
from typer.main import get_command

from fairmot.cli import app, modes

PAGE = Path(__file__).parent / "cli.md"
WIDTH = 110

INTRODUCTION = """# Command line

`python docs/cli_page.py` writes this page from the commands; `fairmot COMMAND --help` (or `-h`) shows the same.
`fairmot --install-completion` completes commands and options in the shell.

An option means the same in every command. A command with several modes refuses, with exit code 2, an option that the
mode does not take; a table of the command shows the options in which its modes differ. `--json` prints the answer on
standard output; notes, progress and errors go to standard error. Exit codes: 0, 1 (it does not work), 2 (a mistake in
what was given), 130 (Ctrl-C).
"""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the name and the object of every command."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
    else:
        yield " ".join(path), command


def section(name: str, command: Any) -> str:
    """Return what the page says of one command."""
    text, _, examples = plain(command.help or "").partition("\n\n")
    parameters = [each for each in command.params if each.name != "help"]
    arguments = [each for each in parameters if not each.opts[0].startswith("-")]
    words = [each.metavar if each.required else f"[{each.metavar}]" for each in arguments]
    blocks = [f"## fairmot {name}", " ".join(text.split())]
    blocks.append("```text\n" + " ".join(["fairmot", name, *words, "[OPTIONS]"]) + "\n```")
    blocks.append("```bash\n" + "\n".join(line.strip() for line in examples.splitlines() if line.strip()) + "\n```")
    if arguments:
        blocks.append("\n".join(item(each.metavar, each) for each in arguments))
    panels = dict.fromkeys(each.rich_help_panel for each in parameters if each not in arguments)
    for panel in panels:
        listed = [each for each in parameters if each not in arguments and each.rich_help_panel == panel]
        blocks.append(f"**{panel or 'Options'}**")
        blocks.append("\n".join(item(spelling(each), each) for each in listed))
    if name in modes.MODES:
        blocks.append(mode_table(name, parameters))
    return "\n\n".join(blocks)


def plain(text: str) -> str:
    """Return a help text without its markup."""
    return Text.from_markup(text).plain


def spelling(option: Any) -> str:
    """Return the names of an option and what its value is called."""
    names = sorted((*option.opts, *option.secondary_opts), key=lambda name: not name.startswith("--"))
    return " ".join([", ".join(names), *([option.metavar] if option.metavar else [])])


def item(name: str, parameter: Any) -> str:
    """Return a line of a list, folded at the width of the page."""
    text = plain(parameter.help or "")
    if isinstance(parameter.show_default, str):
        text += f" Default: {parameter.show_default}."
    elif parameter.default is not None and not isinstance(parameter.default, bool) and not parameter.required:
        text += f" Default: {default_text(parameter.default)}."
    lines, line = [], f"* `{name}`:"
    for word in re.sub(r"([*_<>|])", r"\\\1", text).split():
        if len(line) + len(word) >= WIDTH:
            lines.append(line)
            line = " "
        line += f" {word}"
    return "\n".join([*lines, line])


def default_text(value: Any) -> str:
    """Return a default as a person would give it."""
    if isinstance(value, tuple):
        return " ".join(map(default_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def mode_table(name: str, parameters: list[Any]) -> str:
    """Return a table: parameters that not every mode takes, and the modes."""
    tables = modes.MODES[name]
    head = ["", *(mode.name for mode in tables)]
    rows = [
        [f"`{modes.label(each)}`", *("yes" if each.name in mode.takes else "" for mode in tables)]
        for each in parameters
        if not all(each.name in mode.takes for mode in tables)
    ]
    lines = [head, ["---"] * len(head), *rows]
    title = "The modes differ in these options; every mode takes the options that are not listed:"
    return f"{title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page() -> str:
    """Return the whole page."""
    sections = (section(name, command) for name, command in commands(get_command(app)))
    return "\n\n".join([INTRODUCTION.rstrip(), *sections]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
