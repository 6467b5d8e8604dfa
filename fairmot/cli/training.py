"""The command that trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fairmot.cli import modes, options
from fairmot.cli.settings import stop

if TYPE_CHECKING:
    from fairmot.config import Config


def train(
    context: typer.Context,
    config: Annotated[
        str,
        typer.Argument(metavar="CONFIG", help="A YAML file or the name of a shipped configuration, e.g. lite."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: train.epochs=3; repeatable."),
    ] = None,
    resume: options.Resume = False,
    engine: Annotated[str, options.engine("auto, torch or mindspore")] = "auto",
    device: options.Device = "auto",
    processes: Annotated[int, options.processes(more=": one a device, each takes train.batch_size images")] = 1,
    check: Annotated[
        bool, options.flag("--self-check", None, "Overfit eight images instead, and report whether training works.")
    ] = False,
    dry_run: Annotated[
        bool, options.flag("--dry-run", None, "Check data, start weights, devices and folder instead; write nothing.")
    ] = False,
) -> None:
    """Train a network.

    [bold]fairmot train lite --set data.description=people/data.json --set train.output=runs/mine[/bold]
    [bold]fairmot train lite --processes 4[/bold]
    [bold]fairmot train lite --self-check[/bold]
    """
    from contextlib import nullcontext

    from fairmot.cli import console
    from fairmot.config import load_config
    from fairmot.engines import load_training
    from fairmot.engines.choice import choose_training_engine, slower_training_engines
    from fairmot.training.check import check_run
    from fairmot.training.launch import launch
    from fairmot.training.loop import train as run_train
    from fairmot.training.process import current_process, registered

    def log(line: str) -> None:
        console.notes().print(line)

    (modes.SELF_CHECK if check else modes.TRAIN).check(context)
    settings = load_config(config, tuple(overrides or ()))
    process = current_process()
    chosen = choose_training_engine(engine, device)
    slower = slower_training_engines(chosen, device) if engine == "auto" else ()
    reason = f" (faster here than {slower[0]}, which --engine {slower[0]} takes)" if slower else ""
    if check:
        _check(settings, engine, device)
        return
    if dry_run:
        found = check_run(settings, chosen, device, resume, processes)
        what = f"{settings.network.architecture} in {chosen}, {found.epoch_steps} steps an epoch"
        typer.echo(f"finished: {found.finished}" if found.finished else f"ready: {what}")
        return
    if processes > 1 and not process.launched:
        # One process, and before any launcher, reports what cannot start.
        check_run(settings, chosen, device, resume, processes)
        arguments = ["train", config, *(part for each in overrides or () for part in ("--set", each))]
        arguments += [*(["--resume"] if resume else []), "--engine", chosen, "--device", device]
        folder = settings.train.output / "processes"
        if reason:
            log(f"{settings.network.architecture} in {chosen}{reason}")
        raise typer.Exit(launch(arguments, chosen, processes, folder, device=device, log=log))
    with registered(process):
        if process.is_scheduler:
            load_training(chosen).join_processes(device)
            return
        if process.is_first:
            together = f" in {process.size} processes" if process.size > 1 else ""
            console.notes().print(
                f"{settings.network.architecture} in {chosen}{reason}{together}, results in {settings.train.output}"
            )
        with console.training_progress() if process.is_first else nullcontext() as on_step:
            run = run_train(settings, chosen, device, resume, log=log, on_step=on_step, process=process)
    if process.is_first:
        typer.echo(f"checkpoint {run.checkpoint}\nweights    {run.weights}")


def _check(config: Config, engine: str, device: str) -> None:
    """Run ``--self-check``; where training does not work, exit with code 1 and a line that names what failed."""
    from fairmot.cli import console
    from fairmot.training.self_check import self_check

    def log(line: str) -> None:
        console.notes().print(line)

    with console.training_progress() as on_step:
        outcome = self_check(config, engine, device, log=log, on_step=on_step)
    console.answers().print(console.self_check_table(outcome))
    if outcome.problems:
        stop(f"self-check failed: {'; '.join(outcome.problems)}", code=1)
