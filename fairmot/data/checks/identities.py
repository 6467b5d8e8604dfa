"""Check identities across the images of a set: twice in an image, jumps in a video, one number in two videos."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.checks.findings import DataFinding

# Image, its label file, rows [n, 6], the line of each row [n], the image's size in pixels if it is known.
Labelled = tuple[PurePosixPath, Path, NDArray[np.float64], NDArray[np.int64], tuple[int, int] | None]

# No person moves this many times the longer side of their box from one frame to the next: at 10 frames/s and a height
# of 1.7 m that would be 25 m/s.
_JUMP = 1.5
# 000001, frame_000001 (CVAT), I00001 (CalTech). Other names, such as s1, often number single photographs.
_FRAME = re.compile(r"(?:frame_|I)?(\d{1,15})")
_USUAL_SIZE = (1920, 1080)
_MOST_NAMED = 8


def check_identities(images: Sequence[Labelled]) -> Iterator[DataFinding]:
    """Find the faults in the identities of one set.

    A video is a folder whose images have the names of frames (``000001``, ``frame_000001``, ``I00001``), and two of
    its images whose numbers follow each other are consecutive frames.
    """
    rows = np.concatenate([np.zeros((0, 6)), *(each[2] for each in images)])
    lines = np.concatenate([np.zeros(0, np.int64), *(each[3] for each in images)])
    image = np.repeat(np.arange(len(images)), [len(each[2]) for each in images])
    known = (rows[:, 1] >= 0) & (rows[:, 0] >= 0)
    rows, lines, image = rows[known], lines[known], image[known]
    identity = rows[:, 1].astype(np.int64)

    order = np.lexsort((lines, image, identity))
    first, second = order[:-1], order[1:]
    twice = (identity[first] == identity[second]) & (image[first] == image[second])
    # In the order of the files.
    for a, b in sorted(zip(first[twice].tolist(), second[twice].tolist(), strict=True), key=lambda pair: pair[1]):
        message = f"identity {identity[b]} is also in line {lines[a]}"
        yield DataFinding("identity twice", images[image[b]][1], int(lines[b]), message)

    folders: dict[PurePosixPath, int] = {}
    video = np.array([folders.setdefault(each[0].parent, len(folders)) for each in images], dtype=np.int64)
    matches = [_FRAME.fullmatch(each[0].stem) for each in images]
    frame = np.array([int(match[1]) if match else -1 for match in matches], dtype=np.int64)
    if not (frame >= 0).any():
        return
    yield from _jumps(images, rows, lines, image, video, frame)
    yield from _shared(images, identity, image, video, frame, list(folders))


def _jumps(
    images: Sequence[Labelled],
    rows: NDArray[np.float64],
    lines: NDArray[np.int64],
    image: NDArray[np.int64],
    video: NDArray[np.int64],
    frame: NDArray[np.int64],
) -> Iterator[DataFinding]:
    order = np.lexsort((frame[image], video[image], rows[:, 1]))
    first, second = order[:-1], order[1:]
    follows = (
        (rows[first, 1] == rows[second, 1])
        & (video[image[first]] == video[image[second]])
        & (frame[image[first]] >= 0)
        & (frame[image[second]] - frame[image[first]] == 1)
    )
    first, second = first[follows], second[follows]
    # Both frames have the same size; it is unknown for an image that cannot be read.
    known = [images[b][4] or images[a][4] or _USUAL_SIZE for a, b in zip(image[first], image[second], strict=True)]
    size = np.array(known, dtype=np.float64).reshape(-1, 2)
    moved = np.linalg.norm((rows[second, 2:4] - rows[first, 2:4]) * size, axis=1)
    longest = (np.maximum(rows[first, 4:6], rows[second, 4:6]) * size).max(axis=1)
    far = np.flatnonzero(moved > _JUMP * longest)
    for index in far[np.argsort(second[far])].tolist():
        b = second[index]
        message = (
            f"identity {rows[b, 1]:.0f} moved {moved[index]:.0f} px from the frame before, "
            f"{moved[index] / longest[index]:.1f} times its size"
        )
        yield DataFinding("identity jumps", images[image[b]][1], int(lines[b]), message)


def _shared(
    images: Sequence[Labelled],
    identity: NDArray[np.int64],
    image: NDArray[np.int64],
    video: NDArray[np.int64],
    frame: NDArray[np.int64],
    folders: Sequence[PurePosixPath],
) -> Iterator[DataFinding]:
    in_video = frame[image] >= 0
    pairs = np.unique(np.stack([identity[in_video], video[image[in_video]]], axis=1), axis=0)
    again = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0]) + 1
    for number in np.unique(pairs[again, 1]).tolist():
        here = again[pairs[again, 1] == number]
        shared = pairs[here, 0].tolist()
        others = ", ".join(str(folders[other]) for other in np.unique(pairs[here - 1, 1])[:_MOST_NAMED])
        names = ", ".join(map(str, shared[:_MOST_NAMED])) + (" ..." if len(shared) > _MOST_NAMED else "")
        message = f"{len(shared)} identities ({names}) are also in {others}: the same people, or reused numbers?"
        yield DataFinding("identity in two videos", images[int(np.argmax(video == number))][1].parent, None, message)
