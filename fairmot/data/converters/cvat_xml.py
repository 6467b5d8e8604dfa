"""CVAT's XML 1.1, for images and for video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError

_SIDES = ("xtl", "ytl", "xbr", "ybr")
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


def read_cvat_xml(path: Path) -> ExportedBoxes:
    """Read ``annotations.xml``.

    CVAT writes a box for each frame of a track. In a file with key frames alone the reader interpolates the frames
    between two of them. A track ends with its last box; while ``outside`` is 1 the object is not in the image.

    Raises:
        InputError: not such a file, or a box without its numbers.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError) as error:
        raise InputError(f"{path}: cannot be read as XML: {error}") from error
    if root.tag != "annotations":
        raise InputError(f"{path}: not annotations of CVAT: it begins with <{root.tag}>")
    rows: list[tuple[int, str, str, int]] = []
    boxes: list[list[float]] = []
    try:
        for number, track in enumerate(root.iter("track")):
            for frame, box in _visible(track):
                rows.append((frame, "", track.attrib["label"], number))
                boxes.append(box)
        for image in root.iter("image"):
            for each in image.iter("box"):
                rows.append((int(image.attrib["id"]), image.attrib["name"], each.attrib["label"], _identity(each)))
                boxes.append(_corners(each))
    except KeyError as error:
        raise InputError(f"{path}: an element without {error}: not annotations of CVAT") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]
    known = [each.text.strip() for each in root.iterfind(".//labels/label/name") if each.text]
    return ExportedBoxes(
        frames=np.array(columns[0], dtype=np.int64),
        names=np.array(columns[1], dtype=np.str_) if root.find("image") is not None else None,
        labels=np.array(columns[2], dtype=np.str_),
        identities=np.array(columns[3], dtype=np.int64),
        boxes_xyxy=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        ignored=np.zeros(len(boxes), dtype=np.bool_),
        known_labels=tuple(dict.fromkeys([*known, *columns[2]])),
    )


def _visible(track: ElementTree.Element) -> list[tuple[int, list[float]]]:
    """Return frame indices and corners while the track is in the image, interpolated between its boxes."""
    given = sorted(
        (int(box.attrib["frame"]), box.attrib.get("outside", "0") == "1", _corners(box)) for box in track.iter("box")
    )
    found: list[tuple[int, list[float]]] = []
    for (frame, outside, corners), following in zip(given, [*given[1:], None], strict=True):
        if outside:
            continue
        found.append((frame, corners))
        if following is None:
            break
        last, leaves, target = following
        for between in range(frame + 1, last):
            fraction = 0.0 if leaves else (between - frame) / (last - frame)
            found.append((between, [a + fraction * (b - a) for a, b in zip(corners, target, strict=True)]))
    return found


def _corners(box: ElementTree.Element) -> list[float]:
    return [float(box.attrib[side]) for side in _SIDES]


def _identity(box: ElementTree.Element) -> int:
    for attribute in box.iter("attribute"):
        text = (attribute.text or "").strip()
        if attribute.attrib.get("name") in _IDENTITY_ATTRIBUTES and text.isdigit():
            return int(text)
    return -1
