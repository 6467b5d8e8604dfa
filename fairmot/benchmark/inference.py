"""Speed of detection, beside the fastest convolution that the same engine reaches on the machine."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.benchmark import subjects
from fairmot.benchmark.subjects import (
    Skipped,
    Subject,
    ceiling_subject,
    check_size,
    check_that_any_fits,
    find_subject,
    skipped_for,
)
from fairmot.benchmark.timing import quartiles, time_in_turns
from fairmot.engines import (
    engines_with,
    export_suffix,
    installed_engines,
    load_detector_exporter,
    load_inference,
    load_network_exporter,
    load_profiler,
)
from fairmot.engines.capabilities import check_precision
from fairmot.engines.interface import CanvasDetector, LayerTime, RawNetwork
from fairmot.errors import InputError
from fairmot.network.summary import summarize
from fairmot.progress import Log


@dataclass(frozen=True, slots=True)
class Speed:
    """Speed of one network in one engine."""

    network: str
    engine: str
    precision: str
    input_size: tuple[int, int]
    milliseconds: float
    """An image; the median."""
    quartiles: tuple[float, float]
    """A quarter of the images was faster than the first, and a quarter slower than the second."""
    least: float
    """The fastest image, as when nothing else runs on the machine."""
    frames_per_second: float
    """By the median."""
    gflops: float
    """Two times the multiply-adds of all layers (``fairmot describe``) over the fastest image."""
    ceiling_gflops: float
    """The same of one large 3x3 convolution, measured in turns with the network."""
    ceiling_fraction: float
    """``gflops`` over ``ceiling_gflops``."""


def measure(
    names: Sequence[str],
    engines: Sequence[str] = (),
    precisions: Sequence[str] = ("f32",),
    input_size: tuple[int, int] | None = None,
    device: str = "auto",
    *,
    raw: bool = False,
    seconds: float = 5.0,
    log: Log | None = None,
) -> tuple[list[Speed], list[Skipped]]:
    """Measure networks x engines x precisions, each in turns with one large convolution of the same engine.

    Args:
        names: weight files or architectures.
        engines: names of engines; none: every installed one.
        precisions: of ``f32``, ``bf16``, ``f16``, ``int8``.
        input_size: width and height, multiples of 32; None: the size that each network was made for.
        device: as of ``load_detector``.
        raw: time the head maps alone: no conversion of the image, no decoding, every head computed everywhere.
        seconds: time for each row, without warming up and loading.
        log: gets a line for each combination before it is measured.

    Raises:
        InputError: an unknown network or engine, a wrong size, or too little memory for all of them.
    """
    check_size(input_size)
    rows, skipped = [], []
    ceiling = ceiling_subject()
    for subject in [find_subject(name) for name in names]:
        size = input_size or subject.graph.config.input_size
        for engine in engines or installed_engines():
            for precision in precisions:
                if log:
                    log(f"{subject.name} in {engine}, {precision}")
                try:
                    run = _runner(subject, engine, precision, size, device, raw)
                    run_ceiling = _runner(ceiling, engine, precision, subjects.CEILING_SIZE, device, raw)
                    times, ceiling_times = time_in_turns([run, run_ceiling], seconds)
                except (InputError, MemoryError, RuntimeError) as error:
                    if engine not in installed_engines():
                        raise
                    images = "one image of {} x {}".format(*size)
                    skipped.append(skipped_for(error, subject, engine, precision, images))
                    continue
                rows.append(_speed(subject, engine, precision, size, times, ceiling_times))
    check_that_any_fits(rows, skipped)
    return rows, skipped


def profile(name: str, engine: str, input_size: tuple[int, int] | None = None, device: str = "auto") -> list[LayerTime]:
    """Return the operators of a network, the slowest first.

    Raises:
        InputError: an unknown network, or an engine that does not time its operators.
    """
    check_size(input_size)
    subject = find_subject(name)
    size = input_size or subject.graph.config.input_size
    return load_profiler(engine).profile_detector(subject.graph, subject.weights, size, device)


def _runner(
    subject: Subject, engine: str, precision: str, size: tuple[int, int], device: str, raw: bool
) -> Callable[[], Any]:
    """Return a function that runs the network on one image."""
    width, height = size
    rng = np.random.default_rng(0)
    canvas = rng.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    if raw:
        network = _network(subject, engine, precision, size, device, canvas)
        pixels = rng.random((1, 3, height, width), dtype=np.float32)
        return lambda: network(pixels)
    detector = _detector(subject, engine, precision, size, device, canvas)
    return lambda: detector(canvas)


def _network(
    subject: Subject,
    engine: str,
    precision: str,
    size: tuple[int, int],
    device: str,
    canvases: NDArray[np.uint8],
) -> RawNetwork:
    """Return raw heads; of a short precision out of an exported file, where the engine writes one."""
    if precision != "f32" and engine in engines_with("network export"):
        exporter = load_network_exporter(engine)
        if precision in exporter.EXPORT_PRECISIONS:
            with _temporary_file(engine) as path:
                exporter.export_network_file(path, subject.graph, subject.weights, size, precision, canvases)
                return exporter.load_exported_network(path, device).heads
    inference = load_inference(engine)
    check_precision(engine, precision, inference.PRECISIONS)
    return inference.load_network(subject.graph, subject.weights, device, precision)


def _detector(
    subject: Subject,
    engine: str,
    precision: str,
    size: tuple[int, int],
    device: str,
    canvases: NDArray[np.uint8],
) -> CanvasDetector:
    """Return a detector; of a short precision out of an exported file, where the engine writes one."""
    if precision != "f32" and engine in engines_with("detector export"):
        exporter = load_detector_exporter(engine)
        if precision in exporter.EXPORT_PRECISIONS:
            with _temporary_file(engine) as path:
                exporter.export_detector_file(path, subject.graph, subject.weights, size, precision, canvases)
                return exporter.load_exported_detector(path, device).detector
    inference = load_inference(engine)
    check_precision(engine, precision, inference.PRECISIONS)
    return inference.load_canvas_detector(subject.graph, subject.weights, size, device=device, precision=precision)


@contextmanager
def _temporary_file(engine: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fairmot-") as folder:
        yield Path(folder, f"model{export_suffix(engine)}")


def _speed(
    subject: Subject, engine: str, precision: str, size: tuple[int, int], times: list[float], ceiling: list[float]
) -> Speed:
    median, least = statistics.median(times), min(times)
    gflops = 2e-6 * summarize(subject.graph, size).multiply_adds / least
    limit = 2e-6 * summarize(ceiling_subject().graph, subjects.CEILING_SIZE).multiply_adds / min(ceiling)
    spread = quartiles(times)
    return Speed(
        subject.name, engine, precision, size, median, spread, least, 1000 / median, gflops, limit, gflops / limit
    )
