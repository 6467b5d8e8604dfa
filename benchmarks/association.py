"""Association, ms a frame: the tracker against the plain per-object form of the published code, in one run.

    python benchmarks/association.py [--frames 60] [--width 128]

Scenes are walking people whose detections are jittered, missed now and then, and mixed with clutter. Processor time
is counted, so run it with OMP_NUM_THREADS=1.
"""

import argparse
import importlib.util
import statistics
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from fairmot.detections import Detections
from fairmot.tracking.tracker import Tracker

REFERENCE = Path(__file__).resolve().parents[1] / "tests" / "tracking" / "published_tracker.py"


def load_reference():
    spec = importlib.util.spec_from_file_location("published_tracker", REFERENCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_scene(people, frames, width, seed=0):
    """About ``people`` detections a frame; embeddings [N, width] scatter around one direction a person."""
    rng = np.random.default_rng(seed)
    height = rng.uniform(60, 240, people)
    start, speed = rng.uniform(0, [1920, 1080], (people, 2)), rng.normal(0, 2, (people, 2))
    identity = rng.normal(0, 1, (people, width))
    scene = []
    for t in range(frames):
        seen = rng.random(people) < 0.92
        clutter = int(people - seen.sum())
        h = np.concatenate([height[seen], rng.uniform(60, 240, clutter)])
        foot = np.concatenate([(start + speed * t)[seen], rng.uniform(0, [1920, 1080], (clutter, 2))])
        foot += rng.normal(0, 0.012, (people, 2)) * h[:, None]
        boxes = np.column_stack([foot[:, 0] - 0.2 * h, foot[:, 1] - h, foot[:, 0] + 0.2 * h, foot[:, 1]])
        look = np.concatenate([identity[seen], rng.normal(0, 1, (clutter, width))])
        look += rng.normal(0, 0.4, look.shape)
        look /= np.linalg.norm(look, axis=1, keepdims=True)
        scene.append(Detections(boxes, rng.uniform(0.45, 1, people), look))
    return scene


def milliseconds(update, scene):
    """Median processor time over the frames after the fifth, when tracks of every kind are there."""
    times = []
    for detections in scene:
        start = time.process_time()
        update(detections)
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times[5:])


def main():
    parser = argparse.ArgumentParser(description="Time the association.")
    parser.add_argument("--detections", type=int, nargs="+", default=[10, 50, 120, 250])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--width", type=int, default=128, help="of the embeddings")
    arguments = parser.parse_args()
    reference = load_reference()
    table = Table("detections", "tracks", "tracker, ms", "without embeddings, ms", "plain, ms", "plain / tracker")
    for count in arguments.detections:
        scene = make_scene(count, arguments.frames, arguments.width)
        bare = [Detections(found.boxes_xyxy, found.scores) for found in scene]
        plain = reference.PublishedTracker()
        tracker = Tracker()
        slow = milliseconds(lambda d, t=plain: t.update(d.boxes_xyxy, d.scores, d.embeddings), scene)
        fast = milliseconds(tracker.update, scene)
        by_place = milliseconds(Tracker().update, bare)
        counts = tracker._step(scene[-1]).counts
        tracks = counts.tracked + counts.lost
        row = (count, tracks, f"{fast:.2f}", f"{by_place:.2f}", f"{slow:.2f}", f"{slow / fast:.1f}")
        table.add_row(*map(str, row))
    Console().print(table)


if __name__ == "__main__":
    main()
