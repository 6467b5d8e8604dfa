"""The network with its decoding, ms a picture: every installed engine times architecture, in one run.

    python benchmarks/network.py [--input-size 576x320] [--architectures lite dla_34] [--engines onnxruntime torch]

Weights are random: the time does not depend on them. The smallest time is what the machine can do, the median what it
did; other programs that run beside it move the median far more.
"""

import argparse
import os
import statistics
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from fairmot.config import NetworkConfig
from fairmot.engines import installed_engines, load_engine
from fairmot.network.architectures import ARCHITECTURES, build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.summary import summarize

SIZES = {"lite": {"embedding": 64, "head_width": 64}}
"""Sizes that differ from the published ones."""


def milliseconds(detector, canvases, seconds, warm_up=2, least=3):
    """Time each call for about so many seconds; returns a list."""
    for _ in range(warm_up):
        detector(canvases)
    times = []
    while len(times) < least or sum(times) < 1000 * seconds:
        start = time.perf_counter()
        detector(canvases)
        times.append(1000 * (time.perf_counter() - start))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input-size", default="576x320", help="width x height, pixels")
    parser.add_argument("--architectures", nargs="+", default=sorted(ARCHITECTURES), choices=sorted(ARCHITECTURES))
    parser.add_argument("--engines", nargs="+", default=list(installed_engines()))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0, help="time spent on each line")
    options = parser.parse_args()
    width, height = (int(side) for side in options.input_size.split("x"))
    canvases = np.random.default_rng(0).integers(0, 256, (options.batch, height, width, 3), dtype=np.uint8)

    threads = os.environ.get("OMP_NUM_THREADS", "all")
    table = Table(title=f"{width} x {height}, batch {options.batch}, {threads} threads of {os.cpu_count()}")
    for column in ("architecture", "engine", "least ms/picture", "median", "pictures/s", "G multiply-adds", "GFLOP/s"):
        table.add_column(column, justify="left" if column in ("architecture", "engine") else "right")
    for architecture in options.architectures:
        graph = build_graph(NetworkConfig(architecture=architecture, **SIZES.get(architecture, {})))
        weights = initial_weights(graph)
        billions = summarize(graph, (width, height)).multiply_adds / 1e9
        for engine in options.engines:
            detector = load_engine(engine).load_canvas_detector(graph, weights, (width, height), device=options.device)
            times = [ms / options.batch for ms in milliseconds(detector, canvases, options.seconds)]
            least, median = min(times), statistics.median(times)
            table.add_row(
                architecture,
                engine,
                f"{least:.1f}",
                f"{median:.1f}",
                f"{1000 / median:.1f}",
                f"{billions:.2f}",
                f"{2000 * billions / least:.0f}",
            )
    console = Console()
    console.print(table)
    console.print(
        "GFLOP/s: as if every head were computed everywhere; the ONNX export computes three of them at peaks."
    )


if __name__ == "__main__":
    main()
