"""The MOTChallenge layout: ``SEQ/gt/gt.txt`` and ``SEQ/seqinfo.ini`` on one side, ``SEQ.txt`` on the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairmot.errors import InputError, closest_name
from fairmot.files import folder_name
from fairmot.formats.ground_truth import has_ground_truth, load_ground_truth
from fairmot.formats.rows import Rows, load_rows
from fairmot.formats.seqinfo import SequenceInfo, has_info

_TRACKEVAL_FOLDER = "data"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Ground truth and results of one sequence, as read, before any pre-processing."""

    info: SequenceInfo
    truth: Rows
    results: Rows


def sequence_name(sequence_folder: Path | str) -> str:
    """Return the name of a sequence in scores and result files: its folder's, or the link's where that is a link."""
    return folder_name(sequence_folder)


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
    if has_ground_truth(folder):
        return [folder]
    # Hidden folders are unfinished ones.
    found = sorted(child for child in folder.iterdir() if has_ground_truth(child) and not child.name.startswith("."))
    if not found:
        raise InputError(f"{folder}: no ground truth; expected gt/gt.txt, or SEQUENCE/gt/gt.txt, in it")
    return found


def find_test_sequences(dataset: Path | str) -> list[Path]:
    """Return the sequence folders, by name, of a set without any ground truth; none where some sequence has it.

    A folder with ``seqinfo.ini`` is a sequence.
    """
    folder = Path(dataset)
    candidates = [folder] if has_info(folder) else sorted(folder.glob("[!.]*/"))
    found = [child for child in candidates if has_info(child)]
    return [] if any(map(has_ground_truth, candidates)) else found


def find_results(results: Path | str, sequence_folders: list[Path]) -> list[Path]:
    """Return one result file for each sequence: ``results/SEQ.txt``, or the file itself for a single sequence.

    TrackEval keeps them in ``results/data/``, which is found too.

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
    inner = place / _TRACKEVAL_FOLDER
    if inner.is_dir() and not any((place / f"{sequence_name(folder)}.txt").is_file() for folder in sequence_folders):
        place = inner
    files = [place / f"{sequence_name(folder)}.txt" for folder in sequence_folders]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        hint = closest_name(missing[0], [path.name for path in place.glob("*.txt")])
        raise InputError(f"{place}: missing result file{'s' * (len(missing) > 1)} {', '.join(missing)}{hint}")
    return files


def load_sequence(sequence_folder: Path | str, results_file: Path | str) -> Sequence:
    """Read ground truth and results of one sequence.

    Raises:
        InputError: a file is missing or a line is wrong (see ``load_rows``).
    """
    info, truth = load_ground_truth(sequence_folder)
    return Sequence(info, truth, load_rows(results_file, info.frame_count))
