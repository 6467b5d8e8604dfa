"""Frames/s of ``track`` against the bare network, on one clip: python benchmarks/end_to_end.py [VIDEO] [--frames N].

Without a video it renders a street first. All rows are measured in one run, in turns, and the ratio is what counts.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import fairmot
from fairmot.data.street import render_street
from fairmot.detector import Detector
from fairmot.geometry import Letterbox
from fairmot.media.video import VideoWriter
from fairmot.track import track


def rendered_clip(folder: Path, frames: int, size: tuple[int, int]) -> Path:
    path = folder / f"street-{size[1]}p.mp4"
    with VideoWriter(path, size, 25) as writer:
        for frame in render_street(people=12, frames=frames, size=size):
            writer.write(frame.image)
    return path


def bare_network(detector: Detector, video: Path, frames: int) -> float:
    """Frames/s of the engine alone, canvases prepared beforehand."""
    reader = fairmot.read_frames(video, end=min(frames, 20))
    canvases = [Letterbox(reader.size, detector.input_size).apply(frame.image)[None] for frame in reader]
    seconds = []
    for index in range(frames):
        began = time.perf_counter()
        detector._network(canvases[index % len(canvases)])
        seconds.append(time.perf_counter() - began)
    return 1 / float(np.median(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = options.video or rendered_clip(folder, options.frames, (854, 480))
        detector = fairmot.load_detector(options.weights)
        rates: dict[str, list[float]] = {"bare network": [], "track, no video": [], "track, with video": []}
        for _ in range(options.rounds):
            rates["bare network"].append(bare_network(detector, video, options.frames))
            for label, with_video in (("track, no video", False), ("track, with video", True)):
                (run,) = track(
                    video, detector, output=folder / "out", end=options.frames, video=with_video, overwrite=True
                )
                rates[label].append(run.frames_per_second)
    table = Table("what", "frames/s (median)", "min", "max", "share of the network", title=f"{video.name}")
    for label, values in rates.items():
        share = np.median(values) / np.median(rates["bare network"])
        table.add_row(label, *(f"{f(values):.1f}" for f in (np.median, min, max)), f"{share:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
