"""CVAT's exports: MOT 1.1, CVAT for video 1.1 and CVAT for images 1.1, as archive or as unpacked folder."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.cvat_xml import ExportedBoxes, read_cvat_xml
from fairmot.data.converters.mot_text import read_rows
from fairmot.data.converters.output import (
    ConversionSummary,
    LabelledImage,
    find_images,
    label_rows,
    numbered_from_zero,
    write_set,
)
from fairmot.data.image_files import image_size
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError, closest_name

_PEOPLE = ("person", "pedestrian")
_FRAME = re.compile(r"(?:frame_)?(\d+)")


def convert_cvat(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    labels: Sequence[str] | None = None,
    images: Path | None = None,
) -> ConversionSummary:
    """Convert boxes: tracks with their identity, single shapes without. Other shapes (polygons, points) are left out.

    In the MOT export, rows marked as ignored become ignore regions. Where an XML export was made without images,
    ``images`` names their folder.

    Args:
        src: the ``.zip``, the unpacked folder or the ``annotations.xml``.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``.
        labels: labels to keep, all as class 0; default: person, pedestrian, or the only one there is.
        images: folder of the images; default: ``images`` or ``img1`` of the export.

    Raises:
        InputError: not such an export, an unknown label, or images that are missing.
    """
    with ExitStack() as stack:
        folder = src
        if zipfile.is_zipfile(src):
            # Beside the result, so that its images become links.
            out.mkdir(parents=True, exist_ok=True)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=out, prefix=".cvat-")))
            with zipfile.ZipFile(src) as archive:
                archive.extractall(folder)
        xml = folder if folder.is_file() else folder / "annotations.xml"
        if xml.is_file():
            found = read_cvat_xml(xml)
            files = find_images(images or xml.parent / "images", recursive=True)
        elif (folder / "gt" / "gt.txt").is_file():
            found = _read_mot(folder / "gt")
            files = find_images(images or folder / "img1", recursive=True)
        else:
            raise InputError(f"{src}: neither annotations.xml nor gt/gt.txt in it: not an export of CVAT")
        kept = np.isin(found.labels, _chosen(found.known_labels, labels, src))
        identities = numbered_from_zero(found.identities[kept])
        place = _places(found, files, src)[kept]
        top = images or (xml.parent / "images" if xml.is_file() else folder / "img1")
        labelled = []
        for index, image in enumerate(files):
            here = place == index
            ignored = found.ignored[kept][here]
            rows = label_rows(
                found.boxes_xyxy[kept][here],
                image_size(image),
                np.where(ignored, IGNORE_CLASS, 0),
                np.where(ignored, -1, identities[here]),
            )
            labelled.append(LabelledImage(image, PurePosixPath(image.relative_to(top).as_posix()), rows))
        return write_set(out, name or src.stem, labelled)


def _read_mot(folder: Path) -> ExportedBoxes:
    rows = read_rows(folder / "gt.txt")
    path = folder / "labels.txt"
    names = path.read_text(encoding="utf-8").split("\n") if path.is_file() else ["pedestrian"]
    names = [each.strip() for each in names if each.strip()]
    numbers = rows[:, 7].astype(np.int64) if rows.shape[1] > 7 else np.ones(len(rows), np.int64)
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= len(names)):
        raise InputError(f"{folder / 'gt.txt'}: classes up to {numbers.max()}, but {len(names)} names in labels.txt")
    boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    labels = np.array([names[number - 1] for number in numbers], dtype=np.str_)
    frames = rows[:, 0].astype(np.int64) - 1
    return ExportedBoxes(frames, None, labels, rows[:, 1].astype(np.int64), boxes, rows[:, 6] == 0, tuple(names))


def _chosen(known: Sequence[str], labels: Sequence[str] | None, src: Path) -> list[str]:
    if labels is None:
        people = [each for each in known if each.lower() in _PEOPLE]
        if people or len(known) == 1:
            return people or list(known)
        raise InputError(f"{src}: no label person or pedestrian; choose labels among {', '.join(known)}")
    for each in labels:
        if each not in known:
            raise InputError(f"{src}: no label {each!r}{closest_name(each, known)}; there are {', '.join(known)}")
    return list(labels)


def _places(found: ExportedBoxes, images: Sequence[Path], src: Path) -> NDArray[np.int64]:
    """Return, for each box, the index of its image."""
    if found.names is not None:
        # Names are paths below the folder of images, of which an export keeps more or fewer parts.
        index = {
            PurePosixPath(*path.parts[-length:]).as_posix(): number
            for number, path in enumerate(images)
            for length in range(1, len(path.parts))
        }
        for name in found.names.tolist():
            if name not in index:
                raise InputError(f"{src}: its image {name} is not there")
        return np.array([index[name] for name in found.names.tolist()], dtype=np.int64)
    # Frames of a film are called frame_000000, from 0; those of the MOT export count from 1. Images that were given
    # one by one keep their names, and their order counts.
    matches = [_FRAME.fullmatch(path.stem) for path in images]
    numbers = np.arange(len(images))
    if all(matches):
        is_mot = [not path.stem.startswith("frame_") and path.parent.name == "img1" for path in images]
        numbers = np.array([int(match[1]) - mot for match, mot in zip(matches, is_mot, strict=True) if match])
    order = np.argsort(numbers)
    at = np.searchsorted(numbers[order], found.frames)
    at = np.minimum(at, len(numbers) - 1)
    foreign = numbers[order][at] != found.frames
    if foreign.any():
        raise InputError(f"{src}: boxes in frame {found.frames[foreign][0]} (counted from 0), which has no image")
    places_by_number: NDArray[np.int64] = order[at].astype(np.int64)
    return places_by_number
