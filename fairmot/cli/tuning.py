"""The command that tunes a tracker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli import options


def tune(
    ground_truth: Annotated[
        Path, typer.Argument(metavar="GT", help="Folder of sequences in MOTChallenge layout, or one sequence.")
    ],
    detections: Annotated[
        Path,
        typer.Argument(
            metavar="DETECTIONS",
            help="Folder of saved detections (NAME.detections.npz) or of det.txt files, or one file.",
        ),
    ],
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Trials in all, those before a resume included.")
    ] = 100,
    aim: Annotated[
        str,
        typer.Option(metavar="SCORE", help="Score to raise: HOTA, IDF1, MOTA, AssA, DetA, or 0.5*HOTA+0.5*IDF1."),
    ] = "HOTA",
    held_out: Annotated[
        list[str] | None,
        typer.Option(metavar="SEQUENCE", help="Leave a sequence out and score it apart; repeatable."),
    ] = None,
    tracker: options.TrackerChoice = "auto",
    benchmark: options.BenchmarkName = "auto",
    output: Annotated[Path, options.output()] = Path("runs/tune"),
    resume: options.Resume = False,
    seed: options.Seed = 0,
    as_json: options.JsonOut = False,
) -> None:
    """Search for the tracker parameters with the best score, on detections saved once. --tracker is the first trial.

    [bold]fairmot evaluate MOT17/train --save-detections --output runs/detected[/bold]
    [bold]fairmot tune MOT17/train runs/detected --trials 200 --held-out MOT17-13[/bold]
    [bold]fairmot track street.mp4 --tracker runs/tune/best.yaml[/bold]
    """
    from fairmot.cli import console
    from fairmot.config import load_tracker_config
    from fairmot.workflows.tune.tune import tune as run_tune

    with console.frame_progress("trials") as progress:
        tuned = run_tune(
            ground_truth,
            detections,
            output=output,
            trials=trials,
            aim=aim,
            held_out=tuple(held_out or ()),
            start=None if tracker == "auto" else load_tracker_config(tracker),
            benchmark=benchmark,
            seed=seed,
            resume=resume,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(tuned.as_json(), indent=2))
        return
    for group, scores in tuned.scores.items():
        for state, values in scores.items():
            shown = "  ".join(f"{k} {v if isinstance(v, int) else f'{100 * v:.2f}'}" for k, v in values.items())
            typer.echo(f"{group + ',':9} {state:7}{shown}")
    typer.echo(f"{tuned.trials} trials, {tuned.pruned} of them stopped early; best: {tuned.best}")
