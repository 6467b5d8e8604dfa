"""The commands that score: evaluate and score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fairmot.cli import modes, options
from fairmot.cli.settings import chosen, lowest_score, read_canvas, read_classes, read_columns, read_settings
from fairmot.errors import InputError

_DATASET = "Folder of sequences in MOTChallenge layout, or one sequence."


def _file(name: str, text: str) -> Any:
    return typer.Option(name, metavar="FILE", rich_help_panel=options.FILES, help=text)


def evaluate(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help=_DATASET)],
    weights: options.Weights = None,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    input_size: options.DetectorInputSize = None,
    classes: Annotated[
        str | None,
        options.classes(" The detector keeps only these; each is scored by itself, and all together."),
    ] = None,
    tracker: options.TrackerChoice = "auto",
    confidence: options.Confidence = None,
    config: options.ConfigFile = None,
    interpolate: options.Interpolate = None,
    benchmark: options.BenchmarkName = "auto",
    half_val: options.HalfVal = False,
    output: Annotated[Path, options.output()] = Path("runs/evaluate"),
    overwrite: options.Overwrite = False,
    archive: Annotated[
        bool, options.flag("--zip", options.FILES, "Archive for the benchmark's server; of a test set always.")
    ] = False,
    video: Annotated[bool | None, options.video("no")] = None,
    images: options.Images = None,
    save_detections: options.SaveDetections = False,
    record: options.Record = False,
    published: Annotated[
        bool, options.flag("--published", None, "Print the table and the time as the published code does.")
    ] = False,
    as_json: options.JsonOut = False,
) -> None:
    """Track the sequences of a data set and score the result. A test set is zipped for the benchmark's server.

    [bold]fairmot evaluate MOT17/train --weights mine.safetensors[/bold]
    [bold]fairmot evaluate MOT17/train --half-val --tracker byte[/bold]
    [bold]fairmot evaluate MOT17/test[/bold]
    """
    from fairmot.cli import console
    from fairmot.cli.tracking_output import announce
    from fairmot.detector import load_detector, weights_tracker
    from fairmot.evaluation.published_table import published_report
    from fairmot.evaluation.tables import class_tables
    from fairmot.formats.sequences import find_test_sequences
    from fairmot.workflows.evaluate.evaluate import evaluate as run_evaluate
    from fairmot.workflows.evaluate.evaluate import track_test_set
    from fairmot.workflows.evaluate.run import EvaluationRun
    from fairmot.workflows.track.gap_filling import read_method

    is_test_set = bool(find_test_sequences(dataset))
    (modes.EVALUATE_TEST if is_test_set else modes.EVALUATE).check(context)
    kept = read_classes(classes)
    method = None if interpolate is None else read_method(interpolate)
    parameters, inference = read_settings(config, tracker, confidence, lambda: weights_tracker(weights))
    detector = load_detector(weights, engine, device, lowest_score(inference), read_canvas(input_size), kept, precision)
    announce(detector, quiet=False)
    run = EvaluationRun(
        output=output,
        benchmark=benchmark,
        interpolate=method,
        video=chosen(video, inference, "save_videos", False),
        images=chosen(images, inference, "save_images", False),
        save_detections=save_detections,
        record=record,
        overwrite=overwrite,
    )
    with console.frame_progress() as progress:
        if is_test_set:
            report = track_test_set(dataset, detector, run, parameters, progress=progress)
        else:
            report = run_evaluate(
                dataset,
                detector,
                run,
                parameters,
                half_val=half_val,
                classes=read_columns(classes),
                zipped=archive,
                progress=progress,
            )
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    elif is_test_set:
        typer.echo(f"no ground truth: nothing was scored; for the server of {report['benchmark']}: {report['archive']}")
    else:
        if published:
            typer.echo(published_report(report))
        else:
            console.print_scores(report)
            for table in class_tables(report):
                console.answers().print(table)
        if archive:
            typer.echo(f"for the server: {report['archive']}")
    if report["problems"]:
        raise InputError("; ".join(report["problems"]))


def score(
    ground_truth: Annotated[Path, typer.Argument(metavar="GT", help=_DATASET)],
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS...",
            help="Folder with NAME.txt for each sequence, or one file; several: they are compared with the first.",
        ),
    ],
    names: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Name of each of several results.", show_default="their folders' names"),
    ] = None,
    benchmark: options.BenchmarkName = "auto",
    half_val: options.HalfVal = False,
    classes: Annotated[str | None, options.classes(" Each class is scored by itself, and all together.")] = None,
    processes: Annotated[int | None, options.processes(show_default="as many as pay off")] = None,
    classic: Annotated[
        bool, options.flag("--classic", None, "Also print the classic table (IDt, IDa, IDm, MOTP = 1 - IoU).")
    ] = False,
    alpha: Annotated[bool, options.flag("--alpha", None, "Also print HOTA at each overlap threshold.")] = False,
    save_json: Annotated[Path | None, _file("--save-json", "Every number as JSON.")] = None,
    save_csv: Annotated[Path | None, _file("--save-csv", "The table as CSV.")] = None,
    save_markdown: Annotated[Path | None, _file("--save-markdown", "The table as Markdown.")] = None,
    latex: Annotated[Path | None, _file("--latex", "The comparison as a LaTeX table, best values in bold.")] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", rich_help_panel=options.FILES, help="Figures as SVG, PDF and PNG."),
    ] = None,
    as_json: options.JsonOut = False,
) -> None:
    """Score the text files of any tracker: HOTA, CLEAR and identity, equal to TrackEval's numbers.

    [bold]fairmot score MOT17/train results/ --save-json scores.json[/bold]
    [bold]fairmot score MOT17/train ours/ byte/ sort/ --names Ours,ByteTrack,SORT --plot figures --latex t.tex[/bold]
    """
    from fairmot.cli import console
    from fairmot.evaluation import comparison_tables, tables
    from fairmot.formats.scores import write_scores, write_scores_csv
    from fairmot.workflows.evaluate.compare import compare_trackers
    from fairmot.workflows.evaluate.figures import write_figures

    comparison = compare_trackers(
        ground_truth,
        results,
        None if names is None else [name.strip() for name in names.split(",")],
        benchmark,
        classic=classic,
        half_val=half_val,
        classes=read_columns(classes),
        jobs=processes or 0,
    )
    several = len(results) > 1
    report = comparison["trackers"][0]["report"]
    whole = {**report, "compared": comparison["trackers"]} if several else report
    if as_json:
        typer.echo(json.dumps(whole, indent=2))
    else:
        shown: list[Any] = [*tables.class_tables(report), *(tables.alpha_tables(report) if alpha else [])]
        if several:
            shown += comparison_tables.comparison_tables(comparison)
        if len(results) == 2:
            second, first = (comparison["trackers"][place]["name"] for place in (1, 0))
            shown += [f"{second} minus {first}: fractions in percentage points"]
            shown += comparison_tables.sequence_difference_tables(comparison)
        if several:
            console.answers().print(f"{comparison['trackers'][0]['name']}: {results[0]}", soft_wrap=True)
        console.print_scores(report)
        for each in shown:
            console.answers().print(each)
    if save_json:
        write_scores(whole, save_json)
    if save_csv and several:
        _write(save_csv, comparison_tables.comparison_csv(comparison))
    elif save_csv:
        write_scores_csv(report, save_csv)
    if save_markdown:
        text = comparison_tables.comparison_markdown(comparison) if several else tables.markdown_table(report)
        _write(save_markdown, text)
    if latex:
        _write(latex, comparison_tables.comparison_latex(comparison))
    if plot:
        files = write_figures(comparison, plot)
        console.notes().print(f"{len(files)} files of figures in {plot}", soft_wrap=True)


def _write(path: Path, text: str) -> None:
    from fairmot.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
