"""The command that writes a page about a run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli import modes, options


def report(
    context: typer.Context,
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run of track or evaluate, or one result file in it.")
    ],
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page to write.", show_default="report.html in RUN")
    ] = None,
    source: Annotated[Path | None, options.source("as recorded in the results")] = None,
    start: options.Start = None,
    every: Annotated[int | None, options.every(show_default="as recorded in the results")] = None,
    embed: Annotated[
        bool | None,
        typer.Option(
            "--embed/--link",
            metavar="",
            help="Video inside the page or beside it.",
            show_default="inside up to 24 MiB",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Another run over the same video: show both side by side, and where they differ.",
        ),
    ] = None,
    ground_truth: Annotated[
        Path | None,
        typer.Option(
            metavar="GT",
            rich_help_panel=options.TRUTH,
            help="Folder of sequences in MOTChallenge layout, or one sequence: show errors and scores.",
        ),
    ] = None,
    benchmark: options.BenchmarkName = "auto",
    as_json: options.JsonOut = False,
) -> None:
    """Write one HTML page about a run: video, identities, timeline, heat map, scores, errors.

    [bold]fairmot report runs/track/street[/bold]
    [bold]fairmot report runs/track/street --source street.mp4[/bold]
    [bold]fairmot report runs/track/street --compare runs/track/street-byte[/bold]
    [bold]fairmot report runs/evaluate --ground-truth MOT17/train[/bold]
    """
    from fairmot.cli import console
    from fairmot.report.report import report as write_report

    (modes.REPORT if ground_truth is None else modes.REPORT_TRUTH).check(context)
    with console.frame_progress() as progress:
        written = write_report(
            run,
            output=page,
            source=source,
            ground_truth=ground_truth,
            benchmark=benchmark,
            embed=embed,
            compare=compare,
            start=start,
            every=every,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(asdict(written), default=str, indent=2))
        return
    typer.echo(f"{written.page} ({written.byte_count / 1e6:.1f} MB): open it in a browser")
    for video in written.linked:
        typer.echo(f"the page shows {video}: keep both where they are, or use --embed")
