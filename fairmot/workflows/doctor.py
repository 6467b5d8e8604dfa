"""Workflow ``doctor``. Check what is installed, whether it works, and whether it is as fast as it should be."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.engines import engines_with, installed_engines, known_engines, load_inference, load_kernel_choice
from fairmot.errors import InputError
from fairmot.network.initial import initial_weights
from fairmot.network.one_convolution import build_one_convolution
from fairmot.network.safetensors import load_weights
from fairmot.network.summary import summarize
from fairmot.progress import Log

LEAST_GFLOPS = 1.5
"""A 3x3 convolution of an engine must reach this on a processor, also a busy one.

Vectorised kernels reach 20 to 100 GFLOP/s a core; reference kernels (plain loops) 0.2 to 1.
"""

PATIENCE_SECONDS = 10.0
"""No attempt begins after this time: where one takes seconds, the answer is known."""

CONVOLUTION_SIZE = (96, 64)
CONVOLUTION_CHANNELS = 128
"""A 3x3 convolution of so many channels on a map of this size: 0.9 G multiply-adds."""

LIBRARIES = (
    *("numpy", "onnx", "onnxruntime", "openvino", "torch", "mindspore", "opencv-python-headless", "av", "supervision"),
    *("scipy", "safetensors", "pydantic"),
)

SUPPORTED_VERSIONS = {"mindspore": ("2.10.0", "2.10.0")}
"""Library -> first and last version that was tried and works, both included (docs/ascend.md)."""

State = Literal["ok", "absent", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    topic: str
    state: State
    """``absent``: optional, and not installed."""
    text: str


def examine(log: Log | None = None) -> list[Finding]:
    """Check the system, libraries, engines, video and weights; everything is well unless a finding is ``bad``.

    ``log`` gets the name of each topic that takes time.
    """
    log = log or (lambda line: None)
    findings = [Finding("system", "ok", _system())]
    findings += [_library(name) for name in LIBRARIES]
    for engine in known_engines():
        log(engine)
        findings.append(_engine(engine))
    log("video")
    findings.append(_attempt("H.264", _h264))
    log("weights")
    findings.append(_attempt("shipped weights", _weights))
    return findings


def _system() -> str:
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS")
    limit = f", OMP_NUM_THREADS {threads}" if threads else ""
    return f"Python {sys.version.split()[0]}, {platform.system()} {platform.machine()}, {usable} processors{limit}"


def _library(name: str) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "absent", "not installed")
    first, last = SUPPORTED_VERSIONS.get(name, (version, version))
    if _numbers(first) <= _numbers(version) <= _numbers(last):
        return Finding(name, "ok", version)
    supported = first if first == last else f"{first} to {last}"
    return Finding(name, "ok", f"{version}, not among the versions that were tried and work: {supported}")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: 2.10.1 of "2.10.1.post1"."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _engine(name: str) -> Finding:
    topic = f"engine {name}"
    if name not in installed_engines():
        return Finding(topic, "absent", "not installed")

    def check() -> str:
        gflops = convolution_gflops(name)
        speed = f"{gflops:.0f} GFLOP/s in a 3x3 convolution"
        if gflops < LEAST_GFLOPS:
            raise InputError(
                f"{speed}, expected {LEAST_GFLOPS:g} or more: this build computes with reference kernels, or "
                "the machine is very busy; try another version of it, or another engine"
            )
        kernels = load_kernel_choice(name).describe_instruction_set() if name in engines_with("kernels") else ""
        return "; ".join(filter(None, (speed, kernels, f"devices {', '.join(load_inference(name).devices())}")))

    return _attempt(topic, check)


def convolution_gflops(engine: str) -> float:
    """Return two times the multiply-adds a second of one 3x3 convolution on the processor, the best of several."""
    graph = build_one_convolution(CONVOLUTION_CHANNELS)
    width, height = CONVOLUTION_SIZE
    network = load_inference(engine).load_network(graph, initial_weights(graph), "cpu")
    pixels = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
    work = 2e-9 * summarize(graph, CONVOLUTION_SIZE).multiply_adds
    network(pixels)
    best, end = 0.0, time.perf_counter() + PATIENCE_SECONDS
    for attempt in range(12):
        start = time.perf_counter()
        network(pixels)
        stop = time.perf_counter()
        best = max(best, work / (stop - start))
        if stop > end or (attempt >= 2 and best >= LEAST_GFLOPS):
            break
    return best


def _h264() -> str:
    import av

    av.CodecContext.create("h264", "r")
    for name in ("libx264", "libopenh264", "h264"):
        try:
            av.CodecContext.create(name, "w")
        except Exception:  # its exceptions differ between versions
            continue
        return f"read, and written by {name}"
    raise InputError("no encoder: videos can be read, but none can be written; install av from its wheel")


def _weights() -> str:
    if not SHIPPED_WEIGHTS.is_file():
        raise InputError(f"{SHIPPED_WEIGHTS} is absent: this installation is incomplete; install the package again")
    file = load_weights(SHIPPED_WEIGHTS)
    width, height = file.network.input_size
    return f"{file.network.architecture}, {width} x {height}"


def _attempt(topic: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(topic, "ok", check())
    except Exception as error:  # whatever breaks is a finding
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Finding(topic, "bad", lines[0])
