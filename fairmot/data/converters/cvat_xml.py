"""CVAT's XML 1.1, for images and for video."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError

_SIDES = ("xtl", "ytl", "xbr", "ybr")
_SHAPES = {
    "polygon": "polygons",
    "polyline": "polylines",
    "points": "sets of points",
    "ellipse": "ellipses",
    "mask": "masks",
    "cuboid": "cuboids",
    "skeleton": "skeletons",
    "tag": "tags of whole images",
}
# Attributes that commonly hold the identity of a single shape.
_IDENTITY_ATTRIBUTES = ("track_id", "identity", "id")


@dataclass(frozen=True, slots=True)
class ExportedBoxes:
    """The boxes of one export."""

    frames: NDArray[np.int64]
    """Frame index from 0 [n]."""
    names: NDArray[np.str_] | None
    """Image's name [n]; None: ``frames`` identifies the image."""
    labels: NDArray[np.str_]
    identities: NDArray[np.int64]
    """Track [n], -1: none."""
    boxes_xyxy: NDArray[np.float64]
    """Pixels [n, 4]."""
    ignored: NDArray[np.bool_]
    known_labels: tuple[str, ...]
    sizes: NDArray[np.float64]
    """Stated width and height of the image [n, 2], pixels; 0: not stated."""
    is_between: NDArray[np.bool_]
    """Whether the box lies between key frames, and is none of the export's own [n]."""
    other_shapes: Counter[str]
    """Kind -> shapes that are no boxes."""


def read_cvat_xml(path: Path) -> ExportedBoxes:
    """Read ``annotations.xml``.

    CVAT writes a box for each frame of a track. In a file with key frames alone the reader interpolates the frames
    between two of them, as far as the task has them (``frame_filter``: ``step=5``). A track ends with its last box;
    while ``outside`` is 1 the object is not in the image.

    Raises:
        InputError: not such a file, or a box without its numbers.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError) as error:
        raise InputError(f"{path}: cannot be read as XML: {error}") from error
    if root.tag != "annotations":
        raise InputError(f"{path}: not annotations of CVAT: it begins with <{root.tag}>")
    rows: list[tuple[int, str, str, int, bool, tuple[float, float]]] = []
    boxes: list[list[float]] = []
    others: Counter[str] = Counter()
    try:
        step = _step(root)
        for number, track in enumerate(root.iter("track")):
            others.update(_others(track))
            for frame, box, is_between in _visible(track, step):
                rows.append((frame, "", track.attrib["label"], number, is_between, (0.0, 0.0)))
                boxes.append(box)
        for image in root.iter("image"):
            others.update(_others(image))
            size = (float(image.attrib.get("width", 0)), float(image.attrib.get("height", 0)))
            for each in image.iter("box"):
                where = (int(image.attrib["id"]), image.attrib["name"])
                rows.append((*where, each.attrib["label"], _identity(each), False, size))
                boxes.append(_corners(each))
    except KeyError as error:
        raise InputError(f"{path}: an element without {error}: not annotations of CVAT") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(6)]
    known = [each.text.strip() for each in root.iterfind(".//labels/label/name") if each.text]
    return ExportedBoxes(
        frames=np.array(columns[0], dtype=np.int64),
        names=np.array(columns[1], dtype=np.str_) if root.find("image") is not None else None,
        labels=np.array(columns[2], dtype=np.str_),
        identities=np.array(columns[3], dtype=np.int64),
        boxes_xyxy=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        ignored=np.zeros(len(boxes), dtype=np.bool_),
        known_labels=tuple(dict.fromkeys([*known, *columns[2]])),
        sizes=np.array(columns[5], dtype=np.float64).reshape(-1, 2),
        is_between=np.array(columns[4], dtype=np.bool_),
        other_shapes=others,
    )


def _step(root: ElementTree.Element) -> int:
    """Return the step between the frames of the task."""
    match = re.search(r"step\s*=\s*(\d+)", root.findtext(".//frame_filter") or "")
    return max(1, int(match[1])) if match else 1


def _others(parent: ElementTree.Element) -> Counter[str]:
    """Return how many shapes of a track or image are no boxes, by kind."""
    return Counter(_SHAPES[child.tag] for child in parent if child.tag in _SHAPES and not _is_outside(child))


def _is_outside(shape: ElementTree.Element) -> bool:
    return shape.attrib.get("outside", "0") == "1"


def _visible(track: ElementTree.Element, step: int) -> list[tuple[int, list[float], bool]]:
    """Return frame indices, corners and whether they are interpolated, while the track is in the image."""
    given = sorted((int(box.attrib["frame"]), _is_outside(box), _corners(box)) for box in track.iter("box"))
    found: list[tuple[int, list[float], bool]] = []
    for place, (frame, outside, corners) in enumerate(given):
        following = given[place + 1] if place + 1 < len(given) else None
        if outside:
            continue
        found.append((frame, corners, False))
        if following is None:
            break
        last, leaves, target = following
        for between in range(frame + step, last, step):
            fraction = 0.0 if leaves else (between - frame) / (last - frame)
            box = [a + fraction * (b - a) for a, b in zip(corners, target, strict=True)]
            found.append((between, box, True))
    return found


def _corners(box: ElementTree.Element) -> list[float]:
    """Return left, top, right, bottom of the box; of a turned one those of the box around it."""
    left, top, right, bottom = (float(box.attrib[side]) for side in _SIDES)
    angle = math.radians(float(box.attrib.get("rotation", 0)))
    if angle == 0:
        return [left, top, right, bottom]
    cosine, sine = abs(math.cos(angle)), abs(math.sin(angle))
    width, height = right - left, bottom - top
    half_width, half_height = (width * cosine + height * sine) / 2, (width * sine + height * cosine) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return [x - half_width, y - half_height, x + half_width, y + half_height]


def _identity(box: ElementTree.Element) -> int:
    for attribute in box.iter("attribute"):
        text = (attribute.text or "").strip()
        if attribute.attrib.get("name") in _IDENTITY_ATTRIBUTES and text.isdigit():
            return int(text)
    return -1
