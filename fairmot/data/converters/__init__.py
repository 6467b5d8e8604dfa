"""Public annotation formats to the label layout of ``fairmot.data.annotations``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairmot.data.converters.coco import convert_coco
from fairmot.data.converters.motchallenge import convert_motchallenge
from fairmot.data.converters.output import ConversionSummary
from fairmot.data.converters.pennfudan import convert_pennfudan
from fairmot.data.converters.voc import convert_voc
from fairmot.data.converters.yolo import convert_yolo
from fairmot.errors import InputError, closest_name

__all__ = [
    "ConversionSummary",
    "convert_coco",
    "convert_dataset",
    "convert_motchallenge",
    "convert_pennfudan",
    "convert_voc",
    "convert_yolo",
]


def convert_dataset(
    kind: str,
    source: Path,
    output: Path,
    name: str | None = None,
    ignore: Path | None = None,
    head_classes: Sequence[str] = (),
) -> ConversionSummary:
    """Convert people of one data set with the defaults of its format.

    Args:
        kind: pennfudan, yolo, coco, voc or motchallenge.
        source: folder of the data set; for COCO the annotation file.
        output: folder that gets ``images/``, ``labels_with_ids/``, the list and the entry in ``data.json``.
        name: name of the set; default: that of the source.
        ignore: CSV of boxes to ignore, for voc alone.
        head_classes: classes of heads that belong to the bodies, for voc alone.

    Raises:
        InputError: an unknown format, or a source that does not fit it.
    """
    converters = {
        "pennfudan": convert_pennfudan,
        "yolo": convert_yolo,
        "coco": convert_coco,
        "motchallenge": convert_motchallenge,
    }
    source, output = Path(source), Path(output)
    if kind == "voc":
        return convert_voc(source, output, name, head_classes=head_classes, ignore=ignore)
    if kind not in converters:
        kinds = [*converters, "voc"]
        raise InputError(f"{kind}: no such format{closest_name(kind, kinds)}; give one of {', '.join(kinds)}")
    if ignore is not None or head_classes:
        given = ignore if ignore is not None else ", ".join(head_classes)
        raise InputError(f"{given}: boxes to ignore and classes of heads can be given for voc alone, not for {kind}")
    return converters[kind](source, output, name)
