"""The group `fairmot data`: make training data, and look at it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli.options import JsonOut, Overwrite

app = typer.Typer(
    no_args_is_help=True,
    help="Make training data: convert annotations, check them, look at them; render the synthetic street.",
)

Sets = Annotated[str | None, typer.Option(help="Names under 'train', separated by commas; left out: all.")]
Root = Annotated[Path | None, typer.Option(help="Folder to which lists are relative; left out: as data.json says.")]


@app.command()
def convert(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="motchallenge, crowdhuman, caltech, citypersons, cuhksysu, prw, ethz, jde, pennfudan, coco, yolo, voc "
            "or cvat.",
        ),
    ],
    source: Annotated[Path, typer.Argument(help="Folder (coco, jde: file; cvat: also .zip or .xml) of the original.")],
    output: Annotated[Path, typer.Argument(help="Folder for images/, labels_with_ids/ and data.json.")],
    name: Annotated[str | None, typer.Option(help="Name of the set; left out: the source's.")] = None,
    split: Annotated[str | None, typer.Option(help="Part of the set, such as train, val, test, all.")] = None,
    half: Annotated[str | None, typer.Option(help="motchallenge: train or val, that half of each sequence.")] = None,
    distractors: Annotated[
        bool | None, typer.Option("--distractors", help="motchallenge: ignore distractors and uncounted people.")
    ] = None,
    min_visibility: Annotated[
        float | None, typer.Option(min=0, max=1, help="motchallenge: ignore people who are seen less.")
    ] = None,
    identities: Annotated[
        bool | None, typer.Option("--identities/--no-identities", help="crowdhuman: each box is somebody of its own.")
    ] = None,
    every: Annotated[int | None, typer.Option(min=1, help="caltech: every so many frames.")] = None,
    empty: Annotated[
        bool | None, typer.Option("--empty", help="caltech, citypersons, coco: keep images of nobody.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="cvat: labels to keep, e.g. adult,child.")] = None,
    categories: Annotated[str | None, typer.Option(help="coco: categories to keep, e.g. person,rider.")] = None,
    images: Annotated[Path | None, typer.Option(help="coco, cvat: folder of the images.")] = None,
    root: Annotated[Path | None, typer.Option(help="jde: folder to which the list is relative.")] = None,
    ignore: Annotated[Path | None, typer.Option(help="voc: CSV of boxes to ignore.")] = None,
    heads: Annotated[str | None, typer.Option(help="voc: classes of head boxes to join with bodies, e.g. a,b.")] = None,
) -> None:
    """Convert annotations to the label layout that training reads. An option belongs to the formats that it names.

    [bold]fairmot data convert pennfudan PennFudanPed people[/bold]

    [bold]fairmot data convert motchallenge MOT17/train data --half train --name mot17.half[/bold]
    """
    from fairmot.data.converters import convert_dataset

    summary = convert_dataset(
        kind,
        source,
        output,
        name,
        split=split,
        half=half,
        distractors=distractors,
        min_visibility=min_visibility,
        identities=identities,
        every=every,
        empty=empty,
        labels=_names(labels),
        categories=_names(categories),
        images=images,
        root=root,
        ignore=ignore,
        head_classes=_names(heads),
    )
    typer.echo(str(summary))


@app.command()
def validate(
    source: Annotated[Path, typer.Argument(help="data.json, a folder with one, or a folder with images/.")],
    sets: Sets = None,
    quick: Annotated[bool, typer.Option("--quick", help="Read only the headers of images.")] = False,
    json_out: JsonOut = False,
) -> None:
    """Find everything that is wrong with images and labels, in one pass. Exit code 2 if there are errors.

    [bold]fairmot data validate data/data.json[/bold]
    """
    import json

    from fairmot.cli import console
    from fairmot.data.checks.validation import validate as check

    with console.frame_progress() as progress:
        report = check(source, _names(sets) or (), decode=not quick, progress=partial(progress, "images"))
    if json_out:
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


@app.command()
def stats(
    source: Annotated[Path, typer.Argument(help="data.json, or the folder with it.")],
    sets: Sets = None,
    root: Root = None,
    json_out: JsonOut = False,
) -> None:
    """Count images, boxes, identities and their sizes.

    [bold]fairmot data stats data/data.json --sets prw.train[/bold]
    """
    import json

    from fairmot.data.annotations import read_images
    from fairmot.data.checks.statistics import description_of, statistics

    found = statistics(read_images(description_of(source), _names(sets) or (), root))
    if json_out:
        typer.echo(json.dumps([each.as_dict() for each in found], indent=2))
        return
    from rich.box import SIMPLE
    from rich.table import Table

    from fairmot.cli import console

    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("set", "images", "empty", "boxes", "each", "people", "ignored", "height*"):
        table.add_column(column, no_wrap=True, justify="left" if column == "set" else "right")
    for each in found:
        counts = (each.images, each.empty_images, each.boxes, f"{each.boxes_per_image['mean']:.1f}")
        table.add_row(
            each.name,
            *map(str, (*counts, each.identities, each.ignored)),
            f"{each.box_heights_px.get('p50', 0):.0f} px",
        )
    console.answers().print(table)
    typer.echo("* of boxes: half of them are lower. People: different identities. --json has more.")
    for each in found:
        sizes = ", ".join(f"{size} ({count})" for size, count in list(each.image_sizes.items())[:4])
        typer.echo(f"{each.name}: {each.boxes_with_identity} boxes with identity; images {sizes}")


@app.command()
def preview(
    source: Annotated[Path, typer.Argument(help="data.json, or the folder with it.")],
    output: Annotated[Path, typer.Argument(help="Contact sheet to write, .png or .jpg.")],
    sets: Sets = None,
    root: Root = None,
    count: Annotated[int, typer.Option(min=1, help="Images on the sheet.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the images.")] = 0,
    width: Annotated[int, typer.Option(min=64, max=4096, help="Pixels of an image on the sheet.")] = 480,
) -> None:
    """Draw images with boxes and identities on one sheet.

    [bold]fairmot data preview data/data.json sheet.jpg --count 25 --seed 3[/bold]
    """
    from fairmot.data.annotations import read_images
    from fairmot.data.checks.preview import write_preview
    from fairmot.data.checks.statistics import description_of

    images = read_images(description_of(source), _names(sets) or (), root)
    shown = write_preview(images, output, count, seed, width)
    typer.echo(f"{output}: {shown} of {len(images)} images")


@app.command()
def split(
    list_file: Annotated[Path, typer.Argument(metavar="LIST", help="Path list: an image a line.")],
    every: Annotated[int, typer.Option(min=2, help="Hold out every so many blocks.")] = 5,
    block: Annotated[
        int, typer.Option(min=1, help="Images next to each other in sorted order that stay together.")
    ] = 20,
    data: Annotated[
        Path | None, typer.Option(help="data.json that shall train on the one part and hold out the other.")
    ] = None,
) -> None:
    """Hold out a fixed part of a list: writes NAME.train and NAME.held beside it, always the same.

    [bold]fairmot data split data/prw.train.txt --every 5 --block 20 --data data/data.json[/bold]
    """
    from fairmot.data.splitting import split_list

    found = split_list(list_file, every, block, data)
    typer.echo(f"{found.train}: {found.train_images} images to train on")
    typer.echo(f"{found.held}: {found.held_images} images held out")


@app.command()
def synthesize(
    output: Annotated[Path, typer.Argument(help="Folder for the sequence.")],
    people: Annotated[int, typer.Option(min=1, max=60)] = 12,
    frames: Annotated[int, typer.Option(min=1)] = 250,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    frame_rate: Annotated[float, typer.Option(min=0.1, help="Frames a second.")] = 25,
    camera_height: Annotated[
        tuple[float, float], typer.Option(help="Lowest and highest, metres above the ground, 1.2 to 15.")
    ] = (2.3, 5.0),
    overwrite: Overwrite = False,
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


def _names(text: str | None) -> tuple[str, ...] | None:
    return tuple(each.strip() for each in text.split(",") if each.strip()) if text else None
