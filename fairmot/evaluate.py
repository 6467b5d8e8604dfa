"""The journey from sequences to scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairmot.evaluation.benchmarks import choose_benchmark
from fairmot.evaluation.classic import classic_scores, combined_classic_scores, count_classic
from fairmot.evaluation.motchallenge import find_results, find_sequences, load_sequence
from fairmot.evaluation.preprocessing import compare
from fairmot.evaluation.scores import combined_scores, count, sequence_scores


def score(
    ground_truth: str | Path,
    results: str | Path,
    benchmark: str = "auto",
    *,
    classic: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Score text files of any tracker: CLEAR, identity and HOTA, equal to TrackEval's numbers.

    Every frame of a sequence counts, also those without output; rows of the ground truth marked 0 do not.

    Args:
        ground_truth: folder in MOTChallenge layout (``SEQ/gt/gt.txt``, ``SEQ/seqinfo.ini``), or one sequence of it.
        results: folder with ``SEQ.txt`` for each sequence; for a single sequence the file itself will do.
        benchmark: whose pre-processing: ``MOT15``, ``MOT16``, ``MOT17``, ``MOT20``, ``none``; ``auto`` takes it
            from the names of sequences or folders.
        classic: also count the classic table (motmetrics' numbers; it names its columns as printed).
        progress: called with the name of each sequence before it is scored.

    Returns:
        ``{"benchmark": name, "sequences": {name: {field: value}}, "combined": {field: value}}``, plain numbers and
        lists. Fields are TrackEval's; ratios are fractions of 1, counts are integers; of fields that TrackEval gives
        for each overlap threshold, ``NAME_alpha`` is the list and ``NAME`` the mean. With ``classic`` the entry
        ``"classic"`` holds ``sequences`` and ``combined`` of that table.

    Raises:
        InputError: something is missing or a line is wrong (file and line are named), or the benchmark is unclear.
    """
    folders = find_sequences(ground_truth)
    files = find_results(results, folders)
    rules = choose_benchmark(benchmark, folders)
    counts, classic_counts = {}, {}
    for folder, file in zip(folders, files, strict=True):
        sequence = load_sequence(folder, file)
        if progress:
            progress(sequence.info.name)
        comparison = compare(sequence, rules)
        counts[sequence.info.name] = count(comparison)
        if classic:
            classic_counts[sequence.info.name] = count_classic(comparison)
    report: dict[str, Any] = {
        "benchmark": rules.name,
        "sequences": {name: sequence_scores(counted) for name, counted in counts.items()},
        "combined": combined_scores(list(counts.values())),
    }
    if classic:
        report["classic"] = {
            "sequences": {name: classic_scores(counted) for name, counted in classic_counts.items()},
            "combined": combined_classic_scores(list(classic_counts.values())),
        }
    return report
