"""Counts of several sequences, by class, and the report that is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairmot.evaluation.benchmarks import Benchmark
from fairmot.evaluation.classic import classic_scores, combined_classic_scores, count_classic
from fairmot.evaluation.clear import Counts, Scores
from fairmot.evaluation.preprocessing import compare
from fairmot.evaluation.scores import SequenceCounts, combined_scores, count, sequence_scores
from fairmot.formats.sequences import Sequence


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in one sequence, by class (None: all boxes alike)."""

    name: str
    counts: dict[int | None, SequenceCounts]
    classic: dict[int | None, Counts]
    """The classic table's counts; empty where it was not requested."""


def count_sequence(
    sequence: Sequence, rules: Benchmark, classic: bool = False, classes: SequenceOf[int] | None = None
) -> Counted:
    """Count one sequence: each of the classes by itself, or all boxes alike."""
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
    """Return the report of ``fairmot.score`` for counts by sequence."""
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
    """Return the classes that a report scores one by one; None: all boxes alike."""
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
