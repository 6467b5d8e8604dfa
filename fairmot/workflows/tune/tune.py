"""Workflow ``tune``. Search the tracker's parameters on saved detections, in a study that can be resumed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairmot.config import TrackerConfig
from fairmot.errors import InputError, closest_name
from fairmot.evaluation.benchmarks import Benchmark
from fairmot.evaluation.scores import SequenceCounts, combined_scores
from fairmot.media.outputs.results import result_folder
from fairmot.progress import Progress
from fairmot.workflows.tune.cases import TuningCase, count_case, load_cases
from fairmot.workflows.tune.result import Tuned, conclude, ended
from fairmot.workflows.tune.search_space import drawn, start_values

AIMS = ("HOTA", "IDF1", "MOTA", "AssA", "DetA")
STUDY_FILE = "study.db"


def tune(
    ground_truth: str | Path,
    detections: str | Path,
    *,
    output: str | Path,
    trials: int = 100,
    aim: str = "HOTA",
    held_out: Sequence[str] = (),
    start: TrackerConfig | None = None,
    benchmark: str = "auto",
    seed: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> Tuned:
    """Search for the parameters with the best score over all sequences together.

    The first trial is ``start``. The search scores a trial after each sequence and stops it early where it is worse
    than the median of the others at that sequence. The study is a SQLite file in the run's folder: ``resume`` continues
    an interrupted search, also in several processes at once.

    Args:
        ground_truth: data set or sequence in MOTChallenge layout.
        detections: folder with ``SEQ.detections.npz``, ``SEQ.txt`` or ``SEQ/det/det.txt`` for each sequence, or a file.
        output: folder for the study, ``best.yaml``, ``trials.csv`` and ``tune.json``.
        trials: number of trials in the study, pruned ones and those before a resume included.
        aim: one of ``AIMS``, or a mix such as ``0.5*HOTA+0.5*IDF1``; ratios are fractions of 1.
        held_out: sequences that the search never sees; they are scored with the first and with the best parameters.
        start: parameters of the first trial; fields that the search does not change keep these values. Default: those
            that go with the detector of the first recording.
        benchmark: as for ``score``.
        seed: of the sampler; the same seed gives the same trials in a run that is not resumed.
        resume: continue the study in ``output``.
        progress: called as ``progress("trials", trials done, trials)`` after each trial.

    Raises:
        InputError: something is missing or wrong, Optuna is not installed, or the study to resume has other settings.
    """
    optuna = _optuna()
    weights = read_aim(aim)
    if trials < 1:
        raise InputError(f"{trials} trials: expected 1 or more")
    cases, others, rules = load_cases(ground_truth, detections, held_out, benchmark)
    has_embeddings = any(case.recording.rows.embeddings is not None for case in cases)
    config = start or cases[0].recording.tracker
    folder = Path(output) if resume else result_folder(Path(output), overwrite=False)
    settings = {
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
        _check_settings(study, settings, folder)
        # A resumed sampler must not draw the first trials again.
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=10)
        if not study.trials:
            study.enqueue_trial(start_values(config, has_embeddings))

        def objective(trial: Any) -> float:
            candidate = drawn(trial, config, has_embeddings)
            trial.set_user_attr("config", candidate.model_dump(mode="json"))
            return _value_of(trial, candidate, cases, rules, weights)

        def finished(study: Any, _: Any) -> None:
            if progress is not None:
                progress("trials", ended(study), trials)

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
        raise InputError(f"{path}: no study to resume; start one without resume")
    return optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")


def _check_settings(study: Any, settings: dict[str, Any], folder: Path) -> None:
    stored = study.user_attrs.get("settings")
    if stored is None:
        study.set_user_attr("settings", settings)
        return
    for name, value in settings.items():
        if stored[name] != value:
            raise InputError(f"{folder / STUDY_FILE}: this study has another {name}; give the one that it started with")
