"""Converters: public annotation formats to the label layout of ``fairmot.data.annotations``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairmot.data.converters.caltech import convert_caltech
from fairmot.data.converters.citypersons import convert_citypersons
from fairmot.data.converters.coco import convert_coco
from fairmot.data.converters.crowdhuman import convert_crowdhuman
from fairmot.data.converters.cuhksysu import convert_cuhksysu
from fairmot.data.converters.cvat import convert_cvat
from fairmot.data.converters.ethz import convert_ethz
from fairmot.data.converters.jde import convert_jde
from fairmot.data.converters.motchallenge import convert_motchallenge
from fairmot.data.converters.output import ConversionSummary
from fairmot.data.converters.pennfudan import convert_pennfudan
from fairmot.data.converters.prw import convert_prw
from fairmot.data.converters.voc import convert_voc
from fairmot.data.converters.yolo import convert_yolo
from fairmot.errors import InputError, closest_name

__all__ = [
    "ConversionSummary",
    "convert_caltech",
    "convert_citypersons",
    "convert_coco",
    "convert_crowdhuman",
    "convert_cuhksysu",
    "convert_cvat",
    "convert_dataset",
    "convert_ethz",
    "convert_jde",
    "convert_motchallenge",
    "convert_pennfudan",
    "convert_prw",
    "convert_voc",
    "convert_yolo",
]


def convert_dataset(
    kind: str, source: Path, output: Path, name: str | None = None, **options: Any
) -> ConversionSummary:
    """Convert people of one data set.

    Args:
        kind: caltech, citypersons, coco, crowdhuman, cuhksysu, cvat, ethz, jde, motchallenge, pennfudan, prw, voc or
            yolo.
        source: folder (or file, where the format has one) of the data set.
        output: folder that gets ``images/``, ``labels_with_ids/``, the list and the entry in ``data.json``.
        name: name of the set; default: that of the source.
        options: keyword options of that format's function; None stands for the default.

    Raises:
        InputError: an unknown format, an option of another format, or a source in another format.
    """
    converters: dict[str, Callable[..., ConversionSummary]] = {
        "caltech": convert_caltech,
        "citypersons": convert_citypersons,
        "coco": convert_coco,
        "crowdhuman": convert_crowdhuman,
        "cuhksysu": convert_cuhksysu,
        "cvat": convert_cvat,
        "ethz": convert_ethz,
        "jde": convert_jde,
        "motchallenge": convert_motchallenge,
        "pennfudan": convert_pennfudan,
        "prw": convert_prw,
        "voc": convert_voc,
        "yolo": convert_yolo,
    }
    if kind not in converters:
        raise InputError(f"{kind}: no such format{closest_name(kind, converters)}; give one of {', '.join(converters)}")
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        owners = [each for each, convert in converters.items() if key in inspect.signature(convert).parameters]
        if kind not in owners:
            raise InputError(f"{key}: an option of {', '.join(owners) or 'no format'}, not of {kind}")
    return converters[kind](Path(source), Path(output), name, **given)
