"""Commands that show: report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli.evaluation import BenchmarkName
from fairmot.cli.options import JsonOut


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run of track or evaluate, or one result file in it.")],
    output: Annotated[Path | None, typer.Option(help="The page; left out: report.html in RUN.")] = None,
    source: Annotated[Path | None, typer.Option(help="What was tracked; left out: the run's own video.")] = None,
    ground_truth: Annotated[
        Path | None, typer.Option(help="Data set or sequence in MOTChallenge layout: shows errors and scores.")
    ] = None,
    benchmark: BenchmarkName = "auto",
    embed: Annotated[
        bool | None, typer.Option("--embed/--link", help="Video inside the page or beside it [inside up to 24 MiB].")
    ] = None,
    start: Annotated[
        int | None,
        typer.Option(min=0, help="As for track: index of the first frame; left out: as in run.json."),
    ] = None,
    every: Annotated[
        int | None, typer.Option(min=1, help="As for track: step between frames; left out: as in run.json.")
    ] = None,
    as_json: JsonOut = False,
) -> None:
    """Write one HTML page about a run: video, identities, timeline, heat map, scores, errors.

    [bold]fairmot report runs/track/street[/bold]
    [bold]fairmot report runs/track/street --source street.mp4[/bold]
    [bold]fairmot report runs/evaluate --ground-truth MOT17/train[/bold]
    """
    from fairmot.cli import console
    from fairmot.report.report import report as write_report

    with console.frame_progress() as progress:
        written = write_report(
            run,
            output=output,
            source=source,
            ground_truth=ground_truth,
            benchmark=benchmark,
            embed=embed,
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
