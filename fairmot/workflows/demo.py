"""Workflow ``demo``: render a street, track it with the shipped model, score the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairmot.detector import load_detector
from fairmot.progress import Progress
from fairmot.street import write_street
from fairmot.workflows.evaluate.evaluate import evaluate
from fairmot.workflows.evaluate.run import EvaluationRun


@dataclass(frozen=True, slots=True)
class Demo:
    """The results of the demo."""

    sequence: Path
    """The rendered sequence, MOTChallenge layout."""
    video: Path
    """The video with boxes, identities and trails."""
    report: dict[str, Any]
    """Scores, as ``fairmot.score`` returns them."""


def demo(
    output: Path,
    people: int = 12,
    frames: int = 250,
    seed: int = 0,
    progress: Progress | None = None,
) -> Demo:
    """Render, track and score a synthetic street; a second run replaces the results of the first.

    The street goes to ``sequences/street`` in ``output``; tracks, video and scores go to ``results``.

    Raises:
        InputError: an argument is out of range, or ``sequences/street`` is anything but a rendered sequence.
    """
    detector = load_detector()
    sequence = write_street(
        output / "sequences", name="street", people=people, frames=frames, seed=seed, overwrite=True, progress=progress
    )
    report = evaluate(
        sequence,  # not the folder around it, which may hold other sequences
        detector,
        EvaluationRun(output / "results", benchmark="none", video=True, overwrite=True),
        progress=progress,
    )
    return Demo(sequence, output / "results" / f"{sequence.name}.mp4", report)
