"""A run beside its ground truth: what is wrong where, and scores where the run has none yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairmot.errors import InputError, closest_name
from fairmot.evaluation.benchmarks import Benchmark, choose_benchmark
from fairmot.evaluation.motchallenge import Sequence, find_sequences, load_sequence, sequence_name
from fairmot.evaluation.preprocessing import Comparison, compare
from fairmot.evaluation.scores import combined_scores, count, sequence_scores
from fairmot.report.errors import Errors, find_errors
from fairmot.report.run_folder import RunFolder

_MUST_AGREE = ("CLR_TP", "CLR_FP", "CLR_FN", "IDSW", "Frag")


@dataclass(frozen=True, slots=True)
class JudgedSource:
    """One source and what is wrong in it."""

    folder: Path
    """Its sequence in the ground truth."""
    sequence: Sequence
    comparison: Comparison
    errors: Errors


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """All sources by name, and the scores of the run."""

    sources: dict[str, JudgedSource]
    scores: dict[str, Any]


def judge(run: RunFolder, ground_truth: Path | str, benchmark: str = "auto") -> JudgedRun:
    """Compare a run with its ground truth.

    Args:
        run: the run.
        ground_truth: data set, or one sequence, in MOTChallenge layout.
        benchmark: whose pre-processing; ``auto``: that of the run's own scores, else as in ``fairmot score``.

    Raises:
        InputError: a source has no ground truth, a file cannot be read, or the run's own scores differ.
    """
    folders = {sequence_name(folder): folder for folder in find_sequences(ground_truth)}
    for source in run.sources:
        if source.name not in folders:
            hint = closest_name(source.name, folders)
            raise InputError(f"{ground_truth}: no sequence {source.name!r}, which is in {run.path}{hint}")
    chosen = [folders[source.name] for source in run.sources]
    if benchmark == "auto" and run.scores is not None:
        benchmark = str(run.scores["benchmark"])
    rules = choose_benchmark(benchmark, chosen)
    judged, counts = {}, {}
    for source, folder in zip(run.sources, chosen, strict=True):
        judged[source.name] = _judge_source(folder, source.rows.path, rules)
        counts[source.name] = count(judged[source.name].comparison)
    scores = run.scores
    if scores is None:
        scores = {
            "benchmark": rules.name,
            "sequences": {name: sequence_scores(counted) for name, counted in counts.items()},
            "combined": combined_scores(list(counts.values())),
        }
    for name, counted in counts.items():
        _check_agreement(run.path, scores["sequences"].get(name, {}), counted.clear, name, ground_truth)
    return JudgedRun(judged, scores)


def _judge_source(folder: Path, results: Path, rules: Benchmark) -> JudgedSource:
    sequence = load_sequence(folder, results)
    comparison = compare(sequence, rules)
    return JudgedSource(folder, sequence, comparison, find_errors(sequence, comparison))


def _check_agreement(
    run: Path, stated: dict[str, Any], counted: dict[str, float], name: str, truth: Path | str
) -> None:
    for field in _MUST_AGREE:
        if field in stated and stated[field] != counted[field]:
            raise InputError(
                f"{run / 'scores.json'}: {field} of {name} is {stated[field]}, but {counted[field]:g} with {truth}; "
                "give the ground truth and the benchmark that the run was evaluated with"
            )
