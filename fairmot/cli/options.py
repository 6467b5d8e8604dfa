"""What several commands share: their options, and how a command ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from fairmot.errors import InputError

if TYPE_CHECKING:
    from fairmot.config import InferenceConfig, TrackerConfig

Weights = Annotated[
    Path | None, typer.Option("--weights", "-w", help="A .safetensors, .onnx or .xml file; else the shipped model.")
]
Engine = Annotated[str, typer.Option(help="auto, onnxruntime, openvino, torch or mindspore.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ascend.")]
Confidence = Annotated[float, typer.Option(min=0, max=1, help="Score a detection must exceed to be tracked.")]
AnyConfidence = Annotated[
    float | None,
    typer.Option(
        "--confidence", min=0, max=1, help="Score a detection must exceed; left out: as --tracker says [0.4]."
    ),
]
TrackerChoice = Annotated[
    str,
    typer.Option(
        help="auto (as the weights say, else fairmot), fairmot (published), byte, motion, fused, crowd (MOT20), or a "
        "YAML file of tracker constants."
    ),
]
ConfigFile = Annotated[
    str | None,
    typer.Option("--config", help="Configuration whose tracker and inference sections count where no option is given."),
]
Interpolate = Annotated[
    str | None,
    typer.Option(help="Fill gaps of up to 20 frames in the result rows: linear or gaussian.", metavar="METHOD"),
]
KeptClasses = Annotated[list[int] | None, typer.Option(help="Keep only these classes; repeatable.")]
InputSize = Annotated[str | None, typer.Option(help="Network input WIDTHxHEIGHT, multiples of 32, e.g. 576x320.")]
JsonOut = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Overwrite = Annotated[bool, typer.Option(help="Replace results of an earlier run.")]


def stop(message: str, code: int = 2) -> NoReturn:
    """Say one line on standard error and leave with an exit code."""
    print(f"fairmot: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def read_settings(
    config: str | None, tracker: str, confidence: float | None, own: Callable[[], TrackerConfig]
) -> tuple[TrackerConfig, InferenceConfig | None]:
    """Tracker's constants and, with a configuration, what it says of inference; ``own`` gives those of ``auto``.

    Raises:
        InputError: a file cannot be used, or both a configuration and a tracker are given.
    """
    from fairmot.config import load_config, load_tracker_config

    if config is None and tracker != "auto":
        return load_tracker_config(tracker, confidence), None
    changes = {} if confidence is None else {"confidence": confidence}
    if config is None:
        return own().changed(**changes), None
    if tracker != "auto":
        raise InputError(f"--tracker {tracker}: give it or --config, which has a tracker of its own")
    settings = load_config(config)
    return settings.tracker.changed(**changes), settings.inference


def read_size(text: str | None) -> tuple[int, int] | None:
    """Width and height out of `--input-size`.

    Raises:
        InputError: The text is not WIDTHxHEIGHT.
    """
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise InputError(f"--input-size {text}: expected WIDTHxHEIGHT, for example 576x320")
    return int(width), int(height)


def size_text(size: tuple[int, int]) -> str:
    """WIDTHxHEIGHT."""
    return f"{size[0]}x{size[1]}"
