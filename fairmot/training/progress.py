"""What a training reports after each step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """What a run reports after each step."""

    step: int
    """Steps taken over the whole run."""
    total_steps: int
    epoch: int
    losses: dict[str, float]
    images_per_second: float
    """Since the run, or its resumption, began; validation not counted."""
