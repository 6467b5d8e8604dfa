"""HOTA of a tracker preset at 5, 10, 25 and 50 frames/s on the same streets: boxes of walking people, no images.

    python benchmarks/frame_rates.py [--streets 8] [--seconds 20] [--preset boxes]

Prints Markdown: a row for each street and one for the mean, with the difference between the best and the worst rate;
then the same with ``noise_rate`` 0. The streets are those of ``tests/tracking/test_frame_rate.py``, which takes shorter
ones.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.config.tracker import PRESETS

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from rated_street import STEPS, hota, make_street


def line(name, values):
    cells = [f"{value:.2f}" for value in values]
    print(f"| {name} | {' | '.join(cells)} | {max(values) - min(values):.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streets", type=int, default=8, help="number of streets, seeds from 0")
    parser.add_argument("--seconds", type=int, default=20, help="length of a street")
    parser.add_argument("--preset", choices=list(PRESETS), default="boxes", help="preset of the tracker")
    arguments = parser.parse_args()
    streets = [make_street(seed, arguments.seconds) for seed in range(arguments.streets)]
    preset = TrackerConfig.preset(arguments.preset, min_box_area_px=0)
    for name, config in (
        (arguments.preset, preset),
        (f"{arguments.preset}, noise_rate 0", preset.changed(noise_rate=0)),
    ):
        print(f"\n| {name} | {' | '.join(map(str, STEPS))} frames/s | difference |\n|--|{'--|' * (len(STEPS) + 1)}")
        scores = np.array([[hota(street, rate, config) for rate in STEPS] for street in streets])
        for seed, values in enumerate(scores):
            line(f"street {seed}", values)
        line("mean", scores.mean(axis=0))


if __name__ == "__main__":
    main()
