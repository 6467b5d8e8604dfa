"""Commands about networks and their weight files: convert, describe."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli.options import InputSize, JsonOut, read_size


def convert(
    source: Annotated[Path, typer.Argument(help="Public .pth of dla_34 or dlaconv_34, or YOLOX-nano's .onnx.")],
    target: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
) -> None:
    """Turn a public checkpoint into a weight file.

    [bold]fairmot convert fairmot_dla34.pth dla34.safetensors[/bold]
    """
    from fairmot.convert import convert as run_convert

    result = run_convert(source, target)
    typer.echo(f"{target}: {result.network.architecture}, {result.taken} arrays taken, {result.drawn} drawn")
    if result.dropped:
        typer.echo(f"dropped, since no output depends on them: {', '.join(result.dropped)}")


def describe(
    network: Annotated[str, typer.Argument(help="A weight file, a configuration, or an architecture.")] = "lite",
    input_size: InputSize = None,
    layers: Annotated[bool, typer.Option(help="List every layer.")] = True,
    as_json: JsonOut = False,
) -> None:
    """Show a network's layers, parameters, multiply-adds and output shapes; needs no training framework.

    [bold]fairmot describe dla_34 --no-layers[/bold]
    """
    from fairmot import console
    from fairmot.describe import describe as run_describe

    title, summary = run_describe(network, read_size(input_size))
    if as_json:
        totals = {"parameters": summary.parameters, "multiply_adds": summary.multiply_adds}
        typer.echo(json.dumps({"network": title, **totals, **asdict(summary)}, indent=2))
    else:
        console.answers().print(console.summary_table(title, summary, layers))
