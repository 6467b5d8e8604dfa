"""ETHZ pedestrian sequences: ``.idl`` text, a line for each image."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import numpy as np

from fairmot.data.converters.lines import numbered_lines
from fairmot.data.converters.output import ConversionSummary, LabelledImage, label_rows, write_set
from fairmot.data.image_files import image_size
from fairmot.errors import InputError

_LINE = re.compile(r'\s*"([^"]+)"\s*(?::(.*?))?[;.]?\s*')
_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
# Four corners, perhaps with a score or a track behind a colon or a tilde.
_BOX = re.compile(rf"\({_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\)(?:\s*[:~]\s*-?[\d.]+?)?(?=\s*(?:,|[;.]?\s*$))")


def convert_ethz(src: Path, out: Path, name: str | None = None) -> ConversionSummary:
    """Convert sequences: ``"left/image_00000000_0.png": (x1, y1, x2, y2), ...;`` a line each, a full stop at the end.

    Boxes have no identity. Corners may come in any order; the converter drops boxes without area.

    Args:
        src: an ``.idl`` file, or a folder with such files; image paths are relative to each file's folder.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``.

    Raises:
        InputError: no annotations, a bad line, or an image that is missing.
    """
    files = [src] if src.is_file() else sorted(src.rglob("*.idl"))
    if not files:
        raise InputError(f"{src}: no .idl files in it")
    images = []
    for file in files:
        for number, line in numbered_lines(file):
            match = _LINE.fullmatch(line)
            found = _BOX.findall(match[2] or "") if match else []
            if match is None or len(found) != (match[2] or "").count("("):
                raise InputError(f'{file} line {number}: expected "image": (x1, y1, x2, y2), ...; found {line[:60]!r}')
            image = _image(file, match[1], number)
            corners = np.array(found, dtype=np.float64).reshape(-1, 2, 2)
            boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
            boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
            relative = PurePosixPath(file.stem, match[1].removeprefix("./"))
            images.append(LabelledImage(image, relative, label_rows(boxes, image_size(image))))
    return write_set(out, name or (src.stem if src.is_file() else src.resolve().name), images)


def _image(file: Path, named: str, number: int) -> Path:
    # Some distributions keep the images in a folder of the annotation's name.
    for folder in (file.parent, file.with_suffix(""), file.parent.parent):
        if (folder / named).is_file():
            return folder / named
    raise InputError(f"{file} line {number}: no image {named} in {file.parent}")
