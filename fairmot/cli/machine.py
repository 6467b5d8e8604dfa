"""Commands about this machine: benchmark, doctor."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from fairmot.cli.options import Device, InputSize, JsonOut, read_size, stop


def benchmark(
    networks: Annotated[list[str] | None, typer.Argument(help="Weight files or architectures; default: lite.")] = None,
    engine: Annotated[list[str] | None, typer.Option(help="Repeatable; left out: every installed one.")] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="f32, bf16, f16 or int8 (not with --training); repeatable.")
    ] = None,
    input_size: InputSize = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Left out: each engine's own choice.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="Time for each row.")] = 5.0,
    raw: Annotated[bool, typer.Option(help="Head maps alone, all computed everywhere.")] = False,
    training: Annotated[bool, typer.Option(help="Optimiser steps instead of detection.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="Images a step, with --training.")] = 2,
    profile: Annotated[int, typer.Option(min=0, help="List so many of the slowest operators instead.")] = 0,
    markdown: Annotated[bool, typer.Option(help="The table as the README shows it.")] = False,
    as_json: JsonOut = False,
) -> None:
    """Time networks on this machine, beside the fastest convolution that the same engine reaches on it.

    [bold]fairmot benchmark lite dla_34 --input-size 576x320[/bold]

    [bold]fairmot benchmark lite --training --precision f32 --precision bf16 --markdown[/bold]

    [bold]fairmot benchmark lite --engine onnxruntime --profile 20[/bold]
    """
    from fairmot import benchmark as workflow
    from fairmot.cli import console

    if markdown and (profile or as_json):
        stop("--markdown writes tables of speed: leave --profile and --json out")
    if threads:
        workflow.use_threads(threads)
    names, size = networks or ["lite"], read_size(input_size)

    def note(row: str) -> None:
        console.notes().print(f"{row} ...")

    if profile:
        layers = workflow.profile(names[0], (engine or ["onnxruntime"])[0], size, device)
        answer = [layer._asdict() for layer in layers[:profile]]
        table = console.profile_table(names[0], layers, profile)
    else:
        chosen = precision or ("f32",)
        if training:
            steps, skipped = workflow.measure_training(
                names, engine or (), chosen, size, device, batch=batch, seconds=seconds, log=note
            )
            answer = [asdict(step) for step in steps]
            table, text = console.training_speed_table(steps), workflow.training_markdown(steps)
        else:
            rows, skipped = workflow.measure(
                names, engine or (), chosen, size, device, raw=raw, seconds=seconds, log=note
            )
            answer = [asdict(row) for row in rows]
            table, text = console.speed_table(rows), workflow.speed_markdown(rows)
        for each in skipped:
            console.notes().print(f"left out: {each.network} in {each.engine}, {each.precision}: {each.reason}")
        if markdown:
            typer.echo(text)
            return
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        console.answers().print(table)


def doctor(as_json: JsonOut = False) -> None:
    """Check this installation: libraries, engines and their speed, video, weights. Exit code 1 if something is wrong.

    [bold]fairmot doctor[/bold]
    """
    from fairmot.cli import console
    from fairmot.workflows.doctor import examine

    findings = examine(lambda topic: console.notes().print(f"{topic} ..."))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            typer.echo(f"{finding.state:7} {finding.topic}: {finding.text}")
    bad = [finding.topic for finding in findings if finding.state == "bad"]
    if bad:
        stop(f"not well: {', '.join(bad)}", code=1)
