"""The command that tracks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairmot.cli import modes, options, tracking_output
from fairmot.cli.settings import chosen, lowest_score, read_canvas, read_classes, read_settings
from fairmot.errors import InputError

if TYPE_CHECKING:
    from fairmot.config import InferenceConfig
    from fairmot.formats.recordings import Recording


def track(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCES",
            help="Videos, folders of them or of images, globs, cameras (0), streams (rtsp://...), - (pipe).",
        ),
    ] = None,
    weights: options.Weights = None,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    input_size: options.DetectorInputSize = None,
    classes: options.Classes = None,
    tracker: options.TrackerChoice = "auto",
    confidence: options.Confidence = None,
    config: options.ConfigFile = None,
    interpolate: options.Interpolate = None,
    refine: Annotated[
        bool, options.flag("--refine", options.TRACKER, "Link, fill and smooth tracks at the end.")
    ] = False,
    detections: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=options.TRACKER,
            help="SOURCES are saved detections, .npz or .txt, folders or globs of them.",
        ),
    ] = None,
    start: options.Start = None,
    end: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", rich_help_panel=options.FRAMES, help="Index of the first frame left out."),
    ] = None,
    every: options.Every = 1,
    video_decoder: Annotated[str, options.video_device("--video-decoder", options.FRAMES, "Decoder")] = "software",
    output: Annotated[Path | None, options.output(show_default="runs/track/NAME")] = None,
    overwrite: options.Overwrite = False,
    video: Annotated[bool | None, options.video("yes")] = None,
    video_height: Annotated[
        int | None,
        typer.Option(
            metavar="PX", rich_help_panel=options.RESULTS, help="Largest height of the video.", show_default=False
        ),
    ] = None,
    video_encoder: Annotated[str, options.video_device("--video-encoder", options.RESULTS, "Encoder")] = "software",
    no_audio: Annotated[bool, options.flag("--no-audio", options.RESULTS, "Leave the sound out of the video.")] = False,
    images: options.Images = None,
    csv: Annotated[bool, options.flag("--csv", options.FILES, "Rows with a header: NAME.csv.")] = False,
    jsonl: Annotated[bool, options.flag("--jsonl", options.FILES, "One JSON object a frame: NAME.jsonl.")] = False,
    crops: Annotated[bool, options.flag("--crops", options.FILES, "Crops of each identity: NAME-crops/.")] = False,
    heatmap: Annotated[bool, options.flag("--heatmap", options.FILES, "Where people stood: NAME.heatmap.jpg.")] = False,
    line: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X1,Y1,X2,Y2",
            rich_help_panel=options.FILES,
            help="Count people who cross a line, in pixels or fractions of the image: NAME.lines.csv; repeatable.",
        ),
    ] = None,
    zone: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=options.FILES,
            help="Count people in polygons (JSON): NAME.zones.csv.",
        ),
    ] = None,
    anchor: Annotated[
        str,
        typer.Option(
            metavar="POINT",
            rich_help_panel=options.FILES,
            help="Point that counts: feet or centre.",
            show_default=False,
        ),
    ] = "feet",
    line_margin: Annotated[
        float,
        typer.Option(
            metavar="X",
            rich_help_panel=options.FILES,
            help="Margin at lines: part of a box height.",
            show_default=False,
        ),
    ] = 0.1,
    save_detections: options.SaveDetections = False,
    record: options.Record = False,
    blur: Annotated[bool, options.flag("--blur", options.RESULTS, "Blur people in all that is drawn.")] = False,
    show: Annotated[bool, options.flag("--show", options.RESULTS, "Show the drawn frames in a window.")] = False,
    max_latency: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            rich_help_panel=options.STREAMS,
            help="Drop frames that have waited longer.",
            show_default="never",
        ),
    ] = None,
    give_up: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            rich_help_panel=options.STREAMS,
            help="Time to reconnect to a stream: 30 by default.",
            show_default=False,
        ),
    ] = 30.0,
    together: Annotated[
        bool | None,
        typer.Option(
            "--together/--in-turn",
            metavar="",
            rich_help_panel=options.MANY,
            help="Several sources at the same time.",
            show_default="streams only",
        ),
    ] = None,
    jobs: options.Jobs = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            rich_help_panel=options.MANY,
            help="Jobs on a Ray cluster: auto, HOST:PORT or local.",
        ),
    ] = None,
    as_json: options.JsonOut = False,
    quiet: options.Quiet = False,
) -> None:
    """Track people in videos, image folders, streams and cameras.

    [bold]fairmot track street.mp4[/bold]
    [bold]fairmot track frames/ --confidence 0.3 --output results[/bold]
    [bold]fairmot track rtsp://camera/main --line 0,400,854,400 --max-latency 0.5[/bold]
    [bold]fairmot track videos/ --jobs 2[/bold]
    [bold]fairmot track --detections runs/track/street/street.detections.npz --csv[/bold]
    """
    if not sources and not detections:
        raise InputError("track: give SOURCES or --detections FILE")
    mode = _mode(sources or [], detections, jobs, ray)
    mode.check(context)
    if refine and interpolate is not None:
        raise InputError("--refine fills the gaps itself; leave out --interpolate")
    filled = tracking_output.gap_filling(interpolate)
    saved = _saved(detections, sources or [])
    recordings = tracking_output.read_recordings(saved, confidence if config is None and tracker == "auto" else None)
    parameters, inference = None, None
    if not recordings or config is not None or tracker != "auto":
        from fairmot.detector import weights_tracker

        # Several recordings keep the parameters that go with each of them.
        parameters, inference = read_settings(config, tracker, confidence, lambda: weights_tracker(weights))
    if recordings and inference is not None:
        recordings = _as_configured(recordings, inference, config)
    kept = read_classes(classes)
    selection: dict[str, Any] = {"start": start, "end": end, "every": every}
    outputs = tracking_output.read_outputs(
        line,
        zone,
        show,
        anchor,
        line_margin,
        video=not recordings and chosen(video, inference, "save_videos", True),
        images=not recordings and chosen(images, inference, "save_images", False),
        audio=not no_audio,
        video_height=video_height,
        video_encoder=video_encoder,
        jsonl=jsonl,
        csv=csv,
        crops=crops,
        heatmap=heatmap,
        blur=blur,
    )
    written: dict[str, Any] = {
        "output": output,
        "overwrite": overwrite,
        "outputs": outputs,
        "record": record,
        "refine": refine,
    }
    if mode is modes.TRACK_DETECTIONS:
        from fairmot.workflows.track.replay import replay

        with tracking_output.progress(quiet) as progress:
            runs = replay(recordings, parameters, progress=progress, **written, **{**selection, "classes": kept})
        steps = [recording.every * every for recording in recordings]
        tracking_output.end_of_runs(filled(runs, steps), as_json, quiet)
        return
    from fairmot.workflows.track.job import DetectorChoice, SourceJob

    size, lowest = read_canvas(input_size), lowest_score(inference)
    choice = DetectorChoice(weights, engine, device, size, None if kept is None else tuple(kept), lowest, precision)
    if mode in (modes.TRACK_JOBS, modes.TRACK_RAY):
        from fairmot.workflows.track.gap_filling import read_method

        plan = SourceJob(
            "",
            Path(),
            choice,
            parameters,
            outputs,
            **selection,
            video_decoder=video_decoder,
            save_detections=save_detections,
            record=record,
            refine=refine,
            interpolate=None if interpolate is None else read_method(interpolate),
        )
        how = {"jobs": jobs or 1, "ray": ray, "overwrite": overwrite}
        tracking_output.track_jobs(sources or [], output, plan, as_json, quiet, **how)
        return
    from fairmot.detector import load_detector
    from fairmot.media.sources.live import LiveOptions
    from fairmot.workflows.track.track import track as run_track

    live = LiveOptions(max_latency_seconds=max_latency, give_up_seconds=give_up)
    detector = load_detector(**asdict(choice))
    tracking_output.announce(detector, quiet)
    with tracking_output.progress(quiet) as progress:
        runs = run_track(
            sources or [],
            detector,
            parameters,
            live=live,
            video_decoder=video_decoder,
            together=together,
            save_detections=save_detections,
            progress=progress,
            **written,
            **selection,
        )
    tracking_output.end_of_runs(filled(runs, [every] * len(runs)), as_json, quiet)


def _mode(sources: list[str], detections: list[Path] | None, jobs: int | None, ray: str | None) -> modes.Mode:
    if detections:
        return modes.TRACK_DETECTIONS
    if ray is not None:
        return modes.TRACK_RAY
    if jobs is not None:
        return modes.TRACK_JOBS
    from fairmot.media.sources.locations import live_location

    places = [place for source in sources if (place := live_location(source)) is not None]
    if any(place.is_endless for place in places):
        return modes.TRACK_LIVE
    return modes.TRACK_PIPE if places else modes.TRACK_FILES


def _saved(detections: list[Path] | None, sources: list[str]) -> list[str | Path]:
    """Return all files of detections: a shell puts those that a pattern names after the first one among the sources.

    Raises:
        InputError: one of the sources is no such file.
    """
    if not detections:
        return []
    for source in sources:
        if not (source.endswith((".npz", ".txt")) or Path(source).is_dir()):
            raise InputError(f"{modes.TRACK_DETECTIONS.name} does not take {source}: it is no file of detections")
    return [*detections, *sources]


def _as_configured(recordings: list[Recording], inference: InferenceConfig, config: str | None) -> list[Recording]:
    """Apply what a configuration file says itself of inference to recordings.

    Raises:
        InputError: it requests videos or images.
    """
    from fairmot.workflows.track.selection import select_scores

    for name in ("save_videos", "save_images"):
        if chosen(None, inference, name, False):
            raise InputError(
                f"{config}: inference.{name} needs images, which saved detections do not hold; set it false"
            )
    if "confidence" not in inference.model_fields_set:
        return recordings
    return [select_scores(recording, inference.confidence) for recording in recordings]
