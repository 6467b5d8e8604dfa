"""The commands about this machine: benchmark and doctor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fairmot.cli import modes, options
from fairmot.cli.settings import read_names, read_size, stop
from fairmot.errors import InputError


def benchmark(
    context: typer.Context,
    networks: Annotated[
        list[str] | None, typer.Argument(metavar="NETWORKS", help="Weight files or architectures, else lite.")
    ] = None,
    engines: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            rich_help_panel=options.NETWORK,
            help="Engines, e.g. onnxruntime,torch.",
            show_default="all that are installed; for --profile onnxruntime",
        ),
    ] = None,
    precisions: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            rich_help_panel=options.NETWORK,
            help="Precisions out of f32, bf16, f16 and int8, e.g. f32,int8; with --training auto, f32, bf16, f16.",
            show_default="f32",
        ),
    ] = None,
    input_size: options.InputSize = None,
    device: options.Device = "auto",
    raw: options.Raw = False,
    training: Annotated[bool, options.flag("--training", None, "Time optimizer steps instead of detection.")] = False,
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Images a step, of --training.")] = 2,
    profile: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Profile: list the N slowest operators.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="CPU threads.", show_default="each engine's own choice")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time for each row.")] = 5.0,
    markdown: Annotated[bool, options.flag("--markdown", None, "Print the table as Markdown.")] = False,
    as_json: options.JsonOut = False,
) -> None:
    """Time networks on this machine, beside the fastest convolution that the same engine reaches on it.

    [bold]fairmot benchmark lite dla_34 --input-size 576x320[/bold]
    [bold]fairmot benchmark lite --training --precisions f32,bf16 --markdown[/bold]
    [bold]fairmot benchmark lite --engines onnxruntime --profile 20[/bold]
    """
    from fairmot import benchmark as workflow
    from fairmot.cli import console

    if markdown and as_json:
        raise InputError("give either --markdown or --json")
    mode = modes.BENCHMARK_TRAINING if training else modes.BENCHMARK
    (mode if profile is None else modes.BENCHMARK_PROFILE).check(context)
    if threads:
        workflow.use_threads(threads)
    names, size, named = networks or ["lite"], read_size(input_size), read_names(engines) or ()
    if profile is not None:
        if len(names) > 1 or len(named) > 1:
            raise InputError("benchmark --profile: give one network and one engine")
        layers = workflow.profile(names[0], (*named, "onnxruntime")[0], size, device)
        answer: Sequence[Any] = [layer._asdict() for layer in layers[:profile]]
        _print_answer(answer, as_json, console.profile_table(names[0], layers, profile))
        return

    def log(row: str) -> None:
        console.notes().print(f"{row} ...")

    chosen = read_names(precisions) or ("f32",)
    if training:
        steps, skipped = workflow.measure_training(
            names, named, chosen, size, device, batch=batch, seconds=seconds, log=log
        )
        answer, table, text = steps, console.training_speed_table(steps), workflow.training_markdown(steps)
    else:
        rows, skipped = workflow.measure(names, named, chosen, size, device, raw=raw, seconds=seconds, log=log)
        answer, table, text = rows, console.speed_table(rows), workflow.speed_markdown(rows)
    for each in skipped:
        console.notes().print(f"left out: {each.network} in {each.engine}, {each.precision}: {each.reason}")
    if markdown:
        typer.echo(text)
    else:
        _print_answer([asdict(row) for row in answer], as_json, table)


def _print_answer(answer: Sequence[Any], as_json: bool, table: Any) -> None:
    from fairmot.cli import console

    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        console.answers().print(table)


def doctor(as_json: options.JsonOut = False) -> None:
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
        stop(f"problems: {', '.join(bad)}", code=1)
