"""Frames from an image, a folder of images or a MOTChallenge sequence."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import numpy as np

from fairmot.errors import InputError
from fairmot.files import folder_name
from fairmot.formats.images import IMAGE_SUFFIXES, decode_image
from fairmot.formats.seqinfo import has_info, load_info
from fairmot.geometry import ImageArray
from fairmot.media.sources.frame import Frame, fitted
from fairmot.media.sources.source import StoredSource

# Folders have no rate of their own; the tracker's parameters are stated at 30 frames/s.
DEFAULT_FRAME_RATE = 30.0


class ImageSource(StoredSource):
    """Images in natural order (``2.jpg`` before ``10.jpg``); all frames have the size of the first readable one.

    A folder with ``seqinfo.ini`` (or whose parent has one) is a MOTChallenge sequence: its images lie in
    ``imDir``, its rate is ``frameRate``, its name is that of the sequence folder, or of the link that leads to it.
    File names with numbers in 1..``seqLength`` state the frame numbers: a missing image does not shift later ones.

    Args:
        path: an image, a folder, or the images of one folder.
        frame_rate: frames/s; left out: the sequence's, else 30.

    Raises:
        InputError: no image there, none that can be read, or a broken ``seqinfo.ini``.
    """

    def __init__(self, path: Path | list[Path], frame_rate: float | None = None) -> None:
        if isinstance(path, list):
            self._files, sequence_rate = sorted(path, key=_natural_key), None
            path = path[0].parent
            self.name = folder_name(path)
        elif path.is_dir():
            sequence, folder, sequence_rate, length = _sequence(path)
            self.name = folder_name(sequence)
            self._files = _images(folder)
            if not self._files:
                raise InputError(
                    f"{folder}: neither videos nor images ({', '.join(sorted(IMAGE_SUFFIXES))}) in this folder"
                )
            self._files = _by_frame_number(self._files, length)
        else:
            self.name, self._files, sequence_rate = path.stem, [path], None
        self.frame_rate = frame_rate or sequence_rate or DEFAULT_FRAME_RATE
        self.frame_count: int | None = len(self._files)
        self.problem: str | None = None
        self._first = next((file for file in self._files if _read(file) is not None), None)
        first = None if self._first is None else _read(self._first)
        if first is None:
            raise InputError(f"{path}: not an image that can be read")
        self.size = (first.shape[1], first.shape[0])

    def frames(self, selected: range) -> Generator[Frame]:
        """Yield the selected images; ``problem`` reports unreadable ones, which are left out, and other sizes."""
        self.problem = None
        unreadable: list[Path] = []
        differing: list[str] = []
        for index in selected:
            if index >= len(self._files):
                break
            file = self._files[index]
            image = _read(file)
            if image is None:
                unreadable.append(file)
                self.problem = self._describe(unreadable, differing)
                continue
            if image.shape[1::-1] != self.size:
                differing.append(f"{file}: {image.shape[1]} x {image.shape[0]} pixels")
                self.problem = self._describe(unreadable, differing)
                image = fitted(image, self.size)
            yield Frame(image, index, index / self.frame_rate)

    def _describe(self, unreadable: list[Path], differing: list[str]) -> str | None:
        problems = []
        if unreadable:
            fault = "not an image that can be read" if unreadable[0].exists() else "this image is missing"
            problems.append(f"{unreadable[0]}: {fault}{_such(len(unreadable))}; it was left out")
        if differing:
            problems.append(
                f"{differing[0]}, but {self._first} has {self.size[0]} x {self.size[1]}{_such(len(differing))}; "
                "frames of other sizes were fitted into that size"
            )
        return "; ".join(problems) or None


def _such(count: int) -> str:
    return f" ({count} such images)" if count > 1 else ""


def _sequence(path: Path) -> tuple[Path, Path, float | None, int]:
    """Return the sequence folder, the folder of its images, frames/s, and its stated number of frames (0: unknown)."""
    named = path if path.name not in ("", "..") else path.resolve()
    # The parent as the user wrote it comes first, since its name becomes the sequence's.
    for sequence in (path, named.parent, path.resolve().parent):
        if not has_info(sequence):
            continue
        info = load_info(sequence, needs_length=False)
        folder = sequence / info.image_folder
        if sequence == path or folder.resolve() == path.resolve():
            return sequence, folder, info.frame_rate, info.frame_count
    if (path / "img1").is_dir() and not _images(path):
        return path, path / "img1", None, 0
    return path, path, None, 0


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = (file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    return sorted((file for file in files if not file.name.startswith(".")), key=_natural_key)


def _by_frame_number(files: list[Path], length: int) -> list[Path]:
    """Put each image at its frame number minus 1; gaps hold the names that the missing images would have.

    The order stays where names lack distinct numbers, or where numbers exceed ``length`` frames.
    """
    numbers = [int(digits[-1]) if (digits := re.findall(r"[0-9]+", file.stem)) else 0 for file in files]
    if len(set(numbers)) < len(files) or min(numbers) < 1 or max(numbers) > length:
        return files
    first = files[0]
    head, width, tail = re.split(r"([0-9]+)(?=[^0-9]*$)", first.stem)
    placed = [
        first.with_name(f"{head}{number:0{len(width)}}{tail}{first.suffix}") for number in range(1, max(numbers) + 1)
    ]
    for number, file in zip(numbers, files, strict=True):
        placed[number - 1] = file
    return placed


def _natural_key(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if number % 2 else (0, part.lower()) for number, part in enumerate(parts)]


def _read(path: Path) -> ImageArray | None:
    # Not cv2.imread: on Windows it fails on names outside ASCII.
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError:
        return None
    return decode_image(data)
