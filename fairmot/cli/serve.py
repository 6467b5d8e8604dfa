"""``fairmot serve``: web page and HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli import options
from fairmot.cli.settings import read_canvas, read_classes, read_settings, size_text
from fairmot.errors import InputError

_SERVER, _LIMITS = "Server", "Limits"


def serve(
    weights: options.Weights = None,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    input_size: options.DetectorInputSize = None,
    classes: options.Classes = None,
    tracker: options.TrackerChoice = "auto",
    confidence: options.Confidence = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            rich_help_panel=_SERVER,
            help="Address to listen on; others than this machine need a token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port", "-p", min=0, max=65535, metavar="N", rich_help_panel=_SERVER, help="Port; 0: any free one."
        ),
    ] = 8000,
    host_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", rich_help_panel=_SERVER, help="Host name that clients may call; repeatable."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="FAIRMOT_SERVE_TOKEN",
            show_envvar=True,
            metavar="TEXT",
            rich_help_panel=_SERVER,
            help="Secret that clients must give.",
        ),
    ] = None,
    allow_paths: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", rich_help_panel=_SERVER, help="Let clients name videos in this folder."),
    ] = None,
    allow_streams: Annotated[bool, options.flag("--allow-streams", _SERVER, "Let clients name streams.")] = False,
    max_upload: Annotated[
        float, typer.Option(metavar="MIB", rich_help_panel=_LIMITS, help="Size of an upload, MiB.")
    ] = 2048,
    max_minutes: Annotated[
        float,
        typer.Option(metavar="MINUTES", rich_help_panel=_LIMITS, help="Length of a video; streams end there."),
    ] = 60,
    max_waiting: Annotated[int, typer.Option(metavar="N", rich_help_panel=_LIMITS, help="Jobs in the queue.")] = 20,
    jobs: options.Jobs = None,
    output: Annotated[Path, options.output()] = Path("runs/serve"),
    quiet: options.Quiet = False,
) -> None:
    """Serve a web page and an HTTP API: upload videos, watch them being tracked, download the results.

    [bold]fairmot serve[/bold]
    [bold]fairmot serve --weights best.safetensors --port 8080 --jobs 2[/bold]
    [bold]fairmot serve --allow-paths /srv/videos --allow-streams[/bold]
    """
    from fairmot.cli import console
    from fairmot.detector import Detector, load_detector, weights_tracker

    try:
        from fairmot.serve.server import serve as run_server
        from fairmot.serve.service import Model
        from fairmot.serve.settings import Settings
    except ImportError as error:
        raise InputError(f"serve: {error.name} is not installed; pip install 'fairmot[serve]'") from error

    settings = Settings(
        folder=output,
        host=host,
        port=port,
        token=token or None,
        names=tuple(host_name or ()),
        allow_paths=allow_paths,
        allow_streams=allow_streams,
        max_upload_bytes=round(max_upload * 2**20),
        max_seconds=max_minutes * 60,
        max_frames=round(max_minutes * 60 * 60),
        max_waiting=max_waiting,
        jobs=jobs or 1,
    )
    kept = read_classes(classes)
    parameters, _ = read_settings(None, tracker, confidence, lambda: weights_tracker(weights))

    def load() -> Detector:
        size = read_canvas(input_size)
        return load_detector(weights, engine, device, input_size=size, classes=kept, precision=precision)

    detector = load()
    description = f"{detector.architecture} in {detector.engine} at {size_text(detector.input_size)}"

    def started(address: str) -> None:
        if not quiet:
            console.notes().print(f"{description}; Ctrl-C ends")
            typer.echo(address)

    run_server(settings, Model(load, parameters, description), started)
