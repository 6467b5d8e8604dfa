"""The MOTChallenge benchmarks: which classes each of them leaves out, and which names belong to it."""

from __future__ import annotations

import re
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path

from fairmot.errors import InputError, closest_name
from fairmot.formats.classes import DISTRACTORS, MOT20_DISTRACTORS, PEDESTRIAN
from fairmot.formats.sequences import sequence_name


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What the pre-processing of a benchmark does (source: TrackEval, ``MotChallenge2DBox``)."""

    name: str
    has_classes: bool
    """Whether only pedestrians count, and results on distractors are removed."""
    distractors: tuple[int, ...] = ()
    """Classes whose matched results are neither right nor wrong."""


BENCHMARKS = {
    "MOT15": Benchmark("MOT15", has_classes=False),
    "MOT16": Benchmark("MOT16", has_classes=True, distractors=DISTRACTORS),
    "MOT17": Benchmark("MOT17", has_classes=True, distractors=DISTRACTORS),
    "MOT20": Benchmark("MOT20", has_classes=True, distractors=MOT20_DISTRACTORS),
    # Its ground truth holds dancers alone, class 1: TrackEval's rules of MOT17 then remove nothing.
    "DanceTrack": Benchmark("DanceTrack", has_classes=True),
    "none": Benchmark("none", has_classes=False),
}

# "MOT17-02-FRCNN", "MOT20", "2DMOT2015"
_STATED = re.compile(r"(?<![A-Z0-9])(?:2D)?MOT(?:20)?(15|16|17|20)(?!\d)", re.IGNORECASE)
_DANCETRACK = re.compile(r"(?<![A-Z0-9])dancetrack(?![A-Z])", re.IGNORECASE)
# The sequences of MOT15 carry the names of the data sets that they were taken from.
_MOT15_SEQUENCE = re.compile(
    r"(?:TUD-(?:Campus|Stadtmitte|Crossing)|PETS09-S\d+L\d+|ETH-[A-Z]\w*|ADL-Rundle-\d+|KITTI-\d+"
    r"|Venice-\d+|AVG-TownCentre)(?![A-Z0-9])",
    re.IGNORECASE,
)


def benchmark_of(name: str) -> str | None:
    """Return the benchmark that a sequence or folder name belongs to, or None."""
    if stated := _STATED.search(name):
        return f"MOT{stated.group(1)}"
    if _DANCETRACK.search(name):
        return "DanceTrack"
    return "MOT15" if _MOT15_SEQUENCE.match(name) else None


def choose_benchmark(wanted: str, sequence_folders: SequenceOf[Path]) -> Benchmark:
    """Return the benchmark of that name; ``"auto"`` takes it from the sequences' names, then from their folders'.

    Raises:
        InputError: no such benchmark; or, for ``"auto"``, the names belong to none or to several.
    """
    if wanted != "auto":
        by_lower = {name.lower(): benchmark for name, benchmark in BENCHMARKS.items()}
        if wanted.lower() not in by_lower:
            choices = ["auto", *BENCHMARKS]
            raise InputError(
                f"benchmark {wanted!r}: unknown{closest_name(wanted, choices)}; choose one of {', '.join(choices)}"
            )
        return by_lower[wanted.lower()]
    found = {sequence_name(folder): _benchmark_of_folder(folder) for folder in sequence_folders}
    names = {name for name in found.values() if name}
    unknown = [sequence for sequence, name in found.items() if not name]
    parent = sequence_folders[0].absolute().parent
    advice = f"choose the benchmark whose pre-processing applies: {', '.join(BENCHMARKS)}"
    if len(names) > 1:
        raise InputError(f"{parent}: sequences of {' and '.join(sorted(names))}; {advice}")
    if unknown:
        raise InputError(f"{parent}: the name {unknown[0]!r} belongs to no known benchmark; {advice}")
    return BENCHMARKS[names.pop()]


def check_classes(benchmark: Benchmark, classes: SequenceOf[int]) -> None:
    """Check that a benchmark scores these classes.

    Raises:
        InputError: it does not, or a class is negative, named twice, or there is none.
    """
    listed = ", ".join(map(str, classes))
    if not classes or min(classes) < 0 or len(set(classes)) < len(classes):
        raise InputError(f"classes {listed or '(none)'} of column 8: expected different class numbers")
    if benchmark.name == "MOT15":
        raise InputError("classes: MOT15 has none (its eighth column is a coordinate); use benchmark none")
    if benchmark.has_classes and list(classes) != [PEDESTRIAN]:
        raise InputError(
            f"{benchmark.name} scores pedestrians alone (1 in column 8), not {listed}; others need benchmark none"
        )


def _benchmark_of_folder(folder: Path) -> str | None:
    if own := benchmark_of(sequence_name(folder)):
        return own
    for parent in (*folder.absolute().parents, *folder.resolve().parents):
        # Only what names a benchmark: a folder called Venice-2 is a place.
        if _STATED.search(parent.name) or _DANCETRACK.search(parent.name):
            return benchmark_of(parent.name)
    return None
