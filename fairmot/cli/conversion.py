"""``fairmot data convert``: annotations to the label layout that training reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairmot.cli.settings import read_names
from fairmot.errors import InputError


def _of(formats: str, text: str, metavar: str = "", name: str | None = None, **more: Any) -> Any:
    """Return an option of ``convert`` that belongs to formats: it names them, and stands in their panel."""
    names = () if name is None else (name,)
    return typer.Option(*names, metavar=metavar, rich_help_panel=f"Only {formats}", help=text, **more)


def convert(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="motchallenge, crowdhuman, caltech, citypersons, cuhksysu, prw, ethz, jde, pennfudan, coco, yolo, voc "
            "or cvat.",
        ),
    ],
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Folder (coco, jde: file; cvat: also .zip or .xml) of the original.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for images/, labels_with_ids/ and data.json.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the set.", show_default="that of the source")
    ] = None,
    split: Annotated[
        str | None,
        _of(
            "crowdhuman, caltech, citypersons, cuhksysu, prw, yolo",
            "Part of the set, such as train, val, test or all.",
            "NAME",
        ),
    ] = None,
    half: Annotated[str | None, _of("motchallenge", "That half of each sequence: train or val.", "NAME")] = None,
    distractors: Annotated[
        bool | None, _of("motchallenge", "Ignore distractors and people who do not count.", name="--distractors")
    ] = None,
    min_visibility: Annotated[
        float | None, _of("motchallenge", "Ignore people who are less visible.", "X", min=0, max=1)
    ] = None,
    identities: Annotated[
        bool | None,
        _of("crowdhuman", "Give every box its own identity.", name="--identities/--no-identities"),
    ] = None,
    every: Annotated[int | None, _of("caltech", "Step between frames.", "N", min=1)] = None,
    empty: Annotated[
        bool | None, _of("caltech, citypersons, coco", "Keep images without annotations.", name="--empty")
    ] = None,
    categories: Annotated[
        str | None,
        _of(
            "motchallenge, caltech, citypersons, coco, yolo, voc, cvat",
            "Categories to keep, e.g. person,rider; or all (not voc).",
            "NAMES",
        ),
    ] = None,
    image_folder: Annotated[Path | None, _of("coco, cvat", "Folder of the images.", "FOLDER")] = None,
    root: Annotated[Path | None, _of("jde", "Folder to which lists are relative.", "FOLDER")] = None,
    ignore: Annotated[Path | None, _of("voc", "CSV of boxes to ignore.", "FILE")] = None,
    heads: Annotated[str | None, _of("voc", "Classes of head boxes to join with bodies, e.g. a,b.", "NAMES")] = None,
) -> None:
    """Convert annotations to the label layout that training reads. An option that names formats belongs to them.

    [bold]fairmot data convert pennfudan PennFudanPed people[/bold]
    [bold]fairmot data convert motchallenge MOT17/train data --half train --name mot17.half[/bold]
    """
    from fairmot.data.converters import convert_dataset

    try:
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
            categories=read_names(categories),
            images=image_folder,
            root=root,
            ignore=ignore,
            head_classes=read_names(heads),
        )
    except InputError as error:
        if error.argument == "images" and image_folder is None:
            raise InputError(f"{error} by --image-folder FOLDER") from error
        raise
    typer.echo(str(summary))
