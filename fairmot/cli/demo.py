"""The command that shows everything at once, without files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli import options


def demo(
    output: Annotated[Path, options.output()] = Path("demo"),
    people: options.People = 12,
    frames: Annotated[int, typer.Option(min=2, metavar="N", help="Number of frames.")] = 250,
    seed: options.Seed = 0,
) -> None:
    """Render a street, track the people on it with the shipped model, and score the result.

    [bold]fairmot demo[/bold]
    """
    from fairmot.cli import console
    from fairmot.workflows.demo import demo as run_demo

    with console.frame_progress() as progress:
        result = run_demo(output, people, frames, seed, progress)
    console.print_scores(result.report)
    typer.echo(f"video: {result.video}")
