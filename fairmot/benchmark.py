"""Journey: benchmark. How fast networks run on this machine, and how near that is to what the machine can do."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairmot.config import Config, NetworkConfig
from fairmot.data.loader import Batch
from fairmot.engines import EXPORTED, TRAINING_ENGINES, installed_engines, load_engine
from fairmot.errors import InputError, closest_name
from fairmot.network.architectures import ARCHITECTURES, build_graph
from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.summary import summarize
from fairmot.network.weights import Arrays, check_weights, load_weights

CEILING_SIZE = (128, 96)
CEILING_CHANNELS = 256
"""The practical ceiling is a 3x3 convolution of so many channels on a map of this size: 7.2 G multiply-adds."""

WARM_UPS = 2
LEAST_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one network runs in one engine."""

    network: str
    engine: str
    precision: str
    input_size: tuple[int, int]
    milliseconds: float
    """A picture; the median."""
    quartiles: tuple[float, float]
    """A quarter of the pictures was faster than the first, and a quarter slower than the second."""
    least: float
    """The fastest picture: what the machine can do when nothing else runs."""
    frames_per_second: float
    """By the median."""
    gflops: float
    """Two times the multiply-adds of all layers (``fairmot describe``) over the fastest picture."""
    ceiling_gflops: float
    """The same of one large 3x3 convolution, measured in turns with the network."""
    ceiling_share: float
    """``gflops`` over ``ceiling_gflops``."""


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """How fast one network trains in one engine."""

    network: str
    engine: str
    input_size: tuple[int, int]
    batch: int
    milliseconds: float
    """A step; the median."""
    quartiles: tuple[float, float]
    images_per_second: float


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to be measured."""

    name: str
    graph: Graph
    weights: Arrays


@dataclass(frozen=True, slots=True)
class Skipped:
    """A combination that cannot be measured here, and why."""

    network: str
    engine: str
    precision: str
    reason: str


def find_subject(name: str) -> Subject:
    """Return the network of a weight file, or an architecture with random weights, on which speed does not depend.

    Raises:
        InputError: nothing of that name, or an exported file.
    """
    path = Path(name)
    if path.suffix in EXPORTED:
        raise InputError(f"{name}: is exported already; give the .safetensors file that it was made from")
    if path.suffix == ".safetensors":
        file = load_weights(path)
        graph = build_graph(file.network)
        check_weights(graph, file.arrays, name)
        return Subject(file.network.architecture, graph, file.arrays)
    if name not in ARCHITECTURES:
        closest = closest_name(name, ARCHITECTURES)
        known = ", ".join(ARCHITECTURES)
        raise InputError(f"{name}: neither a .safetensors file nor an architecture{closest}; known: {known}")
    graph = build_graph(LITE if name == LITE.architecture else NetworkConfig(architecture=name))
    return Subject(name, graph, initial_weights(graph))


def use_threads(count: int) -> None:
    """Let engines that are not loaded yet take so many threads.

    Raises:
        InputError: less than one.
    """
    if count < 1:
        raise InputError(f"{count} threads: expected 1 or more")
    os.environ["OMP_NUM_THREADS"] = str(count)


def measure(
    names: Sequence[str],
    engines: Sequence[str] = (),
    precisions: Sequence[str] = ("f32",),
    input_size: tuple[int, int] | None = None,
    device: str = "auto",
    *,
    raw: bool = False,
    seconds: float = 5.0,
    progress: Callable[[str], None] = lambda row: None,
) -> tuple[list[Speed], list[Skipped]]:
    """Measure networks x engines x precisions, each in turns with one large convolution of the same engine.

    Args:
        names: weight files or architectures.
        engines: names of engines; none: every installed one.
        precisions: of ``f32``, ``bf16``, ``f16``, ``int8``.
        input_size: width and height, multiples of 32; None: the size each network was made for.
        device: as of ``load_detector``.
        raw: time the head maps alone: no conversion of the picture, no decoding, every head computed everywhere.
        seconds: time for each row, warming up and loading aside.
        progress: told what is being measured.

    Raises:
        InputError: an unknown network or engine, or a wrong size.
    """
    if input_size is not None and any(side < 32 or side % 32 for side in input_size):
        raise InputError(f"input size {input_size[0]} x {input_size[1]}: width and height must be multiples of 32")
    rows, skipped = [], []
    ceiling = ceiling_subject()
    for subject in [find_subject(name) for name in names]:
        size = input_size or subject.graph.config.input_size
        for engine in engines or installed_engines():
            for precision in precisions:
                progress(f"{subject.name} in {engine}, {precision}")
                try:
                    run = _runner(subject, engine, precision, size, device, raw)
                    run_ceiling = _runner(ceiling, engine, precision, CEILING_SIZE, device, raw)
                except InputError as error:
                    if engine not in installed_engines():
                        raise
                    skipped.append(Skipped(subject.name, engine, precision, str(error)))
                    continue
                times, ceiling_times = _in_turns(run, run_ceiling, seconds)
                rows.append(_speed(subject, engine, precision, size, times, ceiling_times))
    return rows, skipped


def measure_training(
    names: Sequence[str],
    engines: Sequence[str] = (),
    input_size: tuple[int, int] | None = None,
    device: str = "auto",
    *,
    batch: int = 2,
    seconds: float = 10.0,
    progress: Callable[[str], None] = lambda row: None,
) -> list[TrainingSpeed]:
    """Measure whole optimiser steps on pictures that are in memory already.

    Raises:
        InputError: an unknown network or engine, or one that cannot train.
    """
    rows = []
    for subject in [find_subject(name) for name in names]:
        width, height = size = input_size or subject.graph.config.input_size
        network = subject.graph.config.model_copy(update={"input_width_px": width, "input_height_px": height})
        for engine in engines or [name for name in TRAINING_ENGINES if name in installed_engines()]:
            if engine not in TRAINING_ENGINES:
                raise InputError(f"engine {engine!r} cannot train; choose one of: {', '.join(TRAINING_ENGINES)}")
            progress(f"training {subject.name} in {engine}")
            trainer = load_engine(engine).create_trainer(
                subject.graph, subject.weights, 1000, Config(network=network), device
            )
            data = _training_batch(subject.graph, size, batch)
            times, _ = _in_turns(lambda t=trainer, d=data: t.step(d, 1e-6), None, seconds)  # type: ignore[misc]
            median = statistics.median(times)
            rows.append(
                TrainingSpeed(subject.name, engine, size, batch, median, _quartiles(times), 1000 * batch / median)
            )
    return rows


def profile(name: str, engine: str, input_size: tuple[int, int] | None = None, device: str = "auto") -> list[Any]:
    """Return the operators of a network, the slowest first (see ``engines.onnx.profile``).

    Raises:
        InputError: an unknown network, or an engine that tells no times of its operators.
    """
    subject = find_subject(name)
    module: Any = load_engine(engine)
    if not hasattr(module, "profile_detector"):
        raise InputError(f"engine {engine} tells no times of its operators; take onnxruntime or openvino")
    layers: list[Any] = module.profile_detector(
        subject.graph, subject.weights, input_size or subject.graph.config.input_size, device
    )
    return layers


def ceiling_subject() -> Subject:
    """Return a network that is next to nothing but one large 3x3 convolution."""
    builder = GraphBuilder()
    x = builder.convolution(builder.input(), "stem", CEILING_CHANNELS, 1)
    x = builder.convolution(x, "large", CEILING_CHANNELS, 3, bias=True)
    channels = {"heatmap": 1, "extents": 4, "offsets": 2, "embedding": 1}
    heads = {head: builder.convolution(x, f"{head}.0", count, 1, bias=True) for head, count in channels.items()}
    graph = builder.finish(LITE.model_copy(update={"embedding": 1}), heads)
    return Subject("one 3x3 convolution", graph, initial_weights(graph))


def _runner(
    subject: Subject, engine: str, precision: str, size: tuple[int, int], device: str, raw: bool
) -> Callable[[], Any]:
    """What one picture takes: a function without arguments."""
    module: Any = load_engine(engine)
    width, height = size
    rng = np.random.default_rng(0)
    canvas = rng.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    pixels = rng.random((1, 3, height, width), dtype=np.float32)
    options = {} if precision == "f32" else {"precision": precision}
    if options and precision in getattr(module, "EXPORT_PRECISIONS", ()):
        suffix = next(suffix for suffix, engines in EXPORTED.items() if engines[0] == engine)
        with tempfile.TemporaryDirectory(prefix="fairmot-") as folder:
            path = Path(folder, f"model{suffix}")
            module.export_file(
                path, subject.graph, subject.weights, input_size=size, raw=raw, precision=precision, pictures=canvas
            )
            if raw:
                network = module.load_exported_network(path, device).heads
            else:
                network = module.load_exported_detector(path, device).detector
    elif options and precision not in getattr(module, "PRECISIONS", ("f32",)):
        raise InputError(f"engine {engine} does not run in {precision}")
    elif raw:
        network = module.load_network(subject.graph, subject.weights, device, **options)
    else:
        network = module.load_canvas_detector(subject.graph, subject.weights, size, device=device, **options)
    return (lambda: network(pixels)) if raw else (lambda: network(canvas))


def _in_turns(
    run: Callable[[], Any], other: Callable[[], Any] | None, seconds: float
) -> tuple[list[float], list[float]]:
    """Milliseconds of calls that follow each other in turns, so that whatever else the machine does meets both."""
    functions = [function for function in (run, other) if function is not None]
    for function in functions * WARM_UPS:
        function()
    times: list[list[float]] = [[] for _ in functions]
    until = time.perf_counter() + seconds
    while len(times[0]) < LEAST_ROUNDS or time.perf_counter() < until:
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(1000 * (time.perf_counter() - start))
    return times[0], times[-1]


def _speed(
    subject: Subject, engine: str, precision: str, size: tuple[int, int], times: list[float], ceiling: list[float]
) -> Speed:
    median, least = statistics.median(times), min(times)
    gflops = 2e-6 * summarize(subject.graph, size).multiply_adds / least
    limit = 2e-6 * summarize(ceiling_subject().graph, CEILING_SIZE).multiply_adds / min(ceiling)
    quartiles = _quartiles(times)
    return Speed(
        subject.name, engine, precision, size, median, quartiles, least, 1000 / median, gflops, limit, gflops / limit
    )


def _quartiles(times: list[float]) -> tuple[float, float]:
    first, _, third = statistics.quantiles(times, n=4)
    return first, third


def _training_batch(graph: Graph, size: tuple[int, int], count: int) -> Batch:
    """Random pictures with 20 objects each."""
    width, height = size
    rng = np.random.default_rng(0)
    cells_x, cells_y = width // graph.stride, height // graph.stride
    slots, objects = 500, 20
    cells = rng.integers(0, cells_x * cells_y, (count, slots))
    is_object = np.zeros((count, slots), bool)
    is_object[:, :objects] = True
    heatmap = np.zeros((count, graph.config.classes, cells_y * cells_x), np.float32)
    for picture in range(count):
        heatmap[picture, 0, cells[picture, :objects]] = 1
    return Batch(
        images=rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8),
        heatmap=heatmap.reshape(count, -1, cells_y, cells_x),
        is_object=is_object,
        cells=cells.astype(np.int64),
        extents=rng.uniform(2, 9, (count, slots, 4)).astype(np.float32),
        offsets=rng.uniform(0, 1, (count, slots, 2)).astype(np.float32),
        identities=rng.integers(0, 1000, (count, slots)).astype(np.int64),
        paths=(),
    )
