"""How fast networks detect, beside the fastest convolution that the same engine reaches on the machine."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairmot.benchmark import subjects
from fairmot.benchmark.subjects import Skipped, Subject, ceiling_subject, check_size, find_subject
from fairmot.benchmark.timing import quartiles, time_in_turns
from fairmot.engines import EXPORTED, installed_engines, load_engine
from fairmot.errors import InputError
from fairmot.network.summary import summarize


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one network runs in one engine."""

    network: str
    engine: str
    precision: str
    input_size: tuple[int, int]
    milliseconds: float
    """An image; the median."""
    quartiles: tuple[float, float]
    """A quarter of the images was faster than the first, and a quarter slower than the second."""
    least: float
    """The fastest image: what the machine can do when nothing else runs."""
    frames_per_second: float
    """By the median."""
    gflops: float
    """Two times the multiply-adds of all layers (``fairmot describe``) over the fastest image."""
    ceiling_gflops: float
    """The same of one large 3x3 convolution, measured in turns with the network."""
    ceiling_share: float
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
    progress: Callable[[str], None] = lambda row: None,
) -> tuple[list[Speed], list[Skipped]]:
    """Measure networks x engines x precisions, each in turns with one large convolution of the same engine.

    Args:
        names: weight files or architectures.
        engines: names of engines; none: every installed one.
        precisions: of ``f32``, ``bf16``, ``f16``, ``int8``.
        input_size: width and height, multiples of 32; None: the size each network was made for.
        device: as of ``load_detector``.
        raw: time the head maps alone: no conversion of the image, no decoding, every head computed everywhere.
        seconds: time for each row, warming up and loading aside.
        progress: told what is being measured.

    Raises:
        InputError: an unknown network or engine, or a wrong size.
    """
    check_size(input_size)
    rows, skipped = [], []
    ceiling = ceiling_subject()
    for subject in [find_subject(name) for name in names]:
        size = input_size or subject.graph.config.input_size
        for engine in engines or installed_engines():
            for precision in precisions:
                progress(f"{subject.name} in {engine}, {precision}")
                try:
                    run = _runner(subject, engine, precision, size, device, raw)
                    run_ceiling = _runner(ceiling, engine, precision, subjects.CEILING_SIZE, device, raw)
                except InputError as error:
                    if engine not in installed_engines():
                        raise
                    skipped.append(Skipped(subject.name, engine, precision, str(error)))
                    continue
                times, ceiling_times = time_in_turns([run, run_ceiling], seconds)
                rows.append(_speed(subject, engine, precision, size, times, ceiling_times))
    return rows, skipped


def profile(name: str, engine: str, input_size: tuple[int, int] | None = None, device: str = "auto") -> list[Any]:
    """Return the operators of a network, the slowest first (see ``engines.onnx.profile``).

    Raises:
        InputError: an unknown network, or an engine that tells no times of its operators.
    """
    check_size(input_size)
    subject = find_subject(name)
    module: Any = load_engine(engine)
    if not hasattr(module, "profile_detector"):
        raise InputError(f"engine {engine} tells no times of its operators; take onnxruntime or openvino")
    layers: list[Any] = module.profile_detector(
        subject.graph, subject.weights, input_size or subject.graph.config.input_size, device
    )
    return layers


def _runner(
    subject: Subject, engine: str, precision: str, size: tuple[int, int], device: str, raw: bool
) -> Callable[[], Any]:
    """What one image takes: a function without arguments."""
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
                path, subject.graph, subject.weights, input_size=size, raw=raw, precision=precision, images=canvas
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
