"""MOTChallenge sequences: ``img1/``, ``gt/gt.txt`` and ``seqinfo.ini``."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

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
from fairmot.errors import InputError
from fairmot.formats.classes import DISTRACTORS, MOT20_DISTRACTORS, PEDESTRIAN
from fairmot.formats.ground_truth import ground_truth_file, has_ground_truth, states_classes, visibilities
from fairmot.formats.halves import half_range
from fairmot.formats.rows import load_rows
from fairmot.formats.seqinfo import DEFAULT_IMAGE_FOLDER, has_info, load_info
from fairmot.geometry import tlwh_to_xyxy

_DETECTOR = re.compile(r"-(DPM|FRCNN|SDP)$")


def convert_motchallenge(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    half: str | None = None,
    distractors: bool = False,
    min_visibility: float = 0.0,
) -> ConversionSummary:
    """Convert sequences with identities: rows of confidence 1 and, where there are classes, of class 1.

    MOT15 rows have ten columns and no class; MOT16, 17 and 20 rows have nine, with class and visibility. The converter
    renumbers identities without gaps, each sequence after the ones before it. It keeps positions as they are, like the
    published code and as results are written: no shift by a pixel. Of the copies of a MOT17 sequence that differ in
    the detector, it takes the first. Frames without rows become images without annotations.

    Args:
        src: a sequence, or a folder of sequences.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``, with the half.
        half: train or val: that half of each sequence alone (see ``fairmot.formats.halves``; 2664 and 2652 images of
            MOT17).
        distractors: make distractors and rows of confidence 0 ignore regions.
        min_visibility: people with a smaller visible fraction become ignore regions (MOT16, 17, 20).

    Raises:
        InputError: no sequences, a bad line, an unknown half, or a row for a frame that has no image.
    """
    if half is not None:
        half_range(1, half)  # refuses an unknown half before anything is read
    images: list[LabelledImage] = []
    start = 0
    for sequence in _sequences(src):
        files = find_images(sequence / DEFAULT_IMAGE_FOLDER)
        numbers = [_frame_number(file) for file in files]
        columns = _read(sequence, distractors, min_visibility)
        foreign = np.setdiff1d(columns[0], numbers)
        if len(foreign):
            file = ground_truth_file(sequence)
            raise InputError(f"{file}: rows for frame {foreign[0]}, which has no image in {DEFAULT_IMAGE_FOLDER}")
        if half is not None:
            first, last = half_range(len(files), half)
            files, numbers = files[first:last], numbers[first:last]
        here = np.isin(columns[0], numbers)
        frames, class_ids, identities, boxes_xyxy = (column[here] for column in columns)
        numbered = numbered_from_zero(identities)
        numbered[numbered >= 0] += start
        start = max(start, int(numbered.max(initial=-1)) + 1)
        if not files:
            continue
        size = _image_size(sequence, files[0])
        for file, number in zip(files, numbers, strict=True):
            here = frames == number
            rows = label_rows(boxes_xyxy[here], size, class_ids[here], numbered[here])
            images.append(LabelledImage(file, PurePosixPath(sequence.name, file.name), rows))
    default = src.resolve().name if half is None else f"{src.resolve().name}.half-{half}"
    return write_set(out, name or default, images)


def _sequences(src: Path) -> list[Path]:
    if not src.is_dir():
        raise InputError(f"{src}: no such folder")
    if has_ground_truth(src):
        return [src.resolve()]
    found: dict[str, Path] = {}
    # Hidden folders are unfinished ones.
    for sequence in sorted(path.parent.parent for path in src.glob("[!.]*/gt/gt.txt")):
        found.setdefault(_DETECTOR.sub("", sequence.name), sequence)
    if not found:
        raise InputError(f"{src}: neither a sequence (gt/gt.txt in it) nor a folder of sequences")
    return list(found.values())


def _read(
    sequence: Path, distractors: bool, min_visibility: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return frame numbers, classes (0 or ignored), identities (-1 where ignored) and corners of the rows to keep."""
    rows = load_rows(ground_truth_file(sequence), distinct=False)
    category = rows.class_ids if states_classes(rows) else np.full(len(rows), PEDESTRIAN)
    counted = rows.confidences != 0
    is_person = counted & (category == PEDESTRIAN)
    is_hidden = is_person & (visibilities(rows) < min_visibility)
    uncounted = MOT20_DISTRACTORS if sequence.name.startswith("MOT20") else DISTRACTORS
    is_region = is_hidden | (distractors & (np.isin(category, uncounted) | (~counted & (category == PEDESTRIAN))))
    kept = is_person | is_region
    class_ids = np.where(is_region, IGNORE_CLASS, 0).astype(np.float64)[kept]
    identities = np.where(is_region, -1, rows.ids)[kept]
    return rows.frames[kept] + 1, class_ids, identities, tlwh_to_xyxy(rows.boxes_tlwh[kept])


def _frame_number(file: Path) -> int:
    try:
        return int(file.stem)
    except ValueError:
        raise InputError(f"{file}: frames of a sequence are named by number, such as 000001.jpg") from None


def _image_size(sequence: Path, first: Path) -> tuple[int, int]:
    """Return width and height from ``seqinfo.ini``, or else of the first frame."""
    info = load_info(sequence, needs_length=False) if has_info(sequence) else None
    return info.image_size if info is not None and info.image_size is not None else image_size(first)
