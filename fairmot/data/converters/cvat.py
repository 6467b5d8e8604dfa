"""CVAT's exports: MOT 1.1, CVAT for video 1.1 and CVAT for images 1.1, as archive or as unpacked folder."""

from __future__ import annotations

import lzma
import re
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.categories import choose_categories
from fairmot.data.converters.cvat_xml import ExportedBoxes, read_cvat_xml
from fairmot.data.converters.ledger import Ledger
from fairmot.data.converters.output import (
    ConversionSummary,
    LabelledImage,
    check_stated_sizes,
    find_images,
    label_rows,
    numbered_from_zero,
    write_set,
)
from fairmot.data.image_files import image_size
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError
from fairmot.formats.classes import PEDESTRIAN
from fairmot.formats.ground_truth import ground_truth_file, has_ground_truth
from fairmot.formats.rows import load_rows
from fairmot.formats.seqinfo import DEFAULT_IMAGE_FOLDER, has_info, load_info
from fairmot.formats.text import read_text
from fairmot.geometry import tlwh_to_xyxy

_FRAME = re.compile(r"(?:frame_)?(\d+)")


_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError, ValueError)


def convert_cvat(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    categories: Sequence[str] | None = None,
    images: Path | None = None,
) -> ConversionSummary:
    """Convert boxes: tracks with their identity, single shapes without.

    Of a turned box the box around it is kept. Other shapes (polygons, points, skeletons) are left out and counted. In
    the MOT export, rows marked as ignored become ignore
    regions. For an XML export without images, ``images`` names their folder.

    Args:
        src: the ``.zip``, the unpacked folder or the ``annotations.xml``.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``.
        categories: labels to keep, all as class 0; default: person and pedestrian, or the only label; ``all`` keeps
            every one, in the order of the export.
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
            try:
                with zipfile.ZipFile(src) as archive:
                    archive.extractall(folder)
            # Bad checksums, encryption, methods that this Python lacks, names that lead nowhere.
            except (*_DAMAGE, OSError) as error:
                raise InputError(f"{src}: a zip archive that cannot be unpacked: {error}") from error
        xml = folder if folder.is_file() else folder / "annotations.xml"
        if xml.is_file():
            found = read_cvat_xml(xml)
            top = images or xml.parent / "images"
        elif has_ground_truth(folder):
            found = _read_mot(folder)
            info = load_info(folder, needs_length=False) if has_info(folder) else None
            top = images or folder / (DEFAULT_IMAGE_FOLDER if info is None else info.image_folder)
        else:
            raise InputError(f"{src}: neither annotations.xml nor gt/gt.txt in it: not an export of CVAT")
        if images is None and not top.is_dir():
            raise InputError(
                f"{src}: an export without images ('save images' was off); give the folder of its images", "images"
            )
        files = find_images(top, recursive=True)
        class_of = choose_categories(found.known_labels, categories, src)
        place = _places(found, files, src)
        kept = np.isin(found.labels, list(class_of)) & (place >= 0)
        ledger = _ledger(found, kept, place, len(files))
        identities = numbered_from_zero(found.identities[kept])
        place = place[kept]
        classes = np.array([class_of[label] for label in found.labels[kept].tolist()], dtype=np.int64)
        check_stated_sizes(src, [(files[index], size) for index, size in zip(place, found.sizes[kept], strict=True)])
        labelled = []
        for index, image in enumerate(files):
            here = place == index
            ignored = found.ignored[kept][here]
            rows = label_rows(
                found.boxes_xyxy[kept][here],
                image_size(image),
                np.where(ignored, IGNORE_CLASS, classes[here]),
                np.where(ignored, -1, identities[here]),
            )
            labelled.append(LabelledImage(image, PurePosixPath(image.relative_to(top).as_posix()), rows))
        return write_set(out, name or src.stem, labelled, ledger)


def _ledger(found: ExportedBoxes, kept: NDArray[np.bool_], place: NDArray[np.int64], images: int) -> Ledger:
    """Count what the export holds and what of it is left out."""
    key = ~found.is_between
    ledger = Ledger(images, int(key.sum()), shapes_left_out=found.other_shapes)
    for label in np.unique(found.labels[key & ~kept]).tolist():
        ledger.boxes_left_out[f"of label {label}"] = int((found.labels[key & ~kept] == label).sum())
    ledger.boxes_added["between key frames"] = int((found.is_between & kept).sum())
    return ledger


def _read_mot(folder: Path) -> ExportedBoxes:
    file = ground_truth_file(folder)
    rows = load_rows(file, distinct=False)
    path = file.with_name("labels.txt")
    names = read_text(path).splitlines() if path.is_file() else ["pedestrian"]
    names = [each.strip() for each in names if each.strip()]
    numbers = rows.class_ids if rows.others.shape[1] else np.full(len(rows), PEDESTRIAN)
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= len(names)):
        raise InputError(f"{file}: classes up to {numbers.max()}, but {len(names)} names in labels.txt")
    boxes = tlwh_to_xyxy(rows.boxes_tlwh)
    labels = np.array([names[number - 1] for number in numbers], dtype=np.str_)
    return ExportedBoxes(
        rows.frames,
        None,
        labels,
        rows.ids,
        boxes,
        rows.confidences == 0,
        tuple(names),
        sizes=np.zeros((len(rows), 2)),
        is_between=np.zeros(len(rows), dtype=np.bool_),
        other_shapes=Counter(),
    )


def _places(found: ExportedBoxes, images: Sequence[Path], src: Path) -> NDArray[np.int64]:
    """Return, for each box, the index of its image; -1 for a box between key frames in a frame without an image."""
    if found.names is not None:
        # Names are paths below the folder of images; exports keep more or fewer parts of them.
        index = {
            PurePosixPath(*path.parts[-length:]).as_posix(): number
            for number, path in enumerate(images)
            for length in range(1, len(path.parts))
        }
        for name in found.names.tolist():
            if name not in index:
                raise InputError(f"{src}: its image {name} is missing")
        return np.array([index[name] for name in found.names.tolist()], dtype=np.int64)
    # Frames of a film have the names frame_000000 and so on, from 0; those of the MOT export count from 1. Images
    # uploaded one by one keep their names, and their order counts.
    matches = [_FRAME.fullmatch(path.stem) for path in images]
    numbers = np.arange(len(images))
    if all(matches):
        is_mot = [not path.stem.startswith("frame_") and path.parent.name == DEFAULT_IMAGE_FOLDER for path in images]
        numbers = np.array([int(match[1]) - mot for match, mot in zip(matches, is_mot, strict=True) if match])
    order = np.argsort(numbers)
    at = np.searchsorted(numbers[order], found.frames)
    at = np.minimum(at, len(numbers) - 1)
    foreign = numbers[order][at] != found.frames
    unexpected = foreign & ~found.is_between
    if unexpected.any():
        raise InputError(f"{src}: boxes in frame {found.frames[unexpected][0]} (counted from 0), which has no image")
    places_by_number: NDArray[np.int64] = np.where(foreign, -1, order[at]).astype(np.int64)
    return places_by_number
