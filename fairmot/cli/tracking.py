"""Commands that look at videos: track, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli import tracking_output
from fairmot.cli.options import (
    AnyConfidence,
    ConfigFile,
    Device,
    Engine,
    InputSize,
    Interpolate,
    JsonOut,
    KeptClasses,
    Overwrite,
    TrackerChoice,
    Weights,
    read_settings,
    read_size,
    size_text,
)
from fairmot.errors import InputError


def track(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Videos, folders of them or of images, globs, cameras (0), streams (rtsp://...), - (pipe)."
        ),
    ] = None,
    weights: Weights = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results; left out: runs/track/NAME.")] = None,
    config: ConfigFile = None,
    tracker: TrackerChoice = "auto",
    confidence: AnyConfidence = None,
    input_size: InputSize = None,
    classes: KeptClasses = None,
    engine: Engine = "auto",
    device: Device = "auto",
    start: Annotated[int | None, typer.Option(min=0, help="Index of the first frame, from 0.")] = None,
    end: Annotated[int | None, typer.Option(min=0, help="Index of the first frame left out.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Take each n-th frame.")] = 1,
    video: Annotated[bool | None, typer.Option(help="Also write the video with the tracks drawn [yes].")] = None,
    images: Annotated[bool | None, typer.Option(help="Also write each frame with the tracks drawn [no].")] = None,
    jsonl: Annotated[bool, typer.Option(help="Also write NAME.jsonl, one object a frame.")] = False,
    csv: Annotated[bool, typer.Option(help="Also write NAME.csv with a header.")] = False,
    crops: Annotated[bool, typer.Option(help="Also cut out each identity, twice a second.")] = False,
    heatmap: Annotated[bool, typer.Option(help="Show where people stood, also as NAME.heatmap.jpg.")] = False,
    blur: Annotated[bool, typer.Option(help="Make people unrecognisable in all that is drawn.")] = False,
    line: Annotated[list[str] | None, typer.Option(help="Count who crosses x1,y1,x2,y2; repeatable.")] = None,
    zone: Annotated[Path | None, typer.Option(help="Count who stands in polygons: a JSON file.")] = None,
    show: Annotated[bool, typer.Option(help="Show it in a window.")] = False,
    max_latency: Annotated[
        float | None, typer.Option(help="Seconds that a frame of a stream or camera may wait before it is dropped.")
    ] = None,
    give_up: Annotated[float, typer.Option(help="Seconds that a lost stream is tried again.")] = 30.0,
    together: Annotated[
        bool | None, typer.Option("--together/--in-turn", help="Several sources at once [streams: yes, files: no].")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Track so many videos at a time, each in a process; skip finished ones.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="The same on a Ray cluster: auto, HOST:PORT or local.", metavar="ADDRESS")
    ] = None,
    save_detections: Annotated[
        bool, typer.Option(help="Also write what the detector found, NAME.detections.npz.")
    ] = False,
    detections: Annotated[
        list[Path] | None,
        typer.Option(help="Track these saved detections, or a MOTChallenge det.txt, instead of SOURCES; repeatable."),
    ] = None,
    interpolate: Interpolate = None,
    record: Annotated[bool, typer.Option(help="Also write the tracker's record, for fairmot explain.")] = False,
    overwrite: Overwrite = False,
    as_json: JsonOut = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Track people in videos, image folders, streams and cameras.

    [bold]fairmot track street.mp4[/bold]
    [bold]fairmot track frames/ --confidence 0.3 --output results[/bold]
    [bold]fairmot track rtsp://camera/main --line 0,400,854,400 --max-latency 0.5[/bold]
    [bold]fairmot track videos/ --jobs 2[/bold]
    [bold]fairmot track --detections runs/track/street/street.detections.npz[/bold]
    """
    from fairmot.cli import console
    from fairmot.detector import load_detector, weights_tracker
    from fairmot.formats.recordings import load_recording

    if bool(sources) == bool(detections):
        raise InputError("give either sources or --detections FILE")
    filling = None if interpolate is None else tracking_output.gap_filling(interpolate, jobs, ray)
    recordings = [load_recording(path) for path in detections or ()]
    own = (lambda: recordings[0].tracker) if recordings else (lambda: weights_tracker(weights))
    constants, inference = read_settings(config, tracker, confidence, own)
    if video is None:
        video = inference.save_videos if inference else True
    if images is None:
        images = inference.save_images if inference else False
    wanted = tracking_output.read(video, images, jsonl, csv, crops, heatmap, blur, line, zone, show)
    if detections:
        from fairmot.workflows.track.replay import replay

        with tracking_output.progress(quiet) as progress:
            runs = replay(recordings, constants, output=output, overwrite=overwrite, record=record, progress=progress)
        steps = [recording.every for recording in recordings]
    elif jobs is not None or ray is not None:
        from fairmot.workflows.track.jobs import DetectorChoice, SourceJob, track_many
        from fairmot.workflows.track.track import DEFAULT_FOLDER

        if save_detections or record or show:
            raise InputError("--jobs and --ray go without --save-detections, --record and --show")
        choice = DetectorChoice(weights, engine, device, read_size(input_size), tuple(classes) if classes else None)
        plan = SourceJob("", Path(), choice, constants, wanted, start, end, every)
        with tracking_output.job_progress(quiet) as told:
            results = track_many(
                sources or [],
                output or DEFAULT_FOLDER,
                plan=plan,
                jobs=jobs or 1,
                ray=ray,
                overwrite=overwrite,
                **told,
            )
        tracking_output.end_of_jobs(results, as_json)
        return
    else:
        from fairmot.media.sources.live import LiveOptions
        from fairmot.workflows.track.track import track as run_track

        live = LiveOptions(max_latency_seconds=max_latency, give_up_seconds=give_up)
        lowest = inference.confidence if inference else 0.1
        detector = load_detector(weights, engine, device, lowest, read_size(input_size), classes)
        if not quiet:
            console.notes().print(f"{detector.architecture} in {detector.engine} at {size_text(detector.input_size)}")
        with tracking_output.progress(quiet) as progress:
            runs = run_track(
                sources or [],
                detector,
                constants,
                output=output,
                overwrite=overwrite,
                outputs=wanted,
                start=start,
                end=end,
                every=every,
                live=live,
                together=together,
                save_detections=save_detections,
                record=record,
                progress=progress,
            )
        steps = [every] * len(runs)
    if filling is not None:
        runs = [filling(run, step) for run, step in zip(runs, steps, strict=True)]
    tracking_output.end_of_runs(runs, as_json, quiet)


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the rendered street and the results.")] = Path("demo"),
    people: Annotated[int, typer.Option(min=1, max=60)] = 12,
    frames: Annotated[int, typer.Option(min=2)] = 250,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Render a street, track the people on it with the shipped model, score the result.

    [bold]fairmot demo[/bold]
    """
    from fairmot.cli import console
    from fairmot.workflows.demo import demo as run_demo

    with console.frame_progress() as progress:
        result = run_demo(output, people, frames, seed, progress)
    console.print_scores(result.report)
    typer.echo(f"video: {result.video}")
