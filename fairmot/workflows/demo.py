"""Workflow ``demo``. A rendered street, tracked with the shipped model and scored."""

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
    """What the demo made."""

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
    """Render, track and score a synthetic street; everything lands in ``output``, a second run replaces it.

    The street lies in ``sequences/street``, the tracks, the video and the scores in ``results``.

    Raises:
        InputError: an argument is out of range, or ``sequences/street`` is anything but a rendered sequence.
    """
    detector = load_detector()

    sequence = write_street(
        output / "sequences", name="street", people=people, frames=frames, seed=seed, overwrite=True, progress=progress
    )
    report = evaluate(
        sequence,  # not its folder: what else lies there is not the demo's
        detector,
        EvaluationRun(output / "results", benchmark="none", video=True, overwrite=True),
        progress=progress,
    )
    return Demo(sequence, output / "results" / f"{sequence.name}.mp4", report)
