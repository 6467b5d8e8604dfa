"""The result of a search, and its files: ``best.yaml``, ``trials.csv`` and ``tune.json``."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fairmot.config import TrackerConfig
from fairmot.evaluation.benchmarks import Benchmark
from fairmot.files import replacing
from fairmot.workflows.tune.cases import TuningCase, score_cases

BEST_FILE = "best.yaml"


@dataclass(frozen=True, slots=True)
class Tuned:
    """The result of a search."""

    folder: Path
    best: Path
    """YAML for ``fairmot track --tracker``."""
    config: TrackerConfig
    trials: int
    """Trials in the study."""
    pruned: int
    """Number of them that were stopped early."""
    scores: dict[str, dict[str, dict[str, float]]]
    """``"tuned on"`` and ``"held out"`` -> ``"before"`` and ``"after"`` -> HOTA, MOTA, IDF1, IDSW, all sequences
    combined: those that ``fairmot score`` gives for the result files."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "folder": str(self.folder),
            "best": str(self.best),
            "config": self.config.model_dump(mode="json"),
            "trials": self.trials,
            "pruned": self.pruned,
            "scores": self.scores,
        }


def ended(study: Any) -> int:
    """Return how many trials of an Optuna study have ended, pruned ones included."""
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.trials)


def conclude(
    study: Any,
    folder: Path,
    start: TrackerConfig,
    cases: list[TuningCase],
    others: list[TuningCase],
    rules: Benchmark,
) -> Tuned:
    """Score the first and the best parameters on all sequences, and write the result.

    The files are ``best.yaml``, ``trials.csv`` and ``tune.json``.

    Args:
        study: an Optuna study with at least one whole trial.
        folder: for the files.
        start: parameters that are scored as ``"before"``.
        cases: sequences that were tuned on.
        others: sequences held out.
        rules: pre-processing of the scores.
    """
    best = TrackerConfig(**study.best_trial.user_attrs["config"])
    path = folder / BEST_FILE
    published = TrackerConfig().model_dump(mode="json")
    changed = {name: value for name, value in best.model_dump(mode="json").items() if value != published[name]}
    with replacing(path) as temporary:
        temporary.write_text(
            f"# fairmot tune: trial {study.best_trial.number}, aim {study.best_value:.4f}; "
            f"parameters that differ from the published tracker\n{yaml.safe_dump(changed or {'preset': 'fairmot'})}",
            encoding="utf-8",
        )
    groups = {"tuned on": cases, **({"held out": others} if others else {})}
    scores = {
        group: {
            "before": score_cases(members, start, rules, folder / "before"),
            "after": score_cases(members, best, rules, folder / "after"),
        }
        for group, members in groups.items()
    }
    with replacing(folder / "trials.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        names = sorted({name for trial in study.trials for name in trial.params})
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trial", "state", "aim", *names])
        for trial in study.trials:
            writer.writerow([trial.number, trial.state.name, trial.value, *(trial.params.get(name) for name in names)])
    tuned = Tuned(
        folder=folder,
        best=path,
        config=best,
        trials=ended(study),
        pruned=sum(trial.state.name == "PRUNED" for trial in study.trials),
        scores=scores,
    )
    with replacing(folder / "tune.json") as temporary:
        temporary.write_text(json.dumps(tuned.as_json(), indent=2) + "\n", encoding="utf-8")
    return tuned
