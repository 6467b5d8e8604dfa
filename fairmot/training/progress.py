"""What a training run reports after each step, beside the counts of ``fairmot.progress``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Counts, losses and speed after a step."""

    step: int
    """Steps taken over the whole run."""
    total_steps: int
    epoch: int
    losses: dict[str, float]
    images_per_second: float
    """Since the start of the run, or of its resumption, without validation."""
