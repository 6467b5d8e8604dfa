"""Training speed in images/s, with the loader and on one repeated batch, and the fraction of time spent waiting.

    python benchmarks/training.py [--engines torch mindspore] [--input-size 576x320] [--batch 6] [--threads 1]

Both are measured in turns, a few steps each, so that other programs on the machine disturb them alike; the least time
counts. Images are generated. PyTorch on a CPU is a third faster with the glibc memory settings of
``fairmot.training.launch``, which a process reads when it starts: ``--plain-memory`` runs without them.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
from loader import make_images
from rich.console import Console
from rich.table import Table

from fairmot.config import parse_config
from fairmot.data.loader import PREFETCHED_BATCHES, create_loader
from fairmot.engines import TRAINING_ENGINES, installed_engines, load_training
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.training.launch import MEMORY_SETTINGS


def endless(loader):
    for epoch in itertools.count():
        yield from loader.epoch(epoch)


def measure(options, engine, folder):
    """Take turns of steps with and without the loader; return the row of the table."""
    width, height = (int(side) for side in options.input_size.split("x"))
    config = parse_config(
        {
            "network": {"architecture": options.architecture, "input_width_px": width, "input_height_px": height}
            | ({"embedding": 64, "head_width": 64} if options.architecture == "lite" else {}),
            "data": {"description": str(Path(folder, "data.json")), "workers": options.workers},
            "train": {"batch_size": options.batch, "threads": options.threads, "precision": options.precision},
        },
        "benchmark",
    )
    cv2.setNumThreads(1)
    loader = create_loader(config)
    graph = build_graph(config.network)
    trainer = load_training(engine).create_trainer(
        graph, initial_weights(graph), loader.identity_counts, config, options.device
    )
    batches = trainer.prefetched(endless(loader))
    repeated = next(batches)
    for _ in range(2):  # compilation, memory
        trainer.step(repeated, 1e-4)
    times = {"loaded": [], "repeated": [], "waited": []}
    for _ in range(options.turns):
        for _ in range(options.steps):
            began = time.perf_counter()
            trainer.step(repeated, 1e-4)
            times["repeated"].append(time.perf_counter() - began)
        for _ in range(PREFETCHED_BATCHES):
            next(batches)  # batches that were prepared meanwhile do not count
        for step in range(1 + options.steps):
            began = time.perf_counter()
            batch = next(batches)
            waited = time.perf_counter() - began
            trainer.step(batch, 1e-4)
            if step > 0:  # the loader resumes during the first
                times["waited"].append(waited)
                times["loaded"].append(time.perf_counter() - began)
    batches.close()
    loaded, alone = (min(times[kind]) for kind in ("loaded", "repeated"))
    return {
        "with loader": options.batch / loaded,
        "repeated batch": options.batch / alone,
        "lost": 1 - alone / loaded,
        "waited": sum(times["waited"]) / sum(times["loaded"]),
    }


def main():
    trainable = [engine for engine in installed_engines() if engine in TRAINING_ENGINES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=trainable, choices=TRAINING_ENGINES)
    parser.add_argument("--architecture", default="lite")
    parser.add_argument("--input-size", default="576x320", help="width x height, pixels")
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--steps", type=int, default=5, help="steps of a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="threads of the loader")
    parser.add_argument("--threads", type=int, default=0, help="threads of the engine; 0: its own choice")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--plain-memory", action="store_true", help="run without the glibc memory settings")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        engine, folder = options.one.split(":", 1)
        print(json.dumps(measure(options, engine, folder)))
        return
    table = Table(title=f"{options.architecture}, {options.input_size}, batch {options.batch}, images/s")
    for column in ("engine", "with loader", "repeated batch", "lost", "waited for the loader"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder), max(12, 2 * options.batch), 30)
        for engine in options.engines:
            # One process for each engine: memory settings, threads and devices belong to a process.
            environment = os.environ | ({} if options.plain_memory else MEMORY_SETTINGS)
            finished = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--one", f"{engine}:{folder}"],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found = json.loads(finished.stdout.splitlines()[-1])
            table.add_row(
                engine,
                f"{found['with loader']:.2f}",
                f"{found['repeated batch']:.2f}",
                f"{found['lost']:.1%}",
                f"{found['waited']:.1%}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
