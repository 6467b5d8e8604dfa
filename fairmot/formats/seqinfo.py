"""``seqinfo.ini`` of a MOTChallenge sequence: name, length, frame rate and size of the images."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path

from fairmot.errors import InputError
from fairmot.files import folder_name, replacing
from fairmot.formats.rows import MAX_FRAMES
from fairmot.formats.text import read_text

FILE = "seqinfo.ini"
MAX_FRAME_RATE = 1000.0
"""Frames a second; a higher rate is a mistake, such as a time in milliseconds."""
MIN_FRAME_RATE = 1e-4
"""Frames a second; a lower rate, less than a frame in three hours, is a mistake too."""
DEFAULT_IMAGE_FOLDER = "img1"


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """What ``seqinfo.ini`` says."""

    name: str
    """Name of the folder: the key of scores and of result files."""
    frame_count: int
    """Frames of the sequence (``seqLength``); every one of them counts. 0: not stated."""
    frame_rate: float | None = None
    """Frames a second (``frameRate``), ``MIN_FRAME_RATE`` to ``MAX_FRAME_RATE``."""
    image_size: tuple[int, int] | None = None
    """Width and height (``imWidth``, ``imHeight``), pixels."""
    image_folder: str = DEFAULT_IMAGE_FOLDER
    """Folder of the images, relative to the sequence (``imDir``)."""
    image_suffix: str | None = None
    """Suffix of the images, such as ``.jpg`` (``imExt``)."""


def has_info(folder: Path | str) -> bool:
    """Return whether the folder holds a ``seqinfo.ini``."""
    return (Path(folder) / FILE).is_file()


def image_folder(sequence_folder: Path | str) -> Path:
    """Return the folder of a sequence's images: ``imDir`` of ``seqinfo.ini``, else ``img1``; it need not exist.

    Raises:
        InputError: ``seqinfo.ini`` cannot be read (see ``load_info``).
    """
    folder = Path(sequence_folder)
    info = load_info(folder, needs_length=False) if has_info(folder) else None
    return folder / (DEFAULT_IMAGE_FOLDER if info is None else info.image_folder)


def load_info(sequence_folder: Path | str, *, needs_length: bool = True) -> SequenceInfo:
    """Read ``seqinfo.ini``.

    Args:
        sequence_folder: the folder that holds it.
        needs_length: whether ``seqLength`` must be there; without it ``frame_count`` is 0.

    Raises:
        InputError: the file is missing or not an INI file, a number is not one, ``seqLength`` is not in
            1..``MAX_FRAMES``, or ``frameRate`` is not in ``MIN_FRAME_RATE``..``MAX_FRAME_RATE``.
    """
    folder = Path(sequence_folder)
    path = folder / FILE
    try:
        text = read_text(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; it must give seqLength, the number of frames that count") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected [Sequence] with numbers") from error
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text, source=str(path))
        section = parser["Sequence"]
        frame_count = section.getint("seqLength")
        frame_rate = section.getfloat("frameRate")
        width, height = section.getint("imWidth"), section.getint("imHeight")
    except (configparser.Error, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: {reason}; expected [Sequence] with numbers") from error
    if frame_count is None and needs_length:
        raise InputError(f"{path}: seqLength is missing; it is the number of frames")
    if frame_count is not None and frame_count < 1:
        raise InputError(f"{path}: seqLength {frame_count} is less than 1; it is the number of frames")
    if frame_count is not None and frame_count > MAX_FRAMES:
        raise InputError(f"{path}: seqLength {frame_count} is too large (at most {MAX_FRAMES} frames)")
    if frame_rate is not None and not MIN_FRAME_RATE <= frame_rate <= MAX_FRAME_RATE:
        raise InputError(
            f"{path}: frameRate {frame_rate:g}, expected {MIN_FRAME_RATE:g} to {MAX_FRAME_RATE:g} frames a second"
        )
    return SequenceInfo(
        name=folder_name(folder),
        frame_count=frame_count or 0,
        frame_rate=frame_rate,
        image_size=(width, height) if width and height else None,
        image_folder=section.get("imDir") or DEFAULT_IMAGE_FOLDER,
        image_suffix=section.get("imExt") or None,
    )


def write_info(sequence_folder: Path | str, info: SequenceInfo, comment: str = "") -> None:
    """Write ``seqinfo.ini`` into a folder; what ``info`` does not know is left out.

    Args:
        sequence_folder: an existing folder.
        info: what to write.
        comment: text of a first line ``; comment``.
    """
    width, height = info.image_size or (None, None)
    values = {
        "name": info.name,
        "imDir": info.image_folder,
        "frameRate": None if info.frame_rate is None else f"{info.frame_rate:g}",
        "seqLength": info.frame_count or None,
        "imWidth": width,
        "imHeight": height,
        "imExt": info.image_suffix,
    }
    lines = [f"{key}={value}\n" for key, value in values.items() if value is not None]
    first = f"; {comment}\n" if comment else ""
    text = f"{first}[Sequence]\n{''.join(lines)}\n"
    with replacing(Path(sequence_folder) / FILE) as temporary:
        temporary.write_text(text, encoding="utf-8")
