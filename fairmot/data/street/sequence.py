"""The street as a MOTChallenge sequence on disk."""

from __future__ import annotations

import configparser
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2

from fairmot.data.street.compose import StreetFrame
from fairmot.data.street.render import CAMERA_HEIGHT_M, check_arguments, render_street
from fairmot.errors import InputError

VISIBLE_ENOUGH = 0.1
"""Rows of people of whom less than this share is visible have confidence 0: evaluation and training ignore them."""

JPEG_QUALITY = 92


def write_street(
    out: Path,
    name: str | None = None,
    people: int = 12,
    frames: int = 250,
    seed: int = 0,
    size: tuple[int, int] = (960, 540),
    frame_rate: float = 25,
    camera_height: tuple[float, float] = CAMERA_HEIGHT_M,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write ``out/name`` with ``img1/%06d.jpg``, ``gt/gt.txt`` and ``seqinfo.ini``.

    A row of ``gt.txt`` is ``frame,id,left,top,width,height,conf,class,visibility``: frames and identities from 1,
    the box in pixels from the picture's corner, the whole body (hidden parts and parts outside the picture included),
    class 1, conf 1, or 0 where less than ``VISIBLE_ENOUGH`` of the body is visible. People whose
    box does not meet the picture have no row. The folder appears under its name when it is complete.

    Args:
        out: parent folder.
        name: of the sequence; left out, ``street-<seed>``.
        people: see ``render_street``, like the next five.
        frames: length.
        seed: which street.
        size: width and height, pixels.
        frame_rate: frames a second.
        camera_height: range, metres.
        progress: called with (frames done, frames in all).
        overwrite: replace an existing sequence.

    Returns:
        The folder of the sequence.

    Raises:
        InputError: an argument is out of range, or the folder exists and is not empty.
    """
    check_arguments(people, frames, seed, size, frame_rate, camera_height)
    name = f"street-{seed}" if name is None else name
    if not name or Path(name).name != name:
        raise InputError(f"name: {name!r} is no folder name, choose one without slashes")
    target = Path(out) / name
    if target.exists() and (not target.is_dir() or any(target.iterdir())) and not overwrite:
        raise InputError(f"{target} exists already: choose another name or folder, or overwrite it")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _write(temporary, name, people, frames, seed, size, frame_rate, camera_height, progress)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _write(
    folder: Path,
    name: str,
    people: int,
    frames: int,
    seed: int,
    size: tuple[int, int],
    frame_rate: float,
    camera_height: tuple[float, float],
    progress: Callable[[int, int], None] | None,
) -> None:
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    with (folder / "gt" / "gt.txt").open("w", encoding="utf-8") as file:
        rendered = render_street(people, frames, seed, size, frame_rate, camera_height)
        for number, frame in enumerate(rendered, start=1):
            path = folder / "img1" / f"{number:06d}.jpg"
            done, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            if not done:
                raise OSError(f"{path} could not be encoded")
            path.write_bytes(data.tobytes())
            file.writelines(_rows(number, frame))
            if progress is not None:
                progress(number, frames)
    information = configparser.ConfigParser()
    information.optionxform = str  # type: ignore[assignment,method-assign]
    information["Sequence"] = {
        "name": name,
        "imDir": "img1",
        "frameRate": f"{frame_rate:g}",
        "seqLength": str(frames),
        "imWidth": str(size[0]),
        "imHeight": str(size[1]),
        "imExt": ".jpg",
    }
    with (folder / "seqinfo.ini").open("w", encoding="utf-8") as file:
        information.write(file, space_around_delimiters=False)


def _rows(number: int, frame: StreetFrame) -> list[str]:
    rows = []
    for identity, box, share in zip(frame.ids, frame.boxes_tlwh, frame.visibility, strict=True):
        left, top, width, height = box
        place = f"{left:.2f},{top:.2f},{width:.2f},{height:.2f}"
        rows.append(f"{number},{identity},{place},{int(share >= VISIBLE_ENOUGH)},1,{share:.4f}\n")
    return rows
