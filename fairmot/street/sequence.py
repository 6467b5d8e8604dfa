"""The street as a MOTChallenge sequence on disk."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import cv2

from fairmot.errors import InputError
from fairmot.formats.ground_truth import format_ground_truth, ground_truth_file
from fairmot.formats.seqinfo import DEFAULT_IMAGE_FOLDER, FILE, SequenceInfo, write_info
from fairmot.progress import Progress
from fairmot.street.render import CAMERA_HEIGHT_M, check_arguments, render_street

VISIBLE_ENOUGH = 0.1
"""Rows of people with less than this visible fraction have confidence 0: evaluation and training ignore them."""

JPEG_QUALITY = 92

_MARK = "rendered by fairmot"
"""Comment in the first line of ``seqinfo.ini``: other data sets have sequences of the very same layout."""

_OWN_FILES = re.compile(r"seqinfo\.ini|gt/gt\.txt|img1/[0-9]{6,}\.jpg")
_OWN_FOLDERS = frozenset({"gt", "img1"})


def write_street(
    out: Path,
    name: str | None = None,
    people: int = 12,
    frames: int = 250,
    seed: int = 0,
    size: tuple[int, int] = (960, 540),
    frame_rate: float = 25,
    camera_height: tuple[float, float] = CAMERA_HEIGHT_M,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Write ``out/name`` with ``img1/%06d.jpg``, ``gt/gt.txt`` and ``seqinfo.ini``.

    A row of ``gt.txt`` is ``frame,id,left,top,width,height,conf,class,visibility``: frames and identities from 1,
    the box in pixels from the image's corner, the whole body (hidden parts and parts outside the image included),
    class 1, conf 1, or 0 where less than ``VISIBLE_ENOUGH`` of the body is visible. People whose box does not meet the
    image have no row. The folder appears under its name when it is complete; one that it replaces stays until then.

    Args:
        out: parent folder.
        name: of the sequence; left out, ``street-<seed>``.
        people: see ``render_street``, like the next five.
        frames: length of the sequence.
        seed: number of the street.
        size: width and height, pixels.
        frame_rate: frames a second.
        camera_height: lowest and highest place of the camera, metres, inside 1.2 to 15; twice the same number fixes it.
        progress: called as ``progress("render", frames done, frames)`` after each frame.
        overwrite: replace a sequence that was rendered before; anything else in its place is an error all the same.

    Returns:
        The folder of the sequence.

    Raises:
        InputError: an argument is out of range, the folder exists and is not empty, or, with ``overwrite``, it is not
            a rendered sequence or holds something else besides.
    """
    check_arguments(people, frames, seed, size, frame_rate, camera_height)
    name = f"street-{seed}" if name is None else name
    if not name or Path(name).name != name:
        raise InputError(f"name: {name!r} is no folder name, choose one without slashes")
    target = Path(out) / name
    aside = target.with_name(f".{name}.old")
    if not target.exists() and _objection(aside) is None and aside.is_dir():
        aside.rename(target)  # an earlier run was stopped between its two renames
    _require_free(target, overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _write(temporary, name, people, frames, seed, size, frame_rate, camera_height, progress)
        _require_free(target, overwrite)  # once more, since rendering takes minutes
        _put_in_place(temporary, target, aside)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _put_in_place(new: Path, target: Path, aside: Path) -> None:
    """Rename ``new`` to ``target``; an existing one is moved aside first and deleted last."""
    if not target.exists():
        new.rename(target)
        return
    if aside.exists():
        _require_replaceable(aside, complete=False)  # an earlier run was stopped while it deleted
        shutil.rmtree(aside)
    try:
        target.rename(aside)
        new.rename(target)
    finally:
        if not target.exists():
            aside.rename(target)
    # Files that cannot be deleted, such as an open image on Windows, are left to the next run.
    shutil.rmtree(aside, ignore_errors=True)


def _require_free(target: Path, overwrite: bool) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())) and not overwrite:
        raise InputError(f"{target} exists already: choose another name or folder, or overwrite it")
    _require_replaceable(target)


def _require_replaceable(folder: Path, complete: bool = True) -> None:
    """Raise ``InputError`` unless the folder is absent, empty, or a rendered sequence, or (not complete) a part."""
    problem = _objection(folder, complete)
    if problem:
        raise InputError(f"{folder}: not replaced, since {problem}; move it away, or choose another name or folder")


def _objection(folder: Path, complete: bool = True) -> str | None:
    if folder.is_symlink():
        return "it is a link"
    if folder.exists() and not folder.is_dir():
        return "it is a file"
    contents = sorted(folder.rglob("*")) if folder.is_dir() else []
    foreign = [path for path in contents if not _is_own(path, path.relative_to(folder).as_posix())]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        return f"{foreign[0].relative_to(folder).as_posix()}{more} in it is no part of a rendered sequence"
    if not contents or not complete:
        return None
    information = folder / FILE
    if not information.is_file():
        return "it holds no seqinfo.ini of a rendered sequence"
    if not information.read_bytes().startswith(f"; {_MARK}".encode()):
        return "its seqinfo.ini is not that of a rendered sequence"
    return None


def _is_own(path: Path, name: str) -> bool:
    if path.is_symlink():
        return False
    return name in _OWN_FOLDERS if path.is_dir() else _OWN_FILES.fullmatch(name) is not None


def _write(
    folder: Path,
    name: str,
    people: int,
    frames: int,
    seed: int,
    size: tuple[int, int],
    frame_rate: float,
    camera_height: tuple[float, float],
    progress: Progress | None,
) -> None:
    images = folder / DEFAULT_IMAGE_FOLDER
    images.mkdir(parents=True)
    truth = ground_truth_file(folder)
    truth.parent.mkdir()
    with truth.open("w", encoding="utf-8") as file:
        rendered = render_street(people, frames, seed, size, frame_rate, camera_height)
        for number, frame in enumerate(rendered, start=1):
            path = images / f"{number:06d}.jpg"
            done, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            if not done:
                raise OSError(f"{path} could not be encoded")
            path.write_bytes(data.tobytes())
            counted = frame.visibility >= VISIBLE_ENOUGH
            file.write(format_ground_truth(number, frame.ids, frame.boxes_tlwh, counted, frame.visibility))
            if progress is not None:
                progress("render", number, frames)
    write_info(folder, SequenceInfo(name, frames, frame_rate, size, image_suffix=".jpg"), _MARK)
