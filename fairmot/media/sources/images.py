"""Frames from an image, a folder of images or a MOTChallenge sequence."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

from fairmot.errors import InputError
from fairmot.files import folder_name
from fairmot.formats.images import IMAGE_SUFFIXES, read_image
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
            listed, sequence_rate = sorted(path, key=_natural_key), None
            path = path[0].parent
            self.name = folder_name(path)
            numbers = list(range(len(listed)))
        elif path.is_dir():
            sequence, folder, sequence_rate, length = _sequence(path)
            self.name = folder_name(sequence)
            listed = _images(folder)
            if not listed:
                raise InputError(
                    f"{folder}: neither videos nor images ({', '.join(sorted(IMAGE_SUFFIXES))}) in this folder"
                )
            numbers = _frame_indices(listed, length)
        else:
            self.name, listed, sequence_rate, numbers = path.stem, [path], None, [0]
        # By frame index: a number in the millions must not make as many entries.
        self._files = dict(sorted(zip(numbers, listed, strict=True)))
        self.frame_rate = frame_rate or sequence_rate or DEFAULT_FRAME_RATE
        self.frame_count: int | None = max(self._files) + 1
        self.problem: str | None = None
        self._first = next((file for file in self._files.values() if _read(file) is not None), None)
        first = None if self._first is None else _read(self._first)
        if first is None:
            raise InputError(f"{path}: not an image that can be read")
        self.size = (first.shape[1], first.shape[0])

    def frames(self, selected: range) -> Generator[Frame]:
        """Yield the selected images; ``problem`` reports unreadable ones, which are left out, and other sizes."""
        expected = range(selected.start, min(selected.stop, max(self._files) + 1), selected.step)
        files = {index: file for index, file in self._files.items() if index in expected}
        unreadable = len(expected) - len(files)
        first = next((index for index in expected if index not in files), None) if unreadable else None
        differing: list[str] = []
        self.problem = self._describe(first, unreadable, differing)
        for index, file in files.items():
            image = _read(file)
            if image is None:
                first = index if first is None else min(first, index)
                unreadable += 1
                self.problem = self._describe(first, unreadable, differing)
                continue
            if image.shape[1::-1] != self.size:
                differing.append(f"{file}: {image.shape[1]} x {image.shape[0]} pixels")
                self.problem = self._describe(first, unreadable, differing)
                image = fitted(image, self.size)
            yield Frame(image, index, index / self.frame_rate)

    def _describe(self, first: int | None, unreadable: int, differing: list[str]) -> str | None:
        problems = []
        if first is not None:
            path = self._files.get(first) or _name_of(first, next(iter(self._files.values())))
            fault = "not an image that can be read" if path.exists() else "this image is missing"
            problems.append(f"{path}: {fault}{_such(unreadable)}; it was left out")
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
    files = (file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    return sorted((file for file in files if not file.name.startswith(".")), key=_natural_key)


def _frame_indices(files: list[Path], length: int) -> list[int]:
    """Return the frame index of each image: its number minus 1.

    They count in order where names lack distinct numbers, or where numbers exceed ``length`` frames.
    """
    numbers = [int(digits[-1]) if (digits := re.findall(r"[0-9]+", file.stem)) else 0 for file in files]
    if len(set(numbers)) < len(files) or min(numbers) < 1 or max(numbers) > length:
        return list(range(len(files)))
    return [number - 1 for number in numbers]


def _name_of(index: int, other: Path) -> Path:
    """Return the name that a missing image would have, after that of another one."""
    head, width, tail = re.split(r"([0-9]+)(?=[^0-9]*$)", other.stem)
    return other.with_name(f"{head}{index + 1:0{len(width)}}{tail}{other.suffix}")


def _natural_key(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if number % 2 else (0, part.lower()) for number, part in enumerate(parts)]


def _read(path: Path) -> ImageArray | None:
    try:
        return read_image(path)
    except OSError:
        return None
