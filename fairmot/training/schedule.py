"""The learning rate as a pure function of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math

from fairmot.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the rate of a step, counted from 0 over the whole run.

    ``step`` schedule: times 0.1 after each of ``drop_epochs`` (published: 30 epochs, drop after 20). ``cosine``: from
    the full rate to 1 % of it. Both rise linearly over the first ``warmup_steps``.
    """
    if config.schedule == "cosine":
        total = max(1, steps_per_epoch * epochs - config.warmup_steps)
        progress = min(1.0, max(0, step - config.warmup_steps) / total)
        rate = config.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
    else:
        epoch = step // steps_per_epoch
        rate = config.learning_rate * 0.1 ** sum(epoch >= drop for drop in config.drop_epochs)
    return rate * min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else rate
