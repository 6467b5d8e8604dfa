"""Score text files of any tracker against ground truth, sequences one after the other or in several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fairmot.evaluation.benchmarks import Benchmark, check_classes, choose_benchmark
from fairmot.evaluation.classic import classic_scores, combined_classic_scores, count_classic
from fairmot.evaluation.clear import Counts
from fairmot.evaluation.preprocessing import compare
from fairmot.evaluation.scores import Scores, SequenceCounts, combined_scores, count, sequence_scores
from fairmot.formats.halves import load_second_half
from fairmot.formats.motchallenge import Sequence, find_results, find_sequences, load_sequence, sequence_name

# A process takes most of a second to start; files of this many bytes take about as long to score.
BYTES_WORTH_A_PROCESS = 4_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in one sequence, by class (None: all boxes alike)."""

    name: str
    counts: dict[int | None, SequenceCounts]
    classic: dict[int | None, Counts]
    """The classic table's counts; empty where it was not wanted."""


def score(
    ground_truth: str | Path,
    results: str | Path,
    benchmark: str = "auto",
    *,
    classic: bool = False,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Score text files of any tracker: CLEAR, identity and HOTA, equal to TrackEval's numbers.

    Every frame of a sequence counts, also those without output; rows of the ground truth marked 0 do not.

    Args:
        ground_truth: folder in MOTChallenge layout (``SEQ/gt/gt.txt``, ``SEQ/seqinfo.ini``), or one sequence of it.
        results: folder with ``SEQ.txt`` for each sequence; for a single sequence the file itself will do.
        benchmark: whose pre-processing: ``MOT15``, ``MOT16``, ``MOT17``, ``MOT20``, ``DanceTrack``, ``none`` (custom
            folders); ``auto`` takes it from the names of sequences or folders.
        classic: also count the classic table (motmetrics' numbers; it names its columns as printed).
        half_val: score the second half of each sequence; results count its frames from 1 (see
            ``fairmot.formats.halves``).
        classes: score each of these classes by itself (column 8 of both files; -1 or no such column: class 1), and all
            of them together. Left out: pedestrians where the benchmark has classes, else all boxes alike.
        jobs: processes that share the sequences; 0: as many as pay off. More than one needs an importable main module
            (``if __name__ == "__main__":``).
        progress: called with the name of each sequence before it is scored, with several processes once it is.

    Returns:
        ``{"benchmark": name, "sequences": {name: {field: value}}, "combined": {field: value}}``, plain numbers and
        lists. Fields are TrackEval's; ratios are fractions of 1, counts are integers; of fields that TrackEval gives
        for each overlap threshold, ``NAME_alpha`` is the list and ``NAME`` the mean. With ``classic`` the entry
        ``"classic"`` holds ``sequences`` and ``combined`` of that table. With ``classes`` the entry ``"classes"`` holds
        such a report for each class; ``sequences`` and ``combined`` add the counts of all of them up, and
        ``"class_mean"`` is the mean of the classes' combined ratios (TrackEval's two ways of combining classes).

    Raises:
        InputError: something is missing or a line is wrong (file and line are named), the benchmark is unclear, or it
            has no such class.
    """
    folders = find_sequences(ground_truth)
    files = find_results(results, folders)
    rules = choose_benchmark(benchmark, folders)
    if classes is not None:
        check_classes(rules, classes)
    work = partial(count_files, rules=rules, classic=classic, half_val=half_val, classes=classes)
    counted = list(_counted(work, folders, files, jobs, progress))
    return report_of({each.name: each for each in counted}, rules, classes, half_val=half_val)


def count_files(
    folder: Path,
    file: Path,
    rules: Benchmark,
    classic: bool = False,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
) -> Counted:
    """Read one sequence and count it."""
    load = load_second_half if half_val else load_sequence
    return count_sequence(load(folder, file), rules, classic, classes)


def count_sequence(
    sequence: Sequence, rules: Benchmark, classic: bool = False, classes: SequenceOf[int] | None = None
) -> Counted:
    """Count one sequence, for each class by itself."""
    counts: dict[int | None, SequenceCounts] = {}
    classic_counts: dict[int | None, Counts] = {}
    wanted: SequenceOf[int | None] = classes or [None]
    for class_id in wanted:
        comparison = compare(sequence, rules, class_id)
        counts[class_id] = count(comparison)
        if classic:
            classic_counts[class_id] = count_classic(comparison)
    return Counted(sequence.info.name, counts, classic_counts)


def report_of(
    counted: Mapping[str, Counted],
    rules: Benchmark,
    classes: SequenceOf[int] | None = None,
    half_val: bool = False,
) -> dict[str, Any]:
    """Make the report that ``score`` returns out of counts by sequence."""
    report: dict[str, Any] = {"benchmark": rules.name, **({"half_val": True} if half_val else {})}
    if not classes:
        report.update(_scores_of_class(counted, None))
        return report
    by_class = {str(class_id): _scores_of_class(counted, class_id) for class_id in classes}
    every = [part for each in counted.values() for part in each.counts.values()]
    report["sequences"] = {name: combined_scores(list(each.counts.values())) for name, each in counted.items()}
    report["combined"] = combined_scores(every)
    if len(classes) == 1:
        report.update(by_class[str(classes[0])])
    elif any(each.classic for each in counted.values()):
        report["classic"] = {
            "sequences": {n: combined_classic_scores(list(each.classic.values())) for n, each in counted.items()},
            "combined": combined_classic_scores([part for each in counted.values() for part in each.classic.values()]),
        }
    report["class_mean"] = _mean_of_ratios([part["combined"] for part in by_class.values()])
    report["classes"] = by_class
    return report


def scored_classes(report: Mapping[str, Any]) -> list[int] | None:
    """Return the classes that a report was made for, one by one; None: all boxes alike."""
    return [int(class_id) for class_id in report["classes"]] if report.get("classes") else None


def _scores_of_class(counted: Mapping[str, Counted], class_id: int | None) -> dict[str, Any]:
    scores: dict[str, Any] = {
        "sequences": {name: sequence_scores(each.counts[class_id]) for name, each in counted.items()},
        "combined": combined_scores([each.counts[class_id] for each in counted.values()]),
    }
    if any(each.classic for each in counted.values()):
        scores["classic"] = {
            "sequences": {name: classic_scores(each.classic[class_id]) for name, each in counted.items()},
            "combined": combined_classic_scores([each.classic[class_id] for each in counted.values()]),
        }
    return scores


def _mean_of_ratios(parts: list[Scores]) -> Scores:
    ratios = [name for name, value in parts[0].items() if isinstance(value, float)]
    return {name: float(np.mean([part[name] for part in parts])) for name in ratios}


def _counted(
    work: Callable[[Path, Path], Counted],
    folders: list[Path],
    files: list[Path],
    jobs: int,
    progress: Callable[[str], None] | None,
) -> Iterator[Counted]:
    tell = progress or (lambda name: None)
    jobs = min(jobs or _jobs_that_pay_off(folders, files), len(folders))
    if jobs <= 1:
        for folder, file in zip(folders, files, strict=True):
            tell(sequence_name(folder))
            yield work(folder, file)
        return
    # Spawned, not forked: the caller's threads (an engine's) would be lost in the middle of what they do.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        # Large ones first, so that no process is left alone with one at the end; reported in the given order.
        order = sorted(range(len(folders)), key=lambda i: -files[i].stat().st_size)
        tasks = {i: pool.submit(work, folders[i], files[i]) for i in order}
        try:
            for i in range(len(folders)):
                counted = tasks[i].result()
                tell(counted.name)
                yield counted
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _jobs_that_pay_off(folders: list[Path], files: list[Path]) -> int:
    total = sum(file.stat().st_size for file in files)
    total += sum((folder / "gt" / "gt.txt").stat().st_size for folder in folders)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(max(1, min(available, total // BYTES_WORTH_A_PROCESS)))
