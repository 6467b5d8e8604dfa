"""Association, ms per frame: the tracker and the plain per-object form of the published code, in one run.

    python benchmarks/association.py [--frames 60] [--width 128] [--rounds 3]
    python benchmarks/association.py --alone --detections 10 30 100 300 1000
    python benchmarks/association.py --memory 100000

Scenes are walking people whose detections are jittered, sometimes missed, and mixed with clutter. Times are processor
times, so run it with OMP_NUM_THREADS=1. Both trackers get the same frames in one run. The fastest round of each frame
counts, which removes the noise of a busy machine from both. ``--memory FRAMES`` tracks 50 people through that many
frames and prints the resident size, which must stay flat.
"""

import argparse
import importlib.util
import resource
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.tracking.tracker import Tracker

REFERENCE = Path(__file__).resolve().parents[1] / "tests" / "tracking" / "published_tracker.py"


def load_reference():
    spec = importlib.util.spec_from_file_location("published_tracker", REFERENCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_scene(people, frames, width, seed=0):
    """Return frames of ``people`` detections; embeddings [N, width] scatter around one direction per person."""
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
        appearance = np.concatenate([identity[seen], rng.normal(0, 1, (clutter, width))])
        appearance += rng.normal(0, 0.4, appearance.shape)
        appearance /= np.linalg.norm(appearance, axis=1, keepdims=True)
        scene.append(Detections(boxes, rng.uniform(0.45, 1, people), appearance))
    return scene


def milliseconds(make_update, scene, rounds):
    """Return the median of each frame's fastest round, from the sixth frame on, when tracks of every state exist."""
    times = np.empty((rounds, len(scene)))
    for row in times:
        update = make_update()
        for index, detections in enumerate(scene):
            start = time.process_time()
            update(detections)
            row[index] = time.process_time() - start
    return 1000 * float(np.median(times.min(axis=0)[5:]))


def plain_update(reference):
    tracker = reference.PublishedTracker()
    return lambda found: tracker.update(found.boxes_xyxy, found.scores, found.embeddings)


def resident_mib():
    """Return the resident size of this process, MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def follow_memory(frames, width, people=50):
    """Print the resident size ten times; people leave and others come all the time."""
    scene = make_scene(people, 400, width)
    tracker = Tracker()
    for index in range(frames):
        tracker.update(scene[index % len(scene)])
        if (index + 1) % max(1, frames // 10) == 0:
            print(f"frame {index + 1}: {resident_mib():.1f} MiB, {len(tracker._table)} tracks", flush=True)


def compare(arguments):
    reference = load_reference()
    table = Table(
        "detections",
        "tracks",
        "tracker, ms",
        "without embeddings, ms",
        "preset boxes, ms",
        "plain, ms",
        "plain / tracker",
        "plain / boxes",
    )
    boxes = TrackerConfig.preset("boxes", start_confidence=0)
    times = []
    for count in arguments.detections:
        scene = make_scene(count, arguments.frames, arguments.width)
        bare = [Detections(found.boxes_xyxy, found.scores) for found in scene]
        fast = milliseconds(lambda: Tracker().update, scene, arguments.rounds)
        by_place = milliseconds(lambda: Tracker().update, bare, arguments.rounds)
        by_boxes = milliseconds(lambda: Tracker(boxes).update, bare, arguments.rounds)
        slow = np.nan if arguments.alone else milliseconds(lambda: plain_update(reference), scene, arguments.rounds)
        tracker = Tracker()
        counts = [tracker._step(found).counts for found in scene][-1]
        row = (
            count,
            counts.tracked + counts.lost,
            f"{fast:.2f}",
            f"{by_place:.2f}",
            f"{by_boxes:.2f}",
            f"{slow:.2f}",
            f"{slow / fast:.1f}",
            f"{slow / by_boxes:.1f}",
        )
        table.add_row(*map(str, row))
        times.append(fast)
    Console().print(table)
    if len(times) > 1:
        exponent = np.polyfit(np.log(arguments.detections), np.log(times), 1)[0]
        last = np.log(times[-1] / times[-2]) / np.log(arguments.detections[-1] / arguments.detections[-2])
        print(f"the tracker's time grows with the power {exponent:.2f} of the detections, at the end {last:.2f}")


def main():
    parser = argparse.ArgumentParser(description="Time the association.")
    parser.add_argument("--detections", type=int, nargs="+", default=[9, 50, 120, 250])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--width", type=int, default=128, help="length of the embeddings")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="leave the published form out")
    parser.add_argument(
        "--memory", type=int, metavar="FRAMES", help="print the resident size over this many frames instead"
    )
    arguments = parser.parse_args()
    if arguments.memory:
        follow_memory(arguments.memory, arguments.width)
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
