"""The MOTChallenge layout: SEQ/gt/gt.txt and SEQ/seqinfo.ini on one side, SEQ.txt on the other."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path

from fairmot.errors import InputError, closest_name
from fairmot.files import folder_name
from fairmot.formats.rows import MAX_FRAMES, Rows, load_rows


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """What ``seqinfo.ini`` says."""

    name: str
    """Name of the folder: the key of scores and of result files."""
    frame_count: int
    """Frames of the sequence (``seqLength``); every one of them counts."""
    frame_rate: float | None = None
    """Frames a second."""
    image_size: tuple[int, int] | None = None
    """Width and height, pixels."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Ground truth and results of one sequence, as read, before any pre-processing."""

    info: SequenceInfo
    truth: Rows
    results: Rows


def sequence_name(sequence_folder: Path | str) -> str:
    """The name by which scores and result files know a sequence: its folder's, or the link's where that is a link."""
    return folder_name(sequence_folder)


def load_info(sequence_folder: Path | str) -> SequenceInfo:
    """Read ``seqinfo.ini``.

    Raises:
        InputError: the file is missing, or it has no usable ``seqLength``.
    """
    folder = Path(sequence_folder)
    path = folder / "seqinfo.ini"
    if not path.is_file():
        raise InputError(f"{path}: missing; it must give seqLength, the number of frames that count")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), source=str(path))
        section = parser["Sequence"]
        frame_count = section.getint("seqLength")
        frame_rate = section.getfloat("frameRate")
        width, height = section.getint("imWidth"), section.getint("imHeight")
    except (configparser.Error, KeyError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}; expected [Sequence] with numbers") from error
    if frame_count is None or frame_count < 1:
        raise InputError(f"{path}: seqLength is missing or less than 1; it is the number of frames")
    if frame_count > MAX_FRAMES:
        raise InputError(f"{path}: seqLength {frame_count} is no video's (at most {MAX_FRAMES})")
    size = (width, height) if width and height else None
    return SequenceInfo(sequence_name(folder), frame_count, frame_rate, size)


def is_sequence(folder: Path | str) -> bool:
    """Whether the folder holds ground truth at ``gt/gt.txt``."""
    return (Path(folder) / "gt" / "gt.txt").is_file()


def find_sequences(ground_truth: Path | str) -> list[Path]:
    """Return the sequence folders, by name, of a data set; or the one folder that is given.

    Raises:
        InputError: nothing there has a ``gt/gt.txt``.
    """
    folder = Path(ground_truth)
    if folder.is_file() and folder.name == "gt.txt" and folder.parent.name == "gt":
        folder = folder.parent.parent
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a data set or a sequence in MOTChallenge layout")
    if is_sequence(folder):
        return [folder]
    # Hidden folders are unfinished ones.
    found = sorted(child for child in folder.iterdir() if is_sequence(child) and not child.name.startswith("."))
    if not found:
        raise InputError(f"{folder}: no ground truth; expected gt/gt.txt, or SEQUENCE/gt/gt.txt, in it")
    return found


def find_test_sequences(dataset: Path | str) -> list[Path]:
    """Return the sequence folders, by name, of a set without any ground truth; none where some sequence has it.

    A folder with ``seqinfo.ini`` is a sequence.
    """
    folder = Path(dataset)
    candidates = [folder] if (folder / "seqinfo.ini").is_file() else sorted(folder.glob("[!.]*/"))
    found = [child for child in candidates if (child / "seqinfo.ini").is_file()]
    return [] if any(map(is_sequence, candidates)) else found


def find_results(results: Path | str, sequence_folders: list[Path]) -> list[Path]:
    """Return one result file for each sequence: ``results/SEQ.txt``, or the file itself for a single sequence.

    Raises:
        InputError: a file is missing (all missing ones are named).
    """
    place = Path(results)
    if place.is_file():
        if len(sequence_folders) != 1:
            names = ", ".join(map(sequence_name, sequence_folders[:3]))
            raise InputError(
                f"{place}: one file for {len(sequence_folders)} sequences ({names} ...); "
                "give the folder that holds SEQUENCE.txt for each"
            )
        return [place]
    if not place.is_dir():
        raise InputError(f"{place}: no such file or folder; give the folder that holds SEQUENCE.txt")
    files = [place / f"{sequence_name(folder)}.txt" for folder in sequence_folders]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        hint = closest_name(missing[0], [path.name for path in place.glob("*.txt")])
        raise InputError(f"{place}: missing result file{'s' * (len(missing) > 1)} {', '.join(missing)}{hint}")
    return files


def load_ground_truth(sequence_folder: Path | str) -> tuple[SequenceInfo, Rows]:
    """Read ``seqinfo.ini`` and ``gt/gt.txt`` of a sequence, all rows: also ignored ones and other classes.

    Raises:
        InputError: a file is missing or a line is wrong (see ``load_rows``).
    """
    folder = Path(sequence_folder)
    info = load_info(folder)
    return info, load_rows(folder / "gt" / "gt.txt", info.frame_count)


def load_sequence(sequence_folder: Path | str, results_file: Path | str) -> Sequence:
    """Read ground truth and results of one sequence.

    Raises:
        InputError: a file is missing or a line is wrong (see ``load_rows``).
    """
    info, truth = load_ground_truth(sequence_folder)
    return Sequence(info, truth, load_rows(results_file, info.frame_count))
