"""PRW (Person Re-identification in the Wild): a ``.mat`` file for each frame."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.matlab import as_list, field, read_mat
from fairmot.data.converters.output import (
    ConversionSummary,
    LabelledImage,
    label_rows,
    numbered_from_zero,
    write_set,
)
from fairmot.data.image_files import image_size
from fairmot.errors import InputError

# The variable's name differs from file to file.
_VARIABLES = ("box_new", "anno_file", "anno_previous")


def convert_prw(src: Path, out: Path, name: str | None = None, *, split: str = "train") -> ConversionSummary:
    """Convert all people; those marked -2 (identity unknown) have no identity.

    Args:
        src: folder with ``frames``, ``annotations`` and ``frame_<split>.mat``.
        out: folder that gets the converted set.
        name: name of the set; default: prw with the split.
        split: train or test.

    Raises:
        InputError: a file or an image is missing or not in this format.
    """
    path = src / f"frame_{split}.mat"
    frames = [str(each) for each in as_list(field(read_mat(path), f"img_index_{split}", path))]
    blocks = [_read(src / "annotations" / f"{frame}.jpg.mat") for frame in frames]
    identities = numbered_from_zero(np.concatenate([np.zeros((0, 5)), *blocks])[:, 0])
    images, start = [], 0
    for frame, block in zip(frames, blocks, strict=True):
        image = src / "frames" / f"{frame}.jpg"
        corners = np.concatenate([block[:, 1:3], block[:, 1:3] + block[:, 3:5]], axis=1)
        rows = label_rows(corners, image_size(image), 0, identities[start : start + len(block)])
        images.append(LabelledImage(image, PurePosixPath(image.name), rows))
        start += len(block)
    return write_set(out, name or f"prw.{split}", images)


def _read(path: Path) -> NDArray[np.float64]:
    """Return rows [n, 5]: identity, left, top, width, height."""
    variables = read_mat(path)
    variable = next((each for each in _VARIABLES if each in variables), None)
    if variable is None:
        raise InputError(f"{path}: none of {', '.join(_VARIABLES)} in it: not an annotation of PRW")
    rows = np.asarray(variables[variable], dtype=np.float64)
    if rows.size % 5:
        raise InputError(
            f"{path}: {rows.size} numbers, expected 5 for each person (identity, left, top, width, height)"
        )
    return rows.reshape(-1, 5)
