"""The command line: each command parses its arguments, calls one function and prints the answer."""

from __future__ import annotations

from typing import Annotated

import typer

from fairmot.cli import data, evaluation, machine, report, serve, tracking, training, tuning, weights
from fairmot.cli.options import stop
from fairmot.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Find people in video and keep their identities: track, train, evaluate.",
)
app.add_typer(data.app, name="data")
for command in (
    tracking.track,
    training.train,
    evaluation.evaluate,
    evaluation.score,
    tuning.tune,
    tuning.explain,
    report.report,
    serve.serve,
    weights.convert,
    weights.describe,
    weights.export,
    machine.benchmark,
    machine.doctor,
    tracking.demo,
):
    app.command()(command)


def main() -> None:
    """Run the command line. A user's mistake is one line and exit code 2, never a traceback."""
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
