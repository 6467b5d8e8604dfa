"""Commands that stay: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairmot.cli.options import (
    AnyConfidence,
    Device,
    Engine,
    InputSize,
    KeptClasses,
    TrackerChoice,
    Weights,
    read_settings,
    read_size,
    size_text,
)
from fairmot.errors import InputError


def serve(
    weights: Weights = None,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="Where to listen; beyond this machine only with a token.")] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(envvar="FAIRMOT_SERVE_TOKEN", show_envvar=True, help="Secret that clients must give."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Host name by which it may be called; repeatable."),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for jobs and results.")] = Path("runs/serve"),
    allow_paths: Annotated[
        Path | None, typer.Option(help="Let clients name videos in this folder.", metavar="FOLDER")
    ] = None,
    allow_streams: Annotated[bool, typer.Option("--allow-streams", help="Let clients name streams.")] = False,
    max_upload: Annotated[float, typer.Option(help="MiB of an upload.")] = 2048,
    max_minutes: Annotated[float, typer.Option(help="Length of a video; streams end there.")] = 60,
    max_waiting: Annotated[int, typer.Option(help="Jobs in the queue.")] = 20,
    jobs: Annotated[int, typer.Option(help="Jobs at the same time.")] = 1,
    tracker: TrackerChoice = "auto",
    confidence: AnyConfidence = None,
    input_size: InputSize = None,
    classes: KeptClasses = None,
    engine: Engine = "auto",
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Open a live page and an HTTP API: upload videos, watch them being tracked, download the results.

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
        names=tuple(name or ()),
        allow_paths=allow_paths,
        allow_streams=allow_streams,
        max_upload_bytes=round(max_upload * 2**20),
        max_seconds=max_minutes * 60,
        max_frames=round(max_minutes * 60 * 60),
        max_waiting=max_waiting,
        jobs=jobs,
    )
    config, _ = read_settings(None, tracker, confidence, lambda: weights_tracker(weights))

    def load() -> Detector:
        return load_detector(weights, engine, device, input_size=read_size(input_size), classes=classes)

    detector = load()
    description = f"{detector.architecture} in {detector.engine} at {size_text(detector.input_size)}"

    def started(address: str) -> None:
        if not quiet:
            console.notes().print(f"{description}; Ctrl-C ends")
            typer.echo(address)

    run_server(settings, Model(load, config, description), started)
