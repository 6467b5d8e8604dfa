"""The command line: each command reads its options, calls one workflow and prints the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from fairmot.cli import data, demo, evaluation, explaining, machine, report, serve, tracking, training, tuning, weights
from fairmot.cli.help import Command, Group
from fairmot.cli.settings import stop
from fairmot.errors import InputError

HELP_NAMES = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=HELP_NAMES,
    help="Multi-object tracking: find people in video and keep their identities; train and evaluate.",
)
_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Track": (tracking.track, report.report, serve.serve, demo.demo),
    "Evaluate": (evaluation.evaluate, evaluation.score, explaining.explain, tuning.tune),
    "Train": (training.train,),
    "Networks and this machine": (weights.convert, weights.describe, weights.export, machine.benchmark, machine.doctor),
}
for panel, commands in _PANELS.items():
    for command in commands:
        app.command(cls=Command, rich_help_panel=panel, context_settings=HELP_NAMES)(command)
app.add_typer(data.app, name="data", rich_help_panel="Train", context_settings=HELP_NAMES)


def main() -> None:
    """Run the command line. A person's mistake is one line and exit code 2, never a traceback."""
    try:
        app()
    except InputError as error:
        stop(str(error))
    except OSError as error:
        stop(f"{error.filename or 'file'}: {error.strerror or error}")
    except FloatingPointError as error:
        stop(str(error), code=1)
    except KeyboardInterrupt:
        stop("interrupted", code=130)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        import fairmot

        typer.echo(fairmot.__version__)
        raise typer.Exit
