"""The command that trains."""

from __future__ import annotations

from typing import Annotated

import typer

from fairmot.cli.options import Device


def train(
    config: Annotated[str, typer.Argument(help="A YAML file or the name of a shipped configuration, e.g. lite.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: train.epochs=3; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run in train.output.")] = False,
    engine: Annotated[str, typer.Option(help="auto, mindspore or torch.")] = "auto",
    device: Device = "auto",
) -> None:
    """Train a network.

    [bold]fairmot train lite --set data.description=people/data.json --set train.output=runs/mine[/bold]
    """
    from fairmot import console
    from fairmot.config import load_config
    from fairmot.engines import choose_training_engine
    from fairmot.train import train as run_train

    settings = load_config(config, tuple(overrides or ()))
    chosen = choose_training_engine(engine, device)
    console.notes().print(f"{settings.network.architecture} in {chosen}, results in {settings.train.output}")
    with console.training_progress() as report:
        run = run_train(settings, chosen, device, resume, report)
    typer.echo(f"checkpoint {run.checkpoint}\nweights    {run.weights}")
