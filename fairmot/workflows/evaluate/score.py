"""Workflow ``score``. Text files of any tracker against ground truth, one after the other or in several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from fairmot.evaluation.benchmarks import Benchmark, check_classes, choose_benchmark
from fairmot.evaluation.scoring import Counted, count_sequence, report_of
from fairmot.formats.ground_truth import ground_truth_file
from fairmot.formats.halves import load_second_half
from fairmot.formats.sequences import find_results, find_sequences, load_sequence
from fairmot.progress import Progress

# A process takes most of a second to start; files of this many bytes take about as long to score.
BYTES_WORTH_A_PROCESS = 4_000_000


def score(
    ground_truth: str | Path,
    results: str | Path,
    benchmark: str = "auto",
    *,
    classic: bool = False,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score text files of any tracker: CLEAR, identity and HOTA, equal to TrackEval's numbers.

    Every frame of a sequence counts, also one without output. Rows of the ground truth with confidence 0 do not count.

    Args:
        ground_truth: folder in MOTChallenge layout (``SEQ/gt/gt.txt``, ``SEQ/seqinfo.ini``), or one sequence of it.
        results: folder with ``SEQ.txt`` for each sequence; or the file of a single sequence.
        benchmark: whose pre-processing: ``MOT15``, ``MOT16``, ``MOT17``, ``MOT20``, ``DanceTrack``, ``none`` (custom
            folders); ``auto`` takes it from the names of sequences or folders.
        classic: also count the classic table (motmetrics' numbers; it names its columns as printed).
        half_val: score the second half of each sequence; results count its frames from 1 (see
            ``fairmot.formats.halves``).
        classes: score each of these classes by itself (column 8 of both files; -1 or no such column: class 1), and all
            of them together. Default: pedestrians where the benchmark has classes, else all boxes alike.
        jobs: processes that share the sequences; 0: as many as pay off. More than one needs an importable main module
            (``if __name__ == "__main__":``).
        progress: called as ``progress("sequences", sequences done, sequences)`` after each sequence.

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
    counted, rules = count_results(
        ground_truth,
        results,
        benchmark,
        classic=classic,
        half_val=half_val,
        classes=classes,
        jobs=jobs,
        progress=progress,
    )
    return report_of(counted, rules, classes, half_val=half_val)


def count_results(
    ground_truth: str | Path,
    results: str | Path,
    benchmark: str = "auto",
    *,
    classic: bool = False,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[dict[str, Counted], Benchmark]:
    """Return what is counted in each sequence, and the benchmark's rules; arguments and errors as ``score``."""
    folders = find_sequences(ground_truth)
    files = find_results(results, folders)
    rules = choose_benchmark(benchmark, folders)
    if classes is not None:
        check_classes(rules, classes)
    work = partial(count_files, rules=rules, classic=classic, half_val=half_val, classes=classes)
    counted: list[Counted] = []
    for each in _counted(work, folders, files, jobs):
        counted.append(each)
        if progress is not None:
            progress("sequences", len(counted), len(folders))
    return {each.name: each for each in counted}, rules


def count_files(
    folder: Path,
    file: Path,
    rules: Benchmark,
    classic: bool = False,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
) -> Counted:
    """Read one sequence and its results, and count."""
    load = load_second_half if half_val else load_sequence
    return count_sequence(load(folder, file), rules, classic, classes)


def _counted(
    work: Callable[[Path, Path], Counted],
    folders: list[Path],
    files: list[Path],
    jobs: int,
) -> Iterator[Counted]:
    jobs = min(jobs or _jobs_that_pay_off(folders, files), len(folders))
    if jobs <= 1:
        for folder, file in zip(folders, files, strict=True):
            yield work(folder, file)
        return
    # Spawned, not forked: the caller's threads (an engine's) would be lost in the middle of what they do.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        # Large ones first, so that no process is left alone with one at the end; reported in the given order.
        order = sorted(range(len(folders)), key=lambda i: -files[i].stat().st_size)
        tasks = {i: pool.submit(work, folders[i], files[i]) for i in order}
        try:
            for i in range(len(folders)):
                yield tasks[i].result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _jobs_that_pay_off(folders: list[Path], files: list[Path]) -> int:
    total = sum(file.stat().st_size for file in files)
    total += sum(ground_truth_file(folder).stat().st_size for folder in folders)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(max(1, min(available, total // BYTES_WORTH_A_PROCESS)))
