"""MOTChallenge sequences: ``img1/``, ``gt/gt.txt`` and ``seqinfo.ini``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.categories import choose_categories
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
from fairmot.formats.classes import CLASS_NAMES, DISTRACTORS, KNOWN_CLASSES, MOT20_DISTRACTORS, PEDESTRIAN
from fairmot.formats.ground_truth import ground_truth_file, has_ground_truth, stated_classes, visibilities
from fairmot.formats.halves import half_range
from fairmot.formats.rows import load_rows
from fairmot.formats.seqinfo import DEFAULT_IMAGE_FOLDER, FILE, has_info, load_info
from fairmot.geometry import tlwh_to_xyxy

_NUMBERS = tuple(map(str, KNOWN_CLASSES))
_DETECTOR = re.compile(r"-(DPM|FRCNN|SDP)$")


def convert_motchallenge(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    half: str | None = None,
    distractors: bool = False,
    min_visibility: float = 0.0,
    categories: Sequence[str] | None = None,
) -> ConversionSummary:
    """Convert sequences with identities: the rows of people that ``fairmot score`` counts.

    These have a confidence of 1 and, where there are classes, class 1. Class -1, and class 0 where the file has no
    other, means that no class is stated: people. A visibility of -1 is unknown and counts as 1.

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
        categories: classes to keep, all as class 0, by number or name (``fairmot.formats.classes.CLASS_NAMES``);
            default: pedestrian; ``all`` keeps every class, numbered from 0. Of other classes than pedestrian rows of
            confidence 0 are kept as well, since ground truth counts none of them.

    Raises:
        InputError: no sequences, a bad line, an unknown half or class, or a row for a frame that has no image.
    """
    if half is not None:
        half_range(1, half)  # refuses an unknown half before anything is read
    class_of = _chosen(categories, src)
    images: list[LabelledImage] = []
    ledger = Ledger()
    start = 0
    sequences, copies = _sequences(src)
    ledger.shapes_left_out["sequences that are copies for another detector"] = copies
    for sequence in sequences:
        info = load_info(sequence, needs_length=False) if has_info(sequence) else None
        folder = DEFAULT_IMAGE_FOLDER if info is None else info.image_folder
        files = find_images(sequence / folder)
        numbers = [_frame_number(file) for file in files]
        columns = _read(sequence, class_of, distractors, min_visibility, ledger)
        ledger.images += len(files)
        foreign = np.setdiff1d(columns[0], numbers)
        if len(foreign):
            file = ground_truth_file(sequence)
            raise InputError(f"{file}: rows for frame {foreign[0]}, which has no image in {folder}")
        if half is not None:
            first, last = half_range(len(files), half)
            ledger.images_left_out["of the other half"] += len(files) - len(files[first:last])
            files, numbers = files[first:last], numbers[first:last]
        here = np.isin(columns[0], numbers)
        ledger.boxes_left_out["of the other half"] += int((~here).sum())
        frames, class_ids, identities, boxes_xyxy = (column[here] for column in columns)
        numbered = numbered_from_zero(identities)
        numbered[numbered >= 0] += start
        start = max(start, int(numbered.max(initial=-1)) + 1)
        if not files:
            continue
        size = image_size(files[0]) if info is None or info.image_size is None else info.image_size
        check_stated_sizes(sequence / FILE, [(files[0], size)])
        for file, number in zip(files, numbers, strict=True):
            here = frames == number
            rows = label_rows(boxes_xyxy[here], size, class_ids[here], numbered[here])
            images.append(LabelledImage(file, PurePosixPath(sequence.name, file.name), rows))
    default = src.resolve().name if half is None else f"{src.resolve().name}.half-{half}"
    return write_set(out, name or default, images, ledger)


def _sequences(src: Path) -> tuple[list[Path], int]:
    """Return the sequences to convert, and how many copies of them are left out."""
    if not src.is_dir():
        raise InputError(f"{src}: no such folder")
    if has_ground_truth(src):
        return [src.resolve()], 0
    found: dict[str, Path] = {}
    # Hidden folders are unfinished ones.
    paths = sorted(path.parent.parent for path in src.glob("[!.]*/gt/gt.txt"))
    for sequence in paths:
        found.setdefault(_DETECTOR.sub("", sequence.name), sequence)
    if not found:
        raise InputError(f"{src}: neither a sequence (gt/gt.txt in it) nor a folder of sequences")
    return list(found.values()), len(paths) - len(found)


def _chosen(categories: Sequence[str] | None, src: Path) -> dict[int, int]:
    """Return the class of each class of the ground truth that is kept."""
    if categories is None:
        return {PEDESTRIAN: 0}
    names = [CLASS_NAMES[int(each) - 1] if each in _NUMBERS else each for each in categories]
    chosen = choose_categories(CLASS_NAMES, names, src)
    return {CLASS_NAMES.index(name) + 1: number for name, number in chosen.items()}


def _read(
    sequence: Path, class_of: dict[int, int], distractors: bool, min_visibility: float, ledger: Ledger
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return frame numbers, classes (or ignored), identities (-1 where ignored) and corners of the rows to keep."""
    rows = load_rows(ground_truth_file(sequence), distinct=False)
    category = stated_classes(rows)
    # Truncated, as scores do.
    counted = rows.confidences.astype(np.int64) != 0
    is_person = np.isin(category, list(class_of)) & (counted | (category != PEDESTRIAN))
    is_hidden = is_person & (visibilities(rows) < min_visibility)
    uncounted = MOT20_DISTRACTORS if sequence.name.startswith("MOT20") else DISTRACTORS
    does_not_count = np.isin(category, uncounted) | (~counted & (category == PEDESTRIAN))
    is_region = is_hidden | (distractors & ~is_person & does_not_count)
    kept = is_person | is_region
    ledger.boxes += len(rows)
    ledger.boxes_left_out["of a confidence below 1, which do not count"] += int((~counted & ~kept).sum())
    for number in np.unique(category[counted & ~kept]).tolist():
        ledger.boxes_left_out[f"of class {number}"] += int((counted & ~kept & (category == number)).sum())
    own = np.array([class_of.get(number, 0) for number in category.tolist()], dtype=np.float64)
    class_ids = np.where(is_region, IGNORE_CLASS, own)[kept]
    identities = np.where(is_region, -1, rows.ids)[kept]
    return rows.frames[kept] + 1, class_ids, identities, tlwh_to_xyxy(rows.boxes_tlwh[kept])


def _frame_number(file: Path) -> int:
    try:
        return int(file.stem)
    except ValueError:
        raise InputError(f"{file}: frames of a sequence are named by number, such as 000001.jpg") from None
