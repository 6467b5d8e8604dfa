"""The commands about networks and their weight files: convert, describe and export."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli import modes, options
from fairmot.cli.settings import check_free, read_size, size_text
from fairmot.errors import InputError


def convert(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="Public .pth, MindSpore's .ckpt, .safetensors, or RTMDet-nano's .onnx."),
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .safetensors, .pth or .ckpt.")],
    architecture: Annotated[
        str | None,
        typer.Option("--arch", metavar="NAME", help="Architecture of the file.", show_default="as its names say"),
    ] = None,
    partial: Annotated[
        bool, options.flag("--partial", None, "Start weights: take what fits, initialize the rest, report both.")
    ] = False,
    naming: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Names in a .ckpt: mindspore, models or mindvideo (the two ports), public.",
            show_default="mindspore",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.JsonOut = False,
) -> None:
    """Convert weights from one kind of file to another, bit for bit. Architecture and naming are recognised.

    [bold]fairmot convert fairmot_dla34.pth dla34.safetensors[/bold]
    [bold]fairmot convert Fairmot_0-30.ckpt dlaconv34.pth[/bold]
    [bold]fairmot convert ctdet_coco_dla_2x.pth start.safetensors --partial[/bold]
    """
    from fairmot.workflows.convert import convert as run_convert

    (modes.CONVERT_ONNX if source.suffix == ".onnx" else modes.CONVERT).check(context)
    check_free(target, overwrite)
    result = run_convert(source, target, architecture, partial, naming)
    if as_json:
        typer.echo(json.dumps({**asdict(result), "network": result.network.model_dump()}, indent=2))
        return
    typer.echo(
        f"{target}: {result.network.architecture} from {result.naming} names, {result.taken} arrays taken, "
        f"{len(result.drawn)} initialized"
    )
    if result.dropped:
        typer.echo(f"dropped, since no output depends on them: {', '.join(result.dropped)}")
    for remark in result.remarks:
        typer.echo(f"computed: {remark}")
    if result.drawn:
        typer.echo(f"initialized, since the file lacks them: {', '.join(result.drawn)}")
    if result.left_out:
        typer.echo(f"left out, since they do not fit: {'; '.join(result.left_out)}")


def describe(
    context: typer.Context,
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="A weight file, a configuration, or an architecture.")
    ] = "lite",
    input_size: options.InputSize = None,
    layers: Annotated[bool, typer.Option("--layers/--no-layers", metavar="", help="List every layer.")] = True,
    all_: Annotated[
        bool, options.flag("--all", None, "Compare all architectures in a Markdown table instead.")
    ] = False,
    as_json: options.JsonOut = False,
) -> None:
    """Show a network's layers, parameters, multiply-adds and output shapes. It needs no training framework.

    [bold]fairmot describe dla_34 --no-layers[/bold]
    [bold]fairmot describe --all --input-size 1088x608[/bold]
    """
    from fairmot.cli import console
    from fairmot.workflows.describe import compare_architectures, markdown_table
    from fairmot.workflows.describe import describe as run_describe

    (modes.DESCRIBE_ALL if all_ else modes.DESCRIBE).check(context)
    if all_:
        rows = compare_architectures(read_size(input_size))
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else markdown_table(rows))
        return
    title, summary = run_describe(network, read_size(input_size))
    if as_json:
        totals = {"parameters": summary.parameters, "multiply_adds": summary.multiply_adds}
        shown = {name: value for name, value in asdict(summary).items() if layers or name != "layers"}
        typer.echo(json.dumps({"network": title, **totals, **shown}, indent=2))
    else:
        console.answers().print(console.summary_table(title, summary, layers))


def export(
    context: typer.Context,
    weights: Annotated[
        Path | None,
        typer.Argument(metavar="WEIGHTS", help="A .safetensors weight file.", show_default="the shipped model"),
    ] = None,
    output: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="The file to write: .onnx, .xml or .mindir.")
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", help="Format: onnx, openvino or mindir.", show_default="as the suffix says"
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(metavar="NAME", help="Precision: f32 (auto), f16 or int8. Heads and decoding stay f32."),
    ] = "f32",
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Images, a video or MOTChallenge sequences to calibrate int8 with."),
    ] = None,
    evaluate: Annotated[
        Path | None,
        typer.Option(metavar="GT", help="MOTChallenge sequences with ground truth: print the scores before and after."),
    ] = None,
    hub: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for a Hugging Face repository: weights, model card, data card."),
    ] = None,
    input_size: options.InputSize = None,
    raw: options.Raw = False,
    overwrite: options.Overwrite = False,
    as_json: options.JsonOut = False,
) -> None:
    """Write a network for another runtime. The command runs the file and compares it with the network before it ends.

    [bold]fairmot export lite.safetensors lite.onnx[/bold]
    [bold]fairmot export lite.safetensors l8.onnx --precision int8 --calibrate images/ --evaluate MOT17/train[/bold]
    [bold]fairmot export lite.safetensors --hub my-model[/bold]
    """
    if hub is not None:
        modes.EXPORT_HUB.check(context)
        _write_repository(weights, hub, overwrite, as_json)
        return
    if weights is None or output is None:
        raise InputError("export: give WEIGHTS and OUT, or --hub FOLDER")
    from fairmot.cli import console
    from fairmot.workflows.export import export as run_export

    (modes.EXPORT_INT8 if precision == "int8" else modes.EXPORT).check(context)
    check_free(output, overwrite)
    result = run_export(
        weights,
        output,
        format_,
        precision,
        input_size=read_size(input_size),
        raw=raw,
        calibration=calibrate,
        evaluation=evaluate,
        overwrite=overwrite,
        log=lambda step: console.notes().print(f"{step} ..."),
    )
    if as_json:
        typer.echo(json.dumps({**asdict(result), "path": str(result.path)}, indent=2))
        return
    kind = "raw heads" if result.raw else f"a detector for {size_text(result.input_size)}"
    typer.echo(f"{result.path}: {result.format} {result.precision}, {kind}, {result.path.stat().st_size / 1e6:.1f} MB")
    typer.echo(f"checked: {result.agreement:.2%} agreement with the unexported network in {result.reference}")
    for state, scores in (result.scores or {}).items():
        typer.echo(f"{state + ':':8}" + "  ".join(f"{name} {value:.4f}" for name, value in scores.items()))


def _write_repository(weights: Path | None, folder: Path, overwrite: bool, as_json: bool) -> None:
    from fairmot.workflows.hub import write_repository

    made = write_repository(weights, folder, overwrite)
    if as_json:
        typer.echo(json.dumps({**asdict(made), "folder": str(made.folder)}, indent=2))
        return
    typer.echo(f"{made.folder}: {made.architecture}, {', '.join(made.files)}")
    typer.echo(f"complete both cards, then: hf upload OWNER/{made.folder.resolve().name} {made.folder}")
