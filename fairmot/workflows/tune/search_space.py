"""The tracker's parameters that a search changes, and their limits."""

from __future__ import annotations

from typing import Any

from fairmot.config import TrackerConfig

_RANGES: dict[str, tuple[float, float]] = {
    "confidence": (0.2, 0.8),
    "start_confidence": (0.0, 0.95),
    "confirmation_score": (0.0, 0.9),
    "height_exponent": (0.0, 3.0),
    "gate": (5.0, 60.0),
    "noise_rate": (10.0, 60.0),
    "max_iou_distance": (0.2, 0.9),
    "unconfirmed_max_iou_distance": (0.3, 0.9),
    "duplicate_iou_distance": (0.05, 0.5),
}
_WITH_EMBEDDINGS = {
    "max_appearance_cost": (0.1, 0.8),
    "iou_weight": (0.0, 0.9),
    "motion_weight": (0.0, 0.1),
    "embedding_momentum": (0.5, 0.98),
}
_WITHOUT = {"motion_max_iou_distance": (0.3, 0.95)}
_SECOND_PASS = {"low_confidence": (0.05, 0.19), "second_pass_max_iou_distance": (0.2, 0.9)}
_COUNTS = {"track_buffer_frames": (5, 90), "confirmation_hits": (1, 4)}


def _ranges(has_embeddings: bool) -> dict[str, tuple[float, float]]:
    return {**_RANGES, **(_WITH_EMBEDDINGS if has_embeddings else _WITHOUT)}


def drawn(trial: Any, config: TrackerConfig, has_embeddings: bool) -> TrackerConfig:
    """Draw parameters for an Optuna trial; fields outside of the search keep the values of ``config``."""
    values: dict[str, Any] = {
        name: trial.suggest_float(name, *_wide(limits, getattr(config, name)))
        for name, limits in _ranges(has_embeddings).items()
    }
    values |= {name: trial.suggest_int(name, *_wide(limits, getattr(config, name))) for name, limits in _COUNTS.items()}
    values["second_pass"] = trial.suggest_categorical("second_pass", [False, True])
    if values["second_pass"]:
        for name, limits in _SECOND_PASS.items():
            values[name] = trial.suggest_float(name, *_wide(limits, getattr(config, name)))
        # Every drawn pair must be valid: the low score threshold lies below the other one.
        values["low_confidence"] = min(values["low_confidence"], 0.95 * values["confidence"])
    return TrackerConfig(**{**config.model_dump(), **values})


def _wide(limits: tuple[float, float], start: float) -> tuple[Any, Any]:
    """Return the limits, widened to contain the start."""
    return min(limits[0], start), max(limits[1], start)


def start_values(config: TrackerConfig, has_embeddings: bool) -> dict[str, Any]:
    """Return the values of a configuration as those of a trial."""
    names = [*_ranges(has_embeddings), *_COUNTS, "second_pass"]
    return {name: getattr(config, name) for name in [*names, *(_SECOND_PASS if config.second_pass else ())]}
