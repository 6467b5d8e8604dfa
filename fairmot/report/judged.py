"""A run compared with its ground truth: the errors of each source, and scores where the run has none yet."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError, closest_name
from fairmot.evaluation.benchmarks import choose_benchmark
from fairmot.evaluation.preprocessing import classes_apart, compare
from fairmot.evaluation.scores import count
from fairmot.evaluation.scoring import Counted, report_of, scored_classes
from fairmot.formats.sequences import Sequence, find_sequences, load_sequence, sequence_name
from fairmot.report.errors import ErrorsByKind, errors_by_kind
from fairmot.report.run_folder import RunFolder

_MUST_AGREE = ("CLR_TP", "CLR_FP", "CLR_FN", "IDSW", "Frag")


@dataclass(frozen=True, slots=True)
class JudgedSource:
    """One source and its errors."""

    folder: Path
    """Its sequence in the ground truth."""
    sequence: Sequence
    true_frames: NDArray[np.int64]
    """Frame index of each true box that counts [N]."""
    errors: ErrorsByKind


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
        benchmark: whose pre-processing; ``auto``: that of the run's own scores, else as for ``score``.

    Classes are compared one by one as in the run's own scores; without such scores as ``classes_apart`` returns.

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
    sequences = [load_sequence(folder, source.rows.path) for source, folder in zip(run.sources, chosen, strict=True)]
    classes = classes_apart(rules, sequences) if run.scores is None else scored_classes(run.scores)
    wanted: SequenceOf[int | None] = classes or [None]
    judged: dict[str, JudgedSource] = {}
    counted: dict[str, Counted] = {}
    for source, folder, sequence in zip(run.sources, chosen, sequences, strict=True):
        comparisons = [compare(sequence, rules, class_id) for class_id in wanted]
        frames = np.concatenate([comparison.truth.frames for comparison in comparisons])
        judged[source.name] = JudgedSource(folder, sequence, frames, errors_by_kind(sequence, comparisons))
        counted[source.name] = Counted(source.name, dict(zip(wanted, map(count, comparisons), strict=True)), {})
    scores = report_of(counted, rules, classes) if run.scores is None else run.scores
    for name, each in counted.items():
        _check_agreement(run.path, scores["sequences"].get(name, {}), each, ground_truth)
    return JudgedRun(judged, scores)


def _check_agreement(run: Path, stated: dict[str, Any], counted: Counted, truth: Path | str) -> None:
    for field in _MUST_AGREE:
        found = sum(part.clear[field] for part in counted.counts.values())
        if field in stated and stated[field] != found:
            raise InputError(
                f"{run / 'scores.json'}: {field} of {counted.name} is {stated[field]}, but {found:g} with {truth}; "
                "give the ground truth and the benchmark that the run was evaluated with"
            )
