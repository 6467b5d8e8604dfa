"""Commands that score: evaluate, score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli.options import Confidence, Device, Engine, InputSize, JsonOut, Overwrite, Weights, read_size, size_text
from fairmot.errors import InputError


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Folder of sequences in MOTChallenge layout, or one sequence.")],
    weights: Weights = None,
    output: Annotated[Path, typer.Option(help="Folder for result files and scores.")] = Path("runs/evaluate"),
    benchmark: Annotated[str, typer.Option(help="auto, MOT15, MOT16, MOT17, MOT20 or none.")] = "auto",
    confidence: Confidence = 0.4,
    input_size: InputSize = None,
    engine: Engine = "auto",
    device: Device = "auto",
    video: Annotated[bool, typer.Option(help="Also write videos with the tracks drawn.")] = False,
    overwrite: Overwrite = False,
    as_json: JsonOut = False,
) -> None:
    """Track labelled sequences and score the result.

    [bold]fairmot evaluate MOT17/train --weights mine.safetensors[/bold]
    """
    from fairmot import console
    from fairmot.config import TrackerConfig
    from fairmot.detector import load_detector
    from fairmot.evaluate import evaluate as run_evaluate

    detector = load_detector(weights, engine, device, input_size=read_size(input_size))
    console.notes().print(f"{detector.architecture} in {detector.engine} at {size_text(detector.input_size)}")
    with console.frame_progress() as progress:
        report = run_evaluate(
            dataset,
            detector,
            TrackerConfig(confidence=confidence),
            output=output,
            benchmark=benchmark,
            video=video,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        console.print_scores(report)
    if report["problems"]:
        raise InputError("; ".join(report["problems"]))


def score(
    ground_truth: Annotated[Path, typer.Argument(help="Folder of sequences in MOTChallenge layout, or one sequence.")],
    results: Annotated[Path, typer.Argument(help="Folder with NAME.txt for each sequence, or one file.")],
    benchmark: Annotated[str, typer.Option(help="auto, MOT15, MOT16, MOT17, MOT20 or none.")] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every number as JSON.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Also write the table as CSV.")] = None,
    classic: Annotated[
        bool, typer.Option(help="Also print the classic table (IDt, IDa, IDm, MOTP = 1 - IoU).")
    ] = False,
) -> None:
    """Score the text files of any tracker: HOTA, CLEAR and identity, equal to TrackEval's numbers.

    [bold]fairmot score MOT17/train results/ --json scores.json[/bold]
    """
    from fairmot import console
    from fairmot.evaluate import score as run_score
    from fairmot.evaluation.tables import write_csv, write_json

    report = run_score(ground_truth, results, benchmark, classic=classic)
    console.print_scores(report)
    if json_file:
        write_json(report, json_file)
    if csv_file:
        write_csv(report, csv_file)
