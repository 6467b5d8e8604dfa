"""The group `fairmot data`: make training data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli.options import Overwrite

app = typer.Typer(no_args_is_help=True, help="Make training data: convert annotations, render the synthetic street.")


@app.command()
def convert(
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help="pennfudan, yolo, coco, voc or motchallenge.")],
    source: Annotated[Path, typer.Argument(help="Folder (coco: annotation file) of the original data.")],
    output: Annotated[Path, typer.Argument(help="Folder for images/, labels_with_ids/ and data.json.")],
    name: Annotated[str | None, typer.Option(help="Name of the set; left out: the source's.")] = None,
    ignore: Annotated[Path | None, typer.Option(help="voc: CSV of boxes to ignore.")] = None,
    heads: Annotated[str | None, typer.Option(help="voc: classes of head boxes to join with bodies, e.g. a,b.")] = None,
) -> None:
    """Convert annotations to the label layout that training reads.

    [bold]fairmot data convert pennfudan PennFudanPed people[/bold]
    """
    from fairmot.data.converters import convert_dataset

    summary = convert_dataset(
        kind, source, output, name=name, ignore=ignore, head_classes=tuple(heads.split(",")) if heads else ()
    )
    typer.echo(str(summary))


@app.command()
def synthesize(
    output: Annotated[Path, typer.Argument(help="Folder for the sequence.")],
    people: Annotated[int, typer.Option(min=1, max=60)] = 12,
    frames: Annotated[int, typer.Option(min=1)] = 250,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    frame_rate: Annotated[float, typer.Option(min=0.1, help="Frames a second.")] = 25,
    overwrite: Overwrite = False,
) -> None:
    """Render a street with walking people, exact boxes and identities, in MOTChallenge layout.

    [bold]fairmot data synthesize streets --people 20 --seed 7[/bold]
    """
    from fairmot import console
    from fairmot.data.street import write_street

    with console.frame_progress() as progress:
        folder = write_street(
            output,
            people=people,
            frames=frames,
            seed=seed,
            frame_rate=frame_rate,
            overwrite=overwrite,
            progress=partial(progress, "street"),
        )
    typer.echo(str(folder))
