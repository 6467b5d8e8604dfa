"""The workflow ``tune``: search the tracker's constants on saved detections, in a study that can be resumed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fairmot.config import TrackerConfig
from fairmot.errors import InputError, closest_name
from fairmot.evaluation.benchmarks import Benchmark
from fairmot.evaluation.scores import SequenceCounts, combined_scores
from fairmot.media.outputs.results import result_folder
from fairmot.workflows.tune.cases import TuningCase, count_case, load_cases
from fairmot.workflows.tune.result import Tuned, conclude, ended
from fairmot.workflows.tune.search_space import drawn, start_values

AIMS = ("HOTA", "IDF1", "MOTA", "AssA", "DetA")
STUDY_FILE = "study.db"

Told = Callable[[int, int, float | None], None]
"""Called after each trial with the trials done, those wanted in all, and the best aim so far."""


def tune(
    detections: str | Path,
    ground_truth: str | Path,
    *,
    output: str | Path,
    trials: int = 100,
    aim: str = "HOTA",
    held_out: Sequence[str] = (),
    start: TrackerConfig | None = None,
    benchmark: str = "auto",
    seed: int = 0,
    resume: bool = False,
    told: Told | None = None,
) -> Tuned:
    """Search for the constants with the best score over all sequences together.

    The first trial is ``start``. A trial is scored after each sequence, and given up where it is worse than the median
    of the others at that place. The study is a SQLite file in the run's folder: an interrupted search goes on with
    ``resume``, also in several processes at once.

    Args:
        detections: folder with ``SEQ.detections.npz``, ``SEQ.txt`` or ``SEQ/det/det.txt`` for each sequence, or a file.
        ground_truth: data set or sequence in MOTChallenge layout.
        output: folder for the study, ``best.yaml``, ``trials.csv`` and ``tune.json``.
        trials: how many there are to be in the study, pruned ones and those before a resume included.
        aim: one of ``AIMS``, or a mix such as ``0.5*HOTA+0.5*IDF1``; ratios are fractions of 1.
        held_out: sequences that the search never sees; they are scored with the first and with the best constants.
        start: where the search starts, and what is kept of the fields that it leaves alone; left out: published.
        benchmark: as for ``score``.
        seed: of the sampler; the same seed gives the same trials in a run that is not resumed.
        resume: go on with the study in ``output``.
        told: told about every trial.

    Raises:
        InputError: something is missing or wrong, Optuna is not installed, or the study to resume was another search.
    """
    optuna = _optuna()
    weights = read_aim(aim)
    if trials < 1:
        raise InputError(f"trials {trials}: expected 1 or more")
    cases, others, rules = load_cases(detections, ground_truth, held_out, benchmark)
    has_embeddings = any(case.recording.rows.embeddings is not None for case in cases)
    config = start or cases[0].recording.tracker
    folder = Path(output) if resume else result_folder(Path(output), overwrite=False)
    question = {
        "aim": weights,
        "start": config.model_dump(mode="json"),
        "sequences": {case.info.name: len(case.recording.rows) for case in cases},
        "benchmark": rules.name,
    }
    storage = _storage(optuna, folder, resume)
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="fairmot",
            load_if_exists=resume,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        )
        _check_question(study, question, folder)
        # A resumed sampler must not draw the first trials again.
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=10)
        if not study.trials:
            study.enqueue_trial(start_values(config, has_embeddings))

        def objective(trial: Any) -> float:
            candidate = drawn(trial, config, has_embeddings)
            trial.set_user_attr("config", candidate.model_dump(mode="json"))
            return _value_of(trial, candidate, cases, rules, weights)

        def finished(study: Any, _: Any) -> None:
            if told is not None:
                told(ended(study), trials, _best_value(study))

        missing = trials - ended(study)
        if missing > 0:
            study.optimize(objective, n_trials=missing, callbacks=[finished])
        return conclude(study, folder, config, cases, others, rules)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def read_aim(text: str) -> dict[str, float]:
    """Read an aim: ``HOTA``, or a mix ``0.5*HOTA+0.5*IDF1``.

    Raises:
        InputError: an unknown score, or no such mix.
    """
    weights: dict[str, float] = {}
    for part in text.split("+"):
        match = re.fullmatch(r"\s*(?:(\d+(?:\.\d+)?)\s*\*)?\s*(\w+)\s*", part)
        if match is None:
            raise InputError(f"aim {text!r}: expected a score, or a mix such as 0.5*HOTA+0.5*IDF1")
        if match[2] not in AIMS:
            raise InputError(f"aim {match[2]!r}: unknown{closest_name(match[2], AIMS)}; there are {', '.join(AIMS)}")
        weights[match[2]] = weights.get(match[2], 0.0) + float(match[1] or 1)
    return weights


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise InputError("fairmot tune needs Optuna: pip install 'fairmot[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _value_of(
    trial: Any, config: TrackerConfig, cases: list[TuningCase], rules: Benchmark, weights: dict[str, float]
) -> float:
    import optuna

    counts: list[SequenceCounts] = []
    value = 0.0
    for step, case in enumerate(cases):
        counts.append(count_case(case, config, rules))
        scores = combined_scores(counts)
        value = sum(weight * scores[name] for name, weight in weights.items())
        trial.report(value, step)
        if step + 1 < len(cases) and trial.should_prune():
            raise optuna.TrialPruned
    return value


def _storage(optuna: Any, folder: Path, resume: bool) -> Any:
    path = folder / STUDY_FILE
    if resume and not path.is_file():
        raise InputError(f"{path}: no study to resume; begin one without resuming")
    return optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")


def _check_question(study: Any, question: dict[str, Any], folder: Path) -> None:
    asked = study.user_attrs.get("question")
    if asked is None:
        study.set_user_attr("question", question)
        return
    for name, value in question.items():
        if asked[name] != value:
            raise InputError(f"{folder / STUDY_FILE}: this study has another {name}; give what it was begun with")


def _best_value(study: Any) -> float | None:
    values = [trial.value for trial in study.trials if trial.state.name == "COMPLETE"]
    return max(values, default=None)
