"""Results of a test set in the layout of the benchmark's server: one zip.

MOTChallenge expects ``SEQUENCE.txt`` for each sequence in the archive's root (motchallenge.net/instructions).
DanceTrack expects the folder ``tracker`` with them, archived as ``tracker.zip`` (its README, "Competition").
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from fairmot.evaluation.benchmarks import Benchmark
from fairmot.files import replacing
from fairmot.formats.rows import load_rows

_MOT17_NAME = re.compile(r"(MOT17-\d+)(?:-(DPM|FRCNN|SDP))?")
_MOT17_DETECTORS = ("DPM", "FRCNN", "SDP")
# So that equal results make equal archives.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_submission(
    files: Mapping[str, Path], frame_counts: Mapping[str, int], benchmark: Benchmark, folder: Path
) -> Path:
    """Check result files and zip them.

    The server expects a MOT17 sequence once for each of its three public detectors. A tracker with its own detector has
    one result for all three: if only one of them was tracked, the file goes in under all three names.

    Args:
        files: sequence name -> result file.
        frame_counts: frames of each sequence.
        benchmark: whose server it is for.
        folder: where the archive goes: ``tracker.zip`` for DanceTrack, else ``<benchmark>.zip``.

    Raises:
        InputError: a line of a result file is wrong (see ``load_rows``).
    """
    for name, file in files.items():
        load_rows(file, frame_counts[name])
    inner = "tracker/" if benchmark.name == "DanceTrack" else ""
    path = folder / f"{'tracker' if inner else 'results' if benchmark.name == 'none' else benchmark.name}.zip"
    members = {f"{inner}{other}.txt": file for name, file in files.items() for other in _names(name, files, benchmark)}
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, file in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(member, _DATE), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return path


def _names(name: str, files: Mapping[str, Path], benchmark: Benchmark) -> list[str]:
    match = _MOT17_NAME.fullmatch(name)
    if benchmark.name != "MOT17" or match is None:
        return [name]
    siblings = [f"{match[1]}-{detector}" for detector in _MOT17_DETECTORS]
    return siblings if sum(sibling in files for sibling in siblings) <= 1 else [name]
