"""The group ``fairmot data``: make training data and check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli import conversion, options
from fairmot.cli.help import Command, Group
from fairmot.cli.settings import read_names

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Make training data: convert annotations, check them, look at them; render the synthetic street.",
)

Sets = Annotated[
    str | None,
    typer.Option(metavar="NAMES", help="Sets: names under 'train', separated by commas.", show_default="all"),
]
Root = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Folder to which lists are relative.", show_default="of a data.json: as it says"
    ),
]
Description = Annotated[Path, typer.Argument(metavar="DATA", help="data.json, or the folder with it.")]


app.command(cls=Command)(conversion.convert)


@app.command(cls=Command)
def validate(
    source: Annotated[
        Path, typer.Argument(metavar="DATA", help="data.json, a folder with one, or a folder with images/.")
    ],
    sets: Sets = None,
    quick: Annotated[bool, options.flag("--quick", None, "Read only the headers of images.")] = False,
    as_json: options.JsonOut = False,
) -> None:
    """Find everything that is wrong with images and labels, in one pass. With errors the exit code is 2.

    [bold]fairmot data validate data/data.json[/bold]
    """
    import json

    from fairmot.cli import console
    from fairmot.data.checks.validation import validate as check

    with console.frame_progress("images") as progress:
        report = check(source, read_names(sets) or (), decode=not quick, progress=progress)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2))
    else:
        for finding in report.findings:
            typer.echo(str(finding))
        for kind, count in report.counts.items():
            typer.echo(f"{count:7} {kind}")
        looked = f"{report.sets} sets, {report.images} images, {report.boxes} boxes"
        typer.echo(f"{looked}: {report.errors} errors, {report.warnings} warnings")
    if report.errors:
        raise typer.Exit(2)


@app.command(cls=Command)
def stats(
    source: Description,
    sets: Sets = None,
    root: Root = None,
    as_json: options.JsonOut = False,
) -> None:
    """Count images, boxes, identities and their sizes.

    [bold]fairmot data stats data/data.json --sets prw.train[/bold]
    """
    import json

    from fairmot.data.annotations import read_images
    from fairmot.data.checks.statistics import description_of, statistics

    found = statistics(read_images(description_of(source), read_names(sets) or (), root))
    if as_json:
        typer.echo(json.dumps([each.as_dict() for each in found], indent=2))
        return
    from rich.box import SIMPLE
    from rich.table import Table

    from fairmot.cli import console

    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("set", overflow="fold", min_width=8)
    for column in ("images", "empty", "boxes", "each", "identities", "ignored", "height*"):
        table.add_column(column, no_wrap=True, justify="right")  # a name may be folded, a number may not
    for each in found:
        counts = (each.images, each.empty_images, each.boxes, f"{each.boxes_per_image['mean']:.1f}")
        table.add_row(
            each.name,
            *map(str, (*counts, each.identities, each.ignored)),
            f"{each.box_heights_px.get('p50', 0):.0f} px",
        )
    console.answers().print(table)
    typer.echo("* median height of the boxes. --json has more.")
    for each in found:
        sizes = ", ".join(f"{size} ({count})" for size, count in list(each.image_sizes.items())[:4])
        typer.echo(f"{each.name}: {each.boxes_with_identity} boxes with identity; images {sizes}")


@app.command(cls=Command)
def preview(
    source: Description,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Contact sheet to write, .png or .jpg.")],
    sets: Sets = None,
    root: Root = None,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="Images on the sheet.")] = 16,
    seed: options.Seed = 0,
    width: Annotated[
        int, typer.Option(min=64, max=4096, metavar="N", help="Width of an image on the sheet, pixels.")
    ] = 480,
) -> None:
    """Draw images with boxes and identities on one sheet.

    [bold]fairmot data preview data/data.json sheet.jpg --count 25 --seed 3[/bold]
    """
    from fairmot.data.annotations import read_images
    from fairmot.data.checks.preview import write_preview
    from fairmot.data.checks.statistics import description_of

    images = read_images(description_of(source), read_names(sets) or (), root)
    shown = write_preview(images, output, count, seed, width)
    typer.echo(f"{output}: {shown} of {len(images)} images")


@app.command(cls=Command)
def split(
    list_file: Annotated[Path, typer.Argument(metavar="LIST", help="Path list: an image a line.")],
    one_in: Annotated[int, typer.Option(min=2, metavar="N", help="Hold out one block in so many.")] = 5,
    block: Annotated[
        int, typer.Option(min=1, metavar="N", help="Images of a block: next to each other in sorted order.")
    ] = 20,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="data.json to change: it trains on the one part and holds out the other."),
    ] = None,
) -> None:
    """Hold out a part of a list, the same each time: write NAME.train and NAME.held beside it.

    [bold]fairmot data split data/prw.train.txt --one-in 5 --block 20 --data data/data.json[/bold]
    """
    from fairmot.data.splitting import split_list

    found = split_list(list_file, one_in, block, data)
    typer.echo(f"{found.train}: {found.train_images} images to train on")
    typer.echo(f"{found.held}: {found.held_images} images held out")


@app.command(cls=Command)
def synthesize(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the sequence.")],
    people: options.People = 12,
    frames: Annotated[int, typer.Option(min=1, metavar="N", help="Number of frames.")] = 250,
    seed: options.Seed = 0,
    frame_rate: Annotated[float, typer.Option(min=0.1, metavar="X", help="Frames a second.")] = 25,
    camera_height: Annotated[
        tuple[float, float],
        typer.Option(metavar="LOW HIGH", help="Camera height range, metres above the ground, 1.2 to 15."),
    ] = (2.3, 5.0),
    overwrite: options.Overwrite = False,
) -> None:
    """Render a street with walking people, exact boxes and identities, in MOTChallenge layout.

    [bold]fairmot data synthesize streets --people 20 --seed 7[/bold]
    """
    from fairmot.cli import console
    from fairmot.street import write_street

    with console.frame_progress() as progress:
        folder = write_street(
            output,
            people=people,
            frames=frames,
            seed=seed,
            frame_rate=frame_rate,
            camera_height=camera_height,
            overwrite=overwrite,
            progress=progress,
        )
    typer.echo(str(folder))
