"""Commands that score: evaluate, score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fairmot.cli.options import (
    AnyConfidence,
    ConfigFile,
    Device,
    Engine,
    InputSize,
    Interpolate,
    JsonOut,
    Overwrite,
    TrackerChoice,
    Weights,
    read_settings,
    read_size,
    size_text,
)
from fairmot.errors import InputError

BenchmarkName = Annotated[
    str, typer.Option("--benchmark", help="auto, MOT15, MOT16, MOT17, MOT20, DanceTrack or none.")
]
HalfVal = Annotated[
    bool, typer.Option("--half-val", help="The second half of each sequence; results count frames from 1 in it.")
]

Classes = Annotated[
    str | None,
    typer.Option(help="These classes alone (column 8, from 1), e.g. 1,3: each by itself, and together."),
]


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Folder of sequences in MOTChallenge layout, or one sequence.")],
    weights: Weights = None,
    output: Annotated[Path, typer.Option(help="Folder for result files and scores.")] = Path("runs/evaluate"),
    benchmark: BenchmarkName = "auto",
    half_val: HalfVal = False,
    classes: Classes = None,
    interpolate: Interpolate = None,
    config: ConfigFile = None,
    tracker: TrackerChoice = "auto",
    confidence: AnyConfidence = None,
    input_size: InputSize = None,
    engine: Engine = "auto",
    device: Device = "auto",
    archive: Annotated[bool, typer.Option("--zip", help="Also zip the results for the benchmark's server.")] = False,
    video: Annotated[bool | None, typer.Option(help="Also write videos with the tracks drawn.")] = None,
    images: Annotated[bool | None, typer.Option(help="Also write each frame with the tracks drawn.")] = None,
    save_detections: Annotated[bool, typer.Option(help="Also write what the detector found.")] = False,
    record: Annotated[bool, typer.Option(help="Also write the tracker's record, for fairmot explain.")] = False,
    overwrite: Overwrite = False,
    as_json: JsonOut = False,
) -> None:
    """Track labelled sequences and score the result; those of a test set are zipped for the benchmark's server.

    [bold]fairmot evaluate MOT17/train --weights mine.safetensors[/bold]
    [bold]fairmot evaluate MOT17/train --half-val --tracker byte[/bold]
    [bold]fairmot evaluate MOT17/test[/bold]
    """
    from fairmot.cli import console
    from fairmot.detector import load_detector, weights_tracker
    from fairmot.evaluation.tables import class_tables
    from fairmot.formats.sequences import find_test_sequences
    from fairmot.workflows.evaluate.evaluate import evaluate as run_evaluate
    from fairmot.workflows.evaluate.evaluate import track_test_set
    from fairmot.workflows.evaluate.run import EvaluationRun
    from fairmot.workflows.track.gap_filling import read_method

    wanted = read_classes(classes)
    method = None if interpolate is None else read_method(interpolate)
    constants, inference = read_settings(config, tracker, confidence, lambda: weights_tracker(weights))
    is_test_set = bool(find_test_sequences(dataset))
    if is_test_set and half_val:
        raise InputError(f"{dataset}: no ground truth; --half-val is for training sets")
    lowest = inference.confidence if inference else 0.1
    # The ground truth counts classes from 1.
    selected = None if wanted is None else [class_id - 1 for class_id in wanted]
    detector = load_detector(weights, engine, device, lowest, read_size(input_size), selected)
    console.notes().print(f"{detector.architecture} in {detector.engine} at {size_text(detector.input_size)}")
    run = EvaluationRun(
        output=output,
        benchmark=benchmark,
        interpolate=method,
        video=inference is not None and inference.save_videos if video is None else video,
        images=inference is not None and inference.save_images if images is None else images,
        save_detections=save_detections,
        record=record,
        overwrite=overwrite,
    )
    with console.frame_progress() as progress:
        if is_test_set:
            report = track_test_set(dataset, detector, run, constants, progress=progress)
        else:
            report = run_evaluate(
                dataset,
                detector,
                run,
                constants,
                half_val=half_val,
                classes=wanted,
                zipped=archive,
                progress=progress,
            )
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    elif is_test_set:
        typer.echo(f"no ground truth: nothing was scored; for the server of {report['benchmark']}: {report['archive']}")
    else:
        console.print_scores(report)
        for table in class_tables(report):
            console.answers().print(table)
        if archive:
            typer.echo(f"for the server: {report['archive']}")
    if report["problems"]:
        raise InputError("; ".join(report["problems"]))


def score(
    ground_truth: Annotated[Path, typer.Argument(help="Folder of sequences in MOTChallenge layout, or one sequence.")],
    results: Annotated[Path, typer.Argument(help="Folder with NAME.txt for each sequence, or one file.")],
    benchmark: BenchmarkName = "auto",
    compare: Annotated[
        Path | None, typer.Option(help="Score these results too, and print what they have more than RESULTS.")
    ] = None,
    half_val: HalfVal = False,
    classes: Classes = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: as many as pay off.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every number as JSON.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Also write the table as CSV.")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="Also write the table as Markdown.")] = None,
    classic: Annotated[
        bool, typer.Option(help="Also print the classic table (IDt, IDa, IDm, MOTP = 1 - IoU).")
    ] = False,
    alpha: Annotated[bool, typer.Option(help="Also print HOTA at each overlap threshold.")] = False,
) -> None:
    """Score the text files of any tracker: HOTA, CLEAR and identity, equal to TrackEval's numbers.

    [bold]fairmot score MOT17/train results/ --json scores.json[/bold]
    [bold]fairmot score MOT17/train results/ --compare other/[/bold]
    """
    from fairmot.cli import console
    from fairmot.evaluation import tables
    from fairmot.evaluation.differences import differences
    from fairmot.files import replacing
    from fairmot.formats.scores import write_scores, write_scores_csv
    from fairmot.workflows.evaluate.score import score as run_score

    wanted = read_classes(classes)

    def scored(folder: Path) -> dict[str, Any]:
        return run_score(ground_truth, folder, benchmark, classic=classic, half_val=half_val, classes=wanted, jobs=jobs)

    report = scored(results)
    console.print_scores(report)
    answers = console.answers()
    for table in tables.class_tables(report):
        answers.print(table)
    if alpha:
        answers.print(tables.alpha_table(report))
    markdown = tables.markdown_table(report)
    if compare:
        other = scored(compare)
        changes = differences(report, other)
        answers.print(f"{compare} minus {results}: shares in percentage points")
        answers.print(tables.difference_table(changes))
        report["compared"] = {"results": str(compare), "report": other, "differences": changes}
        markdown += f"\n{compare} minus {results}\n\n{tables.markdown_table(changes, signed=True)}"
    if json_file:
        write_scores(report, json_file)
    if csv_file:
        write_scores_csv(report, csv_file)
    if markdown_file:
        with replacing(markdown_file) as temporary:
            temporary.write_text(markdown, encoding="utf-8")


def read_classes(text: str | None) -> list[int] | None:
    """Class numbers out of ``--classes``.

    Raises:
        InputError: the text is something else.
    """
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"--classes {text}: expected class numbers, for example 1,3") from error
