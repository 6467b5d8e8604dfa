"""Workflow ``score`` of several trackers: each one's report, differences from the first, intervals over sequences."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.evaluation.bootstrap import COVERAGE, DRAWS, intervals, resampled_scores
from fairmot.evaluation.differences import differences
from fairmot.evaluation.scoring import report_of
from fairmot.progress import Progress
from fairmot.workflows.evaluate.score import count_results


def compare_trackers(
    ground_truth: str | Path,
    results: SequenceOf[str | Path],
    names: SequenceOf[str] | None = None,
    benchmark: str = "auto",
    *,
    classic: bool = False,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
    jobs: int = 1,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score several trackers on the same sequences.

    Args:
        ground_truth: as for ``score``.
        results: results of each tracker, as for ``score``.
        names: name of each; left out: those of their folders or files.
        benchmark: as for ``score``.
        classic: as for ``score``.
        half_val: as for ``score``.
        classes: as for ``score``.
        jobs: as for ``score``.
        draws: of the bootstrap over sequences.
        progress: called as ``progress("NAME: sequences", done, total)``.

    Returns:
        ``{"benchmark", "coverage": 0.95, "trackers": [{"name", "results", "report", "intervals"}, ...]}``. ``report``
        is that of ``score``; ``intervals`` is ``{field: [low, high]}``, or None for a single sequence. All but the
        first also have ``differences`` from it, as ``fairmot.evaluation.differences`` returns them, and their
        ``difference_intervals``.

    Raises:
        InputError: as ``score``; two trackers have one name, or there is another number of names.
    """
    shown = tracker_names(results, names)
    counted = []
    for name, place in zip(shown, results, strict=True):

        def step(what: str, done: int, total: int | None, name: str = name) -> None:
            if progress is not None:
                progress(f"{name}: {what}", done, total)

        counted.append(
            count_results(
                ground_truth,
                place,
                benchmark,
                classic=classic,
                half_val=half_val,
                classes=classes,
                jobs=jobs,
                progress=step,
            )
        )
    reports = [report_of(parts, rules, classes, half_val=half_val) for parts, rules in counted]
    samples = resampled_scores([parts for parts, _ in counted], draws)
    trackers: list[dict[str, Any]] = []
    for number, (name, place, report) in enumerate(zip(shown, results, reports, strict=True)):
        entry: dict[str, Any] = {"name": name, "results": str(place), "report": report}
        entry["intervals"] = None if samples is None else intervals(samples, number)
        if number:
            entry["differences"] = differences(reports[0], report)
            entry["difference_intervals"] = None if samples is None else intervals(samples, number, base=0)
        trackers.append(entry)
    return {"benchmark": reports[0]["benchmark"], "coverage": COVERAGE, "trackers": trackers}


def tracker_names(results: SequenceOf[str | Path], names: SequenceOf[str] | None) -> list[str]:
    """Return a name for each tracker.

    Raises:
        InputError: another number of names than of results, or a name twice.
    """
    if names is None:
        paths = [Path(place) for place in results]
        found = [path.stem if path.is_file() else path.resolve().name for path in paths]
        return found if len(set(found)) == len(found) else [str(path) for path in paths]
    if len(names) != len(results):
        raise InputError(f"{len(names)} names for {len(results)} results; give one for each", argument="names")
    twice = next((name for name in names if list(names).count(name) > 1 or not name), None)
    if twice is not None:
        raise InputError(f"{twice!r}: give each tracker a name of its own", argument="names")
    return list(names)
