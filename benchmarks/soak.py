"""A long video, tracked and written: memory stays flat, every frame has its line.

    python benchmarks/soak.py --frames 20000

A detector that finds bright blocks takes the place of the network. Prints the memory of the process after each tenth;
the exit code is 1 if it grows by more than 20 MB after the first tenth, or if a frame is missing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import fairmot
from fairmot.detections import Detections
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.video import VideoWriter

MOST_GROWTH_MB = 20.0


def main() -> int:
    """Make the video, track it, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--video", action="store_true", help="also draw and write the video")
    options = parser.parse_args()
    process, memory = psutil.Process(), []

    def progress(_name: str, done: int, _total: int | None) -> None:
        if done % max(1, options.frames // 10) == 0:
            memory.append(process.memory_info().rss / 1e6)
            print(f"{done} frames: {memory[-1]:.0f} MB", flush=True)

    with tempfile.TemporaryDirectory() as place:
        source = film(Path(place) / "long.mp4", options.frames)
        outputs = Outputs(video=options.video, csv=True, jsonl=True)
        (run,) = fairmot.track(source, find, output=Path(place) / "out", outputs=outputs, progress=progress)
        lines = sum(1 for _ in run.text.with_suffix(".jsonl").open(encoding="utf-8"))
    growth = max(memory) - memory[0]
    print(f"{run.frame_count} frames, {lines} lines, {run.row_count} rows; memory grew by {growth:.1f} MB")
    return int(growth > MOST_GROWTH_MB or not run.frame_count == lines == options.frames)


def film(path: Path, count: int) -> Path:
    """Write a video of two bright blocks that walk through the image, again and again."""
    with VideoWriter(path, (160, 120), 25) as writer:
        for index in range(count):
            image = np.full((120, 160, 3), 40, np.uint8)
            left = index % 130
            image[10:50, left : left + 20] = 220
            image[70:110, 130 - left : 150 - left] = 220
            writer.write(image)
    return path


def find(image: Any) -> Detections:
    """Return the box of the bright block in the upper and in the lower half."""
    found = []
    for top in (0, 60):
        rows, columns = np.nonzero(image[top : top + 60, :, 0] > 130)
        if len(rows):
            found.append([columns.min(), top + rows.min(), columns.max() + 1, top + rows.max() + 1])
    return Detections(np.array(found, np.float32).reshape(-1, 4), np.full(len(found), 0.9, np.float32))


if __name__ == "__main__":
    sys.exit(main())
