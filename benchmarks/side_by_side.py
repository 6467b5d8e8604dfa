"""Milliseconds a frame of the shipped detector: calls one after the other, and as many at a time as it asks for.

    python benchmarks/side_by_side.py [--frames 16] [--rounds 5]

Both run in turns on the same prepared images; the fastest round of each counts. Processor time is that of all threads.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import fairmot
from fairmot.benchmark.markdown import table


def milliseconds(run, frames: int) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return 1000 * (time.perf_counter() - wall) / frames, 1000 * (time.process_time() - processor) / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    detector = fairmot.load_detector()
    rng = np.random.default_rng(0)
    images = [detector.prepare(rng.integers(0, 256, (480, 854, 3), dtype=np.uint8)) for _ in range(options.frames)]
    with ThreadPoolExecutor(detector.at_once) as pool:
        ways = {
            "one after the other": lambda: [detector(image) for image in images],
            f"{detector.at_once} at a time": lambda: list(pool.map(detector.beside_others, images)),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(options.rounds + 1):
            for name, run in ways.items():
                taken = milliseconds(run, options.frames)
                if number:  # the first round warms up
                    times[name].append(taken)
    rows = [(name, *(f"{least:.1f}" for least in np.min(taken, axis=0))) for name, taken in times.items()]
    print(table(("calls", "ms a frame", "processor ms a frame"), 1, rows))


if __name__ == "__main__":
    main()
