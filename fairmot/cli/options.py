"""The options that several commands share: one name, one type and one subject everywhere.

A help text begins with its subject, which ends at the first full stop, colon, semicolon or bracket; what a command adds
of its own follows. ``tests/cli/test_names.py`` compares the subjects of options with the same name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

NETWORK, TRACKER, FRAMES, RESULTS, FILES = "Network", "Tracker", "Frames", "Results", "More files to write"
STREAMS, MANY, TRUTH = "Streams and cameras", "Many at a time", "Ground truth"
"""Panels of the help; what stands in none is among "Options"."""


def flag(name: str, panel: str | None, text: str) -> Any:
    """Return an option without a value, and without a ``--no-`` form."""
    return typer.Option(name, metavar="", rich_help_panel=panel, help=text)


def output(show_default: str | bool = True) -> Any:
    """Return ``--output``, whose default differs between commands."""
    return typer.Option(
        "--output", metavar="FOLDER", rich_help_panel=RESULTS, help="Folder for the results.", show_default=show_default
    )


def engine(names: str) -> Any:
    """Return ``--engine``, of which a command knows these."""
    return typer.Option(
        "--engine", metavar="NAME", rich_help_panel=NETWORK, help=f"Engine: {names}.", show_default=False
    )


def every(show_default: str | bool = True, more: str = "") -> Any:
    """Return ``--every``; ``more`` is what a command adds to its help."""
    return typer.Option(
        "--every",
        min=1,
        metavar="N",
        rich_help_panel=FRAMES,
        help=f"Step between frames{more}.",
        show_default=show_default,
    )


def source(show_default: str) -> Any:
    """Return ``--source``, whose default differs between commands."""
    return typer.Option(
        "--source", metavar="PATH", help="Source of the results: video or images.", show_default=show_default
    )


def classes(more: str = "") -> Any:
    """Return ``--classes``; ``more`` is what a command adds to its help."""
    return typer.Option(
        "--classes",
        metavar="IDS",
        rich_help_panel=NETWORK,
        help=f"Classes to keep: ids from 0, e.g. 0,2. Column 8 of MOTChallenge files holds id + 1.{more}",
        show_default="all",
    )


def video(show_default: str) -> Any:
    """Return ``--video``, whose default differs between commands."""
    return typer.Option(
        "--video/--no-video",
        metavar="",
        rich_help_panel=RESULTS,
        help="Video with tracks drawn: NAME.mp4.",
        show_default=show_default,
    )


def video_device(name: str, panel: str, subject: str) -> Any:
    """Return an option that names what decodes or encodes videos."""
    return typer.Option(
        name, metavar="NAME", rich_help_panel=panel, help=f"{subject}: software, auto, cuda etc.", show_default=False
    )


def processes(show_default: str | bool = True, more: str = "") -> Any:
    """Return ``--processes``; ``more`` is what a command adds to its help."""
    return typer.Option(
        "--processes",
        min=1,
        metavar="N",
        rich_help_panel=MANY,
        help=f"Number of processes{more}.",
        show_default=show_default,
    )


Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="FILE",
        rich_help_panel=NETWORK,
        help="Weights: .safetensors, .onnx, .xml, hf:OWNER/NAME.",
        show_default="the shipped model",
    ),
]
Engine = Annotated[str, engine("auto, onnxruntime, openvino, torch or mindspore")]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME", rich_help_panel=NETWORK, help="Device: auto, cpu, cuda or ascend.", show_default=False
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        rich_help_panel=NETWORK,
        help="Precision: auto, f32, bf16, f16; int8 by export.",
        show_default=False,
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        rich_help_panel=NETWORK,
        help="Network input: multiples of 32, e.g. 576x320.",
        show_default="of the weights",
    ),
]

DetectorInputSize = Annotated[
    str | None,
    typer.Option(
        "--input-size",
        metavar="WxH",
        rich_help_panel=NETWORK,
        help="Network input: 576x320 (multiples of 32), auto.",
        show_default="of the weights",
    ),
]
Classes = Annotated[str | None, classes()]
Raw = Annotated[bool, flag("--raw", NETWORK, "Head maps instead of detections.")]

ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        rich_help_panel=TRACKER,
        help="Configuration; options override its sections tracker and inference.",
    ),
]
TrackerChoice = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=TRACKER,
        help="Tracker parameters: auto (of the weights), fairmot (published), byte, motion, boxes, fused, crowd "
        "(MOT20), or a YAML file.",
        show_default=False,
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        "--confidence",
        metavar="X",
        min=0,
        max=1,
        rich_help_panel=TRACKER,
        help="Score threshold: only detections above it are tracked.",
        show_default="of the tracker parameters",
    ),
]
Interpolate = Annotated[
    str | None,
    typer.Option(
        metavar="METHOD",
        rich_help_panel=TRACKER,
        help="Fill gaps of up to 20 frames in the result rows: linear or gaussian.",
    ),
]

Start = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", rich_help_panel=FRAMES, help="Index of the first frame, from 0."),
]
Every = Annotated[int, every()]
Overwrite = Annotated[bool, flag("--overwrite", RESULTS, "Replace what exists already.")]
Images = Annotated[
    bool | None,
    typer.Option(
        "--images/--no-images",
        metavar="",
        rich_help_panel=RESULTS,
        help="Frames with tracks drawn: NAME/.",
        show_default="no",
    ),
]
SaveDetections = Annotated[bool, flag("--save-detections", FILES, "What the detector found: NAME.detections.npz.")]
Record = Annotated[bool, flag("--record", FILES, "The tracker's record for fairmot explain: NAME.record.npz.")]

BenchmarkName = Annotated[
    str,
    typer.Option(
        "--benchmark",
        metavar="NAME",
        rich_help_panel=TRUTH,
        help="Benchmark whose rules apply: auto, MOT15, MOT16, MOT17, MOT20, DanceTrack or none.",
    ),
]
HalfVal = Annotated[
    bool, flag("--half-val", TRUTH, "Only the second half of each sequence; its results count frames from 1.")
]

Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=MANY,
        help="Videos tracked at the same time.",
        show_default="one after the other",
    ),
]

Resume = Annotated[bool, flag("--resume", None, "Continue the run in the output folder.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Random seed.")]
People = Annotated[int, typer.Option(min=1, max=60, metavar="N", help="Number of people.")]

JsonOut = Annotated[bool, flag("--json", None, "Print the answer as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing but errors.")]
