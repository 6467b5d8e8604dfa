"""The modes of a command, and the options that each of them takes.

A command without a table here has one mode, which takes all of its options. Any other option that a person gives is an
error that names the mode and the option: none is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

from fairmot.errors import InputError


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which a command works."""

    name: str
    """What errors call it."""
    takes: frozenset[str]
    """Names of the parameters (of the command's function) that it takes."""
    reason: str
    """Why it takes no others."""

    def check(self, context: typer.Context) -> None:
        """Check what was given on the command line or in the environment.

        Raises:
            InputError: an argument or option that the mode does not take.
        """
        refused = [label(each) for each in given(context) if each.name not in self.takes]
        if refused:
            raise InputError(f"{self.name} does not take {', '.join(refused)}: {self.reason}")


def given(context: typer.Context) -> list[Any]:
    """Return the parameters that a person set, rather than their defaults."""
    sources = {each.name: context.get_parameter_source(each.name or "") for each in context.command.params}
    return [
        each
        for each in context.command.params
        if (source := sources[each.name]) is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")
    ]


def label(parameter: Any) -> str:
    """Return what a person calls a parameter: the long name of an option, an argument in capitals."""
    names = [name for name in parameter.opts if name.startswith("--")]
    return str(names[0] if names else parameter.metavar or parameter.name.upper())


def _mode(name: str, takes: str, reason: str) -> Mode:
    return Mode(name, frozenset(takes.split()), reason)


_SELECTION = "start end every classes"
_NETWORK = "weights engine device precision input_size"
_TRACKER = "config tracker confidence"
_TABLES = "jsonl csv line zone anchor line_margin"
_DRAWN = "video video_height video_encoder no_audio images crops heatmap blur"
_ANSWER = "output overwrite as_json quiet"
_SAVED = "interpolate refine save_detections record"

_VIDEOS = f"sources video_decoder {_SELECTION} {_NETWORK} {_TRACKER} {_TABLES} {_DRAWN} {_SAVED} {_ANSWER}"
_IN_PROCESS = f"{_VIDEOS} together show"
_OWN_PROCESS = "each video is a file with an end, tracked in a process of its own without a window"

TRACK_FILES = _mode("track of files", _IN_PROCESS, "files neither wait nor get lost, as streams and cameras do")
TRACK_LIVE = _mode("track of streams and cameras", f"{_IN_PROCESS} max_latency give_up", "it reads images")
TRACK_PIPE = _mode("track of a pipe", f"{_IN_PROCESS} max_latency", "a pipe that ends cannot be opened again")
TRACK_DETECTIONS = _mode(
    "track --detections",
    f"detections sources {_SELECTION} {_TRACKER} {_TABLES} {_ANSWER} interpolate refine record",
    "saved detections need no network and hold no images",
)
TRACK_JOBS = _mode("track --jobs", f"{_VIDEOS} jobs", _OWN_PROCESS)
TRACK_RAY = _mode("track --ray", f"{_VIDEOS} jobs ray", _OWN_PROCESS)

TRAIN = _mode(
    "train", "config overrides resume engine device processes dry_run", "it trains on the data of the configuration"
)
SELF_CHECK = _mode(
    "train --self-check", "config overrides engine device check", "it overfits eight images in one process"
)

_EVALUATE = f"dataset {_NETWORK} {_TRACKER} benchmark classes interpolate video images save_detections record archive"
EVALUATE = _mode("evaluate", f"{_EVALUATE} half_val output overwrite published as_json", "")
EVALUATE_TEST = _mode("evaluate of a test set", f"{_EVALUATE} output overwrite as_json", "there is no ground truth")

_EXPLAIN = "ground_truth results frame identity kind sequence record_file every benchmark half_val classes as_json"
EXPLAIN = _mode("explain without --sheets", _EXPLAIN, "only contact sheets show images")
EXPLAIN_SHEETS = _mode("explain --sheets", f"{_EXPLAIN} sheets source", "")

_REPORT = "run page source embed compare start every as_json"
REPORT = _mode("report without --ground-truth", _REPORT, "nothing is compared with ground truth")
REPORT_TRUTH = _mode("report --ground-truth", f"{_REPORT} ground_truth benchmark", "")

_BENCHMARK = "networks engines input_size device threads as_json"
BENCHMARK = _mode(
    "benchmark",
    f"{_BENCHMARK} precisions seconds raw markdown",
    "it times detection; a batch belongs to --training",
)
BENCHMARK_TRAINING = _mode(
    "benchmark --training",
    f"{_BENCHMARK} precisions seconds training batch markdown",
    "it times whole optimizer steps",
)
BENCHMARK_PROFILE = _mode(
    "benchmark --profile", f"{_BENCHMARK} profile", "it lists the operators of one network in float32"
)

DESCRIBE = _mode("describe", "network input_size layers as_json", "it shows one network")
DESCRIBE_ALL = _mode("describe --all", "all_ input_size as_json", "it compares all architectures in one table")

_EXPORT = "weights output format_ precision evaluate input_size raw overwrite as_json"
EXPORT = _mode("export in f32 and f16", _EXPORT, "only int8 is calibrated")
EXPORT_INT8 = _mode("export --precision int8", f"{_EXPORT} calibrate", "it writes one file for a runtime")
EXPORT_HUB = _mode("export --hub", "weights hub overwrite as_json", "it writes the weights as they are")

_CONVERT = "source target naming overwrite as_json"
CONVERT = _mode("convert", f"{_CONVERT} architecture partial", "")
CONVERT_ONNX = _mode("convert of .onnx", _CONVERT, "RTMDet-nano becomes the start weights of lite")

MODES: dict[str, tuple[Mode, ...]] = {
    "track": (TRACK_FILES, TRACK_LIVE, TRACK_PIPE, TRACK_DETECTIONS, TRACK_JOBS, TRACK_RAY),
    "train": (TRAIN, SELF_CHECK),
    "evaluate": (EVALUATE, EVALUATE_TEST),
    "explain": (EXPLAIN, EXPLAIN_SHEETS),
    "report": (REPORT, REPORT_TRUTH),
    "benchmark": (BENCHMARK, BENCHMARK_TRAINING, BENCHMARK_PROFILE),
    "describe": (DESCRIBE, DESCRIBE_ALL),
    "export": (EXPORT, EXPORT_INT8, EXPORT_HUB),
    "convert": (CONVERT, CONVERT_ONNX),
}
"""Command -> its modes."""
