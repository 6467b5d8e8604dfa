"""The layout of JDE's DATA ZOO, which FairMOT uses: path lists, ``images/`` and ``labels_with_ids/``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from fairmot.data.annotations import label_file, read_labels, read_list
from fairmot.data.converters.output import ConversionSummary, LabelledImage, numbered_from_zero, write_set
from fairmot.errors import InputError


def convert_jde(src: Path, out: Path, name: str | None = None, *, root: Path | None = None) -> ConversionSummary:
    """Convert the images of one list: labels stay as they are, identities are renumbered from 0.

    Training reads this layout without conversion when ``data.json`` names the list. The converted set can be moved on
    its own, and its identities have no gaps.

    Args:
        src: a list such as ``mot17.train``, of paths like ``MOT17/images/train/MOT17-02-SDP/img1/000001.jpg``.
        out: folder that gets the converted set.
        name: name of the set; default: the name of the list.
        root: the folder to which the list's paths are relative; default: the list's own or one above it.

    Raises:
        InputError: no such list, images or labels that are missing, or a bad line in a label file.
    """
    if not src.is_file():
        raise InputError(f"{src}: no such list; give the file that names the images, such as mot17.train")
    folder = root if root is not None else _root(src)
    listed = read_list(src, folder)
    labels = [read_labels(folder / label_file(image)) for image in listed]
    rows = np.concatenate([np.zeros((0, 6)), *labels])
    rows[:, 1] = numbered_from_zero(rows[:, 1])
    blocks = np.split(rows, np.cumsum([len(each) for each in labels])[:-1])
    images = [LabelledImage(folder / image, _inside(image), block) for image, block in zip(listed, blocks, strict=True)]
    return write_set(out, name or src.name.removesuffix(".txt"), images)


def _root(src: Path) -> Path:
    first = next((line.strip() for line in src.read_text(encoding="utf-8").splitlines() if line.strip()), "")
    for folder in src.resolve().parents:
        if first and (folder / first).is_file():
            return folder
    raise InputError(f"{src} line 1: no image {first} in {src.parent} or a folder above it: give the root of its paths")


def _inside(image: PurePosixPath) -> PurePosixPath:
    """Return the path behind the first ``images``, where its label file goes too."""
    return PurePosixPath(*image.parts[image.parts.index("images") + 1 :])
