"""CrowdHuman: a line of JSON for each image (``.odgt``)."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fairmot.data.converters.lines import numbered_lines
from fairmot.data.converters.output import ConversionSummary, LabelledImage, find_images, label_rows, write_set
from fairmot.data.image_files import image_size
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError


def convert_crowdhuman(
    src: Path, out: Path, name: str | None = None, *, split: str | None = None, identities: bool = True
) -> ConversionSummary:
    """Convert the full boxes (``fbox``: they include hidden parts and parts outside the image).

    Masks (crowds, reflections, images of people) and boxes marked ``ignore`` become ignore regions.
    Format: https://www.crowdhuman.org/download.html.

    Args:
        src: an ``.odgt`` file, or the folder with ``annotation_<split>.odgt``; the images lie below that folder.
        out: folder that gets the converted set.
        name: name of the set; default: crowdhuman with the split.
        split: train or val; not needed for a single annotation file.
        identities: give every box its own identity, as published; otherwise boxes have none.

    Raises:
        InputError: annotations or images are missing, or a line is not in this format.
    """
    file = _annotations(src, split)
    folder = src if src.is_dir() else src.parent
    by_stem = {path.stem: path for path in find_images(folder, recursive=True)}
    images: list[LabelledImage] = []
    seen = 0
    for number, line in numbered_lines(file):
        try:
            values = json.loads(line)
            stem, objects = str(values["ID"]), values["gtboxes"]
            boxes = np.array([each["fbox"] for each in objects], dtype=np.float64).reshape(-1, 4)
            is_region = np.array([_is_region(each) for each in objects], dtype=np.bool_)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{file} line {number}: not an image's annotation as in CrowdHuman: {reason}") from error
        if stem not in by_stem:
            raise InputError(f"{file} line {number}: no image {stem}.jpg below {folder}")
        boxes[:, 2:] += boxes[:, :2]
        own = np.full(len(boxes), -1)
        if identities:
            own[~is_region] = seen + np.arange(int((~is_region).sum()))
            seen += int((~is_region).sum())
        image = by_stem[stem]
        rows = label_rows(boxes, image_size(image), np.where(is_region, IGNORE_CLASS, 0), own)
        images.append(LabelledImage(image, PurePosixPath(image.name), rows))
    return write_set(out, name or file.stem.replace("annotation_", "crowdhuman."), images)


def _annotations(src: Path, split: str | None) -> Path:
    if src.is_file():
        return src
    pattern = f"annotation_{split}.odgt" if split else "*.odgt"
    found = sorted(src.rglob(pattern))
    if not found:
        raise InputError(f"{src}: no file {pattern} in it")
    if len(found) > 1:
        raise InputError(f"{src}: several annotation files ({', '.join(path.name for path in found)}): choose a split")
    return found[0]


def _is_region(values: dict[str, Any]) -> bool:
    return bool(values["tag"] != "person" or values.get("extra", {}).get("ignore", 0) == 1)
