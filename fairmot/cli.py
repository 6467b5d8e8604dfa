"""The commands: each parses its arguments, calls one function and prints the answer."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fairmot.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Find people in video and keep their identities: track, train, evaluate.",
)
data = typer.Typer(no_args_is_help=True, help="Make training data: convert annotations, render the synthetic street.")
app.add_typer(data, name="data")

Weights = Annotated[
    Path | None, typer.Option("--weights", "-w", help="A .safetensors or .onnx file; left out: the shipped model.")
]
Engine = Annotated[str, typer.Option(help="auto, onnxruntime, torch or mindspore.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ascend.")]
Confidence = Annotated[float, typer.Option(min=0, max=1, help="Score a detection must exceed to be tracked.")]
InputSize = Annotated[str | None, typer.Option(help="Network input WIDTHxHEIGHT, multiples of 32, e.g. 576x320.")]
JsonOut = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Overwrite = Annotated[bool, typer.Option(help="Replace results of an earlier run.")]


def main() -> None:
    """Run the command line. A user's mistake is one line and exit code 2, never a traceback."""
    try:
        app()
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or 'file'}: {error.strerror or error}")
    except FloatingPointError as error:
        _fail(str(error), code=1)
    except KeyboardInterrupt:
        _fail("interrupted", code=130)


def _fail(message: str, code: int = 2) -> None:
    print(f"fairmot: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        import fairmot

        typer.echo(fairmot.__version__)
        raise typer.Exit


@app.command()
def track(
    sources: Annotated[list[str], typer.Argument(help="Video files, folders of pictures, pictures.")],
    weights: Weights = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results; left out: runs/track/NAME.")] = None,
    confidence: Confidence = 0.4,
    input_size: InputSize = None,
    classes: Annotated[list[int] | None, typer.Option(help="Keep only these classes; repeatable.")] = None,
    engine: Engine = "auto",
    device: Device = "auto",
    start: Annotated[int | None, typer.Option(min=0, help="Index of the first frame, from 0.")] = None,
    end: Annotated[int | None, typer.Option(min=0, help="Index of the first frame left out.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Take each n-th frame.")] = 1,
    video: Annotated[bool, typer.Option(help="Also write the video with the tracks drawn.")] = True,
    overwrite: Overwrite = False,
    as_json: JsonOut = False,
) -> None:
    """Track people in videos or picture folders.

    [bold]fairmot track street.mp4[/bold]
    [bold]fairmot track frames/ --confidence 0.3 --output results[/bold]
    """
    from fairmot import console
    from fairmot.config import TrackerConfig
    from fairmot.detector import load_detector
    from fairmot.track import track as run_track

    detector = load_detector(weights, engine, device, input_size=_size(input_size))
    console.notes().print(f"{detector.architecture} in {detector.engine} at {_text(detector.input_size)}")
    with console.frame_progress() as progress:
        runs = run_track(
            sources,
            detector,
            TrackerConfig(confidence=confidence),
            output=output,
            overwrite=overwrite,
            video=video,
            start=start,
            end=end,
            every=every,
            classes=classes,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps([asdict(run) for run in runs], default=str, indent=2))
    else:
        console.answers().print(console.track_table(runs))
    problems = [run.problem for run in runs if run.problem]
    if problems:
        raise InputError("; ".join(problems))
    if any(run.interrupted for run in runs):
        _fail("interrupted; the files above are complete up to there", code=130)


@app.command()
def train(
    config: Annotated[str, typer.Argument(help="A YAML file or the name of a shipped configuration, e.g. lite.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: train.epochs=3; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run in train.output.")] = False,
    engine: Annotated[str, typer.Option(help="auto, mindspore or torch.")] = "auto",
    device: Device = "auto",
) -> None:
    """Train a network.

    [bold]fairmot train lite --set data.description=people/data.json --set train.output=runs/mine[/bold]
    """
    from fairmot import console
    from fairmot.config import load_config
    from fairmot.engines import choose_training_engine
    from fairmot.train import train as run_train

    settings = load_config(config, tuple(overrides or ()))
    chosen = choose_training_engine(engine)
    console.notes().print(f"{settings.network.architecture} in {chosen}, results in {settings.train.output}")
    with console.training_progress() as report:
        run = run_train(settings, chosen, device, resume, report)
    typer.echo(f"checkpoint {run.checkpoint}\nweights    {run.weights}")


@app.command()
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

    detector = load_detector(weights, engine, device, input_size=_size(input_size))
    console.notes().print(f"{detector.architecture} in {detector.engine} at {_text(detector.input_size)}")
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


@app.command()
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


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Public .pth of dla_34 or dlaconv_34, or YOLOX-nano's .onnx.")],
    target: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
) -> None:
    """Turn a public checkpoint into a weight file.

    [bold]fairmot convert fairmot_dla34.pth dla34.safetensors[/bold]
    """
    from fairmot.convert import convert as run_convert

    result = run_convert(source, target)
    typer.echo(f"{target}: {result.network.architecture}, {result.taken} arrays taken, {result.drawn} drawn")
    if result.dropped:
        typer.echo(f"dropped, since no output depends on them: {', '.join(result.dropped)}")


@app.command()
def describe(
    network: Annotated[str, typer.Argument(help="A weight file, a configuration, or an architecture.")] = "lite",
    input_size: InputSize = None,
    layers: Annotated[bool, typer.Option(help="List every layer.")] = True,
    as_json: JsonOut = False,
) -> None:
    """Show a network's layers, parameters, multiply-adds and output shapes; needs no training framework.

    [bold]fairmot describe dla_34 --no-layers[/bold]
    """
    from fairmot import console
    from fairmot.describe import describe as run_describe

    title, summary = run_describe(network, _size(input_size))
    if as_json:
        totals = {"parameters": summary.parameters, "multiply_adds": summary.multiply_adds}
        typer.echo(json.dumps({"network": title, **totals, **asdict(summary)}, indent=2))
    else:
        console.answers().print(console.summary_table(title, summary, layers))


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the rendered street and the results.")] = Path("demo"),
    people: Annotated[int, typer.Option(min=1, max=60)] = 12,
    frames: Annotated[int, typer.Option(min=2)] = 250,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Render a street, track the people on it with the shipped model, score the result.

    [bold]fairmot demo[/bold]
    """
    from fairmot import console
    from fairmot.demo import demo as run_demo

    with console.frame_progress() as progress:
        result = run_demo(output, people, frames, seed, progress)
    console.print_scores(result.report)
    typer.echo(f"video: {result.video}")


@data.command("convert")
def data_convert(
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help="pennfudan, yolo, coco, voc or motchallenge.")],
    source: Annotated[Path, typer.Argument(help="Folder (coco: annotation file) of the original data.")],
    output: Annotated[Path, typer.Argument(help="Folder for images/, labels_with_ids/ and data.json.")],
    name: Annotated[str | None, typer.Option(help="Name of the set; left out: the source's.")] = None,
    ignore: Annotated[Path | None, typer.Option(help="voc: CSV of boxes to ignore.")] = None,
    heads: Annotated[str | None, typer.Option(help="voc: classes of head boxes to join with bodies, e.g. a,b.")] = None,
) -> None:
    """Convert annotations to the label layout that training reads.

    [bold]fairmot data convert pennfudan PennFudanPed people[/bold]
    """
    from fairmot.data.converters import convert_dataset

    summary = convert_dataset(
        kind, source, output, name=name, ignore=ignore, head_classes=tuple(heads.split(",")) if heads else ()
    )
    typer.echo(str(summary))


@data.command("synthesize")
def data_synthesize(
    output: Annotated[Path, typer.Argument(help="Folder for the sequence.")],
    people: Annotated[int, typer.Option(min=1, max=60)] = 12,
    frames: Annotated[int, typer.Option(min=1)] = 250,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    frame_rate: Annotated[float, typer.Option(min=0.1, help="Frames a second.")] = 25,
    overwrite: Overwrite = False,
) -> None:
    """Render a street with walking people, exact boxes and identities, in MOTChallenge layout.

    [bold]fairmot data synthesize streets --people 20 --seed 7[/bold]
    """
    from fairmot import console
    from fairmot.data.street import write_street

    with console.frame_progress() as progress:
        folder = write_street(
            output,
            people=people,
            frames=frames,
            seed=seed,
            frame_rate=frame_rate,
            overwrite=overwrite,
            progress=partial(progress, "street"),
        )
    typer.echo(str(folder))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise InputError(f"--input-size {text}: expected WIDTHxHEIGHT, for example 576x320")
    return int(width), int(height)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
