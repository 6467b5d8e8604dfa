"""MOTChallenge sequences: ``img1/``, ``gt/gt.txt`` and ``seqinfo.ini``."""

from __future__ import annotations

import configparser
import re
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

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
from fairmot.errors import InputError

PEDESTRIAN = 1
# Classes that MOTChallenge counts neither as right nor as wrong: on a vehicle, static, distractor, reflection.
DISTRACTORS = (2, 7, 8, 12)
# MOT20 adds vehicles without motor, since people ride on them.
MOT20_DISTRACTORS = (*DISTRACTORS, 6)
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
    """Convert sequences with identities: rows of conf 1 and, where there are classes, of class 1.

    MOT15 rows have ten columns and no class; MOT16, 17 and 20 rows have nine, with class and visibility. Identities
    are numbered anew without gaps, those of one sequence behind those of the sequences before it. Positions are taken
    as they are, like the published code does and as results are written: no shift by a pixel. Of the copies of a
    MOT17 sequence that differ in the detector, the first is taken. Frames without rows are images of nobody.

    Args:
        src: a sequence, or a folder of sequences.
        out: folder that gets the converted set.
        name: name of the set; default: that of ``src``, with the half.
        half: train or val: that part of each sequence alone. Of n frames the first n // 2 + 1 are for training, as
            published (2664 and 2652 images of MOT17).
        distractors: make distractors and rows of conf 0 ignore regions.
        min_visibility: people who are seen less become ignore regions (MOT16, 17, 20).

    Raises:
        InputError: no sequences, a bad line, or a row for a frame that has no image.
    """
    if half not in (None, "train", "val"):
        raise InputError(f"{half}: the halves are called train and val")
    images: list[LabelledImage] = []
    start = 0
    for sequence in _sequences(src):
        files = find_images(sequence / "img1")
        numbers = [_frame_number(file) for file in files]
        columns = _read(sequence, distractors, min_visibility)
        foreign = np.setdiff1d(columns[0], numbers)
        if len(foreign):
            raise InputError(f"{sequence / 'gt/gt.txt'}: rows for frame {foreign[0]:.0f}, which has no image in img1")
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


def half_range(length: int, half: str) -> tuple[int, int]:
    """Return the first frame index of a half (train or val) of a sequence, and the one behind its last."""
    return (0, length // 2 + 1) if half == "train" else (length // 2 + 1, length)


def _sequences(src: Path) -> list[Path]:
    if not src.is_dir():
        raise InputError(f"{src}: no such folder")
    if (src / "gt" / "gt.txt").is_file():
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
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return frame numbers, classes (0 or ignored), identities (-1 where ignored) and corners of the rows to keep."""
    path = sequence / "gt" / "gt.txt"
    rows = read_rows(path)
    positions = rows[:, 2:6]
    has_class = rows.shape[1] in (8, 9)
    category = rows[:, 7] if has_class else np.full(len(rows), PEDESTRIAN)
    visibility = rows[:, 8] if rows.shape[1] == 9 else np.ones(len(rows))
    counted = rows[:, 6] != 0
    is_person = counted & (category == PEDESTRIAN)
    is_hidden = is_person & (visibility < min_visibility)
    uncounted = MOT20_DISTRACTORS if sequence.name.startswith("MOT20") else DISTRACTORS
    is_region = is_hidden | (distractors & (np.isin(category, uncounted) | (~counted & (category == PEDESTRIAN))))
    kept = is_person | is_region
    class_ids = np.where(is_region, IGNORE_CLASS, 0).astype(np.float64)[kept]
    identities = np.where(is_region, -1, rows[:, 1])[kept]
    boxes_xyxy = np.concatenate([positions[:, :2], positions[:, :2] + positions[:, 2:]], axis=1)[kept]
    return rows[kept, 0], class_ids, identities, boxes_xyxy


def _frame_number(file: Path) -> int:
    try:
        return int(file.stem)
    except ValueError:
        raise InputError(f"{file}: frames of a sequence are named by number, such as 000001.jpg") from None


def _image_size(sequence: Path, first: Path) -> tuple[int, int]:
    """Return width and height from ``seqinfo.ini``, or else of the first frame."""
    info = configparser.ConfigParser()
    try:
        info.read(sequence / "seqinfo.ini", encoding="utf-8")
        return (info.getint("Sequence", "imWidth"), info.getint("Sequence", "imHeight"))
    except (configparser.Error, ValueError):
        return image_size(first)
