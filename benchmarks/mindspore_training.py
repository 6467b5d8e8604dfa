"""A training step of MindSpore on a processor beside PyTorch's, and where its convolutions spend the time.

    python benchmarks/mindspore_training.py [--networks lite dla_34] [--input-size 576x320] [--steps 3] [--profile 8]

Each row is a process of its own; the rows of a network follow each other in turns, so that other programs disturb them
alike. Processor time of all threads counts, the least of all steps; the time on the clock stands beside it. "all
instructions" is MindSpore without the limit of ``fairmot.engines.mindspore.kernels``: the row differs only where the
processor has AVX-512. ``--profile`` lists the slowest kernels of oneDNN in one step.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import time

from fairmot.benchmark.subjects import find_subject
from fairmot.benchmark.training import random_training_batch
from fairmot.config import Config, TrainConfig
from fairmot.engines import load_training
from fairmot.training.launch import MEMORY_SETTINGS

ROWS = {
    "PyTorch": ("torch", {}),
    "MindSpore": ("mindspore", {}),
    "MindSpore, all instructions": ("mindspore", {"ONEDNN_MAX_CPU_ISA": "ALL"}),
}
"""Row -> engine and environment."""
MARK = "step begins"


def measure(options, engine):
    """Print processor and clock time of each step as JSON; the first step compiles and does not count."""
    size = tuple(int(side) for side in options.input_size.split("x"))
    for name in options.networks:
        subject = find_subject(name)
        network = subject.graph.config.model_copy(update={"input_width_px": size[0], "input_height_px": size[1]})
        batch = random_training_batch(subject.graph, size, options.batch)
        config = Config(network=network, train=TrainConfig(threads=options.threads))
        trainer = load_training(engine).create_trainer(subject.graph, subject.weights, 1000, config, "cpu")
        trainer.step(batch, 1e-6)
        print(MARK, flush=True)
        times = []
        for _ in range(options.steps):
            began = time.process_time(), time.perf_counter()
            trainer.step(batch, 1e-6)
            times.append((time.process_time() - began[0], time.perf_counter() - began[1]))
        print(json.dumps(times), flush=True)


def run(options, name, row, verbose=False):
    """Return the lines of one process after its first step."""
    engine, variables = ROWS[row]
    environment = os.environ | MEMORY_SETTINGS | variables | {"OMP_NUM_THREADS": str(options.threads)}
    if verbose:
        environment["ONEDNN_VERBOSE"] = "1"
    command = [sys.executable, __file__, "--one", engine, "--networks", name, "--input-size", options.input_size]
    command += ["--batch", str(options.batch), "--threads", str(options.threads)]
    command += ["--steps", "1" if verbose else str(options.steps)]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return finished.stdout.partition(MARK)[2].splitlines()


def profile(lines):
    """Return [milliseconds, calls, kernel] of oneDNN's report, the slowest first."""
    spent, calls = collections.Counter(), collections.Counter()
    for line in lines:
        fields = line.split(",")
        if "exec" not in fields:
            continue
        kind, kernel, direction = fields[fields.index("exec") + 2 :][:3]
        key = f"{kind} {direction}, {kernel}, {fields[-2]}"
        spent[key] += float(fields[-1])
        calls[key] += 1
    return [(milliseconds, calls[key], key) for key, milliseconds in spent.most_common()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["lite", "dla_34"])
    parser.add_argument("--input-size", default="576x320", help="width x height, pixels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1, help="processes of each row")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--profile", type=int, default=0, help="number of kernels to list")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options, options.one)
        return
    print("| network | engine | processor s/step | of PyTorch | s/step | of PyTorch |\n|--|--|--:|--:|--:|--:|")
    for name in options.networks:
        times = {row: [] for row in options.rows}
        for _ in range(options.rounds):
            for row in options.rows:
                times[row] += json.loads(run(options, name, row)[-1])
        best = {row: [min(kind) for kind in zip(*steps, strict=True)] for row, steps in times.items()}
        for row, found in best.items():
            cells = [f"{ours:.2f} | {ours / theirs:.1f}" for ours, theirs in zip(found, best["PyTorch"], strict=True)]
            print(f"| `{name}` | {row} | {' | '.join(cells)} |", flush=True)
        if options.profile:
            print(f"\n| `{name}`, ms | calls | kernel of oneDNN |\n|--:|--:|--|")
            slowest = profile(run(options, name, "MindSpore", verbose=True))[: options.profile]
            for milliseconds, calls, kernel in slowest:
                print(f"| {milliseconds:.0f} | {calls} | {kernel} |", flush=True)


if __name__ == "__main__":
    main()
