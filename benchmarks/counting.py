"""Crossings of lines on rendered streets: counted with true boxes and with the shipped model, against the known ones.

    python benchmarks/counting.py [--seeds 5 8] [--people 20] [--frames 300] [--margins 0 0.05]

Lines lie on the ground at several places and angles. Who crosses them is known from the routes in metres, not from
pixels. People who begin or end at a line, or pass its end within 0.8 m, are left out of both counts with true boxes;
with the model, whose identities are its own, everybody counts on both sides. "error" is the sum over lines and
directions of the difference between counted and known crossings, in per cent of the known ones.
"""

import argparse
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support" / "counted_street.py"


def load_street():
    spec = importlib.util.spec_from_file_location("counted_street", SUPPORT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def model_frames(images, frame_rate, size):
    """Return identities and corners of each frame by the shipped model and its tracker."""
    import fairmot

    detector = fairmot.load_detector()
    tracker = fairmot.Tracker(detector.tracker, frame_rate=frame_rate, image_size=size)
    found = [tracker.update(detector(image), image) for image in images]
    return [(tracks.ids, tracks.boxes_xyxy) for tracks in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 8], help="streets")
    parser.add_argument("--people", type=int, default=20, help="people of each street")
    parser.add_argument("--frames", type=int, default=300, help="frames of each street")
    parser.add_argument("--frame-rate", type=float, default=15, help="frames a second")
    parser.add_argument("--size", type=int, nargs=2, default=[640, 360], help="width and height, pixels")
    parser.add_argument("--margins", type=float, nargs="+", default=[0, 0.05, 0.1], help="margins to compare")
    arguments = parser.parse_args()
    counted_street = load_street()
    size = tuple(arguments.size)
    table = Table("boxes", "margin", "known", "counted", "error", "identities")
    sums = {}
    for seed in arguments.seeds:
        images = []
        street = counted_street.render_counted(
            seed, arguments.people, arguments.frames, size, arguments.frame_rate, images
        )
        everybody = replace(street, expected=street.everybody, doubtful=[set() for _ in street.lines])
        boxes = {
            "true": (street, [(ids, corners) for ids, corners, _ in street.frames]),
            "true, where 60 % are visible": (
                street,
                [(ids[seen > 0.6], corners[seen > 0.6]) for ids, corners, seen in street.frames],
            ),
            "shipped model": (everybody, model_frames(images, arguments.frame_rate, size)),
        }
        for name, (known, frames) in boxes.items():
            for margin in arguments.margins:
                counted = counted_street.count(known, frames, margin)
                identities = len(np.unique(np.concatenate([ids for ids, _ in frames])))
                row = (known.expected.sum(), counted.sum(), np.abs(counted - known.expected).sum(), identities)
                sums[name, margin] = np.add(sums.get((name, margin), 0), row)
    for (name, margin), (known, counted, wrong, identities) in sums.items():
        table.add_row(name, f"{margin:g}", str(known), str(counted), f"{100 * wrong / known:.1f} %", str(identities))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
