"""Commands that look at videos: track, demo."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli.options import (
    AnyConfidence,
    Device,
    Engine,
    InputSize,
    JsonOut,
    Overwrite,
    TrackerChoice,
    Weights,
    read_size,
    size_text,
    stop,
)
from fairmot.errors import InputError


def track(
    sources: Annotated[list[str] | None, typer.Argument(help="Video files, folders of pictures, pictures.")] = None,
    weights: Weights = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results; left out: runs/track/NAME.")] = None,
    tracker: TrackerChoice = "fairmot",
    confidence: AnyConfidence = None,
    input_size: InputSize = None,
    classes: Annotated[list[int] | None, typer.Option(help="Keep only these classes; repeatable.")] = None,
    engine: Engine = "auto",
    device: Device = "auto",
    start: Annotated[int | None, typer.Option(min=0, help="Index of the first frame, from 0.")] = None,
    end: Annotated[int | None, typer.Option(min=0, help="Index of the first frame left out.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Take each n-th frame.")] = 1,
    video: Annotated[bool, typer.Option(help="Also write the video with the tracks drawn.")] = True,
    pictures: Annotated[bool, typer.Option(help="Also write each frame with the tracks drawn.")] = False,
    save_detections: Annotated[
        bool, typer.Option(help="Also write what the detector found, NAME.detections.npz.")
    ] = False,
    detections: Annotated[
        list[Path] | None,
        typer.Option(help="Track these saved detections, or a MOTChallenge det.txt, instead of SOURCES; repeatable."),
    ] = None,
    record: Annotated[bool, typer.Option(help="Also write the tracker's record, for fairmot explain.")] = False,
    overwrite: Overwrite = False,
    as_json: JsonOut = False,
) -> None:
    """Track people in videos or picture folders.

    [bold]fairmot track street.mp4[/bold]
    [bold]fairmot track frames/ --confidence 0.3 --output results[/bold]
    [bold]fairmot track --detections runs/track/street/street.detections.npz[/bold]
    """
    from fairmot import console
    from fairmot.config import load_tracker_config

    if bool(sources) == bool(detections):
        raise InputError("give either sources or --detections FILE")
    config = load_tracker_config(tracker, confidence)
    if detections:
        from fairmot.recordings import load_recording
        from fairmot.replay import replay

        recordings = [load_recording(path) for path in detections]
        with console.frame_progress() as progress:
            runs = replay(recordings, config, output=output, overwrite=overwrite, record=record, progress=progress)
    else:
        from fairmot.detector import load_detector
        from fairmot.track import track as run_track

        detector = load_detector(weights, engine, device, input_size=read_size(input_size), classes=classes)
        console.notes().print(f"{detector.architecture} in {detector.engine} at {size_text(detector.input_size)}")
        with console.frame_progress() as progress:
            runs = run_track(
                sources or [],
                detector,
                config,
                output=output,
                overwrite=overwrite,
                video=video,
                pictures=pictures,
                start=start,
                end=end,
                every=every,
                save_detections=save_detections,
                record=record,
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
        stop("interrupted; the files above are complete up to there", code=130)


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
