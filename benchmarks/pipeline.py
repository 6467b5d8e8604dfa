"""Frames/s of ``track`` beside the bare network, at 480p and 1080p, with and without video, and the time of each stage.

    python benchmarks/pipeline.py [--networks lite dla_34] [--heights 480 1080] [--frames 100] [--rounds 3]

``lite`` has the shipped weights, other networks have random ones at their published size: the time does not depend on
them. Everything is measured in turns in one run, so that other programs on the machine slow all of it alike; the
fraction of the network's rate is what counts. "in turn" hides the detector's ``prepare``, so that letterbox and network
follow each other. The clip is a rendered street with 12 people.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import fairmot
from fairmot.config import NetworkConfig
from fairmot.detector import Detector
from fairmot.geometry import Letterbox
from fairmot.media.outputs.video import VideoWriter
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import save_weights
from fairmot.street import render_street
from fairmot.workflows.track.track import track

WIDTHS = {480: 854, 720: 1280, 1080: 1920}
STAGES = ("decode", "prepare", "detect", "track", "draw_and_encode", "wait_for_frame", "wait_for_writer")


def rendered_clip(folder: Path, frames: int, height: int) -> Path:
    path = folder / f"street-{height}p.mp4"
    with VideoWriter(path, (WIDTHS[height], height), 25) as writer:
        for frame in render_street(people=12, frames=frames, size=(WIDTHS[height], height)):
            writer.write(frame.image)
    return path


def load(network: str, folder: Path, engine: str) -> Detector:
    if network == "lite":
        return fairmot.load_detector(engine=engine)
    config = NetworkConfig(architecture=network)
    path = folder / f"{network}.safetensors"
    save_weights(path, config, initial_weights(build_graph(config)), {})
    # Random heads detect something everywhere; a high threshold keeps that from taking time.
    return fairmot.load_detector(path, engine=engine, confidence=0.9)


def bare_network(detector: Detector, canvases: list, frames: int) -> float:
    """Return frames/s of the engine alone, on canvases prepared beforehand."""
    began = time.perf_counter()
    for index in range(frames):
        detector._networks.network(detector.input_size)(canvases[index % len(canvases)])
    return frames / (time.perf_counter() - began)


def measure(detector: Detector, clip: Path, folder: Path, frames: int, rounds: int) -> tuple[dict, dict]:
    """Return frames/s of the network and of ``track`` in each round, and the median times of the stages."""
    with fairmot.read_frames(clip, end=min(frames, 8)) as reader:
        canvases = [Letterbox(reader.size, detector.input_size).apply(frame.image)[None] for frame in reader]
    detector._networks.network(detector.input_size)(canvases[0])
    detectors = {"no video, in turn": lambda image: detector(image), "no video": detector, "video": detector}
    rates: dict[str, list[float]] = {"network": [], **{label: [] for label in detectors}}
    stages: dict[str, list] = {label: [] for label in detectors}
    for _ in range(rounds):
        rates["network"].append(bare_network(detector, canvases, frames))
        for label, detect in detectors.items():
            (run,) = track(clip, detect, output=folder / "out", end=frames, video=label == "video", overwrite=True)
            rates[label].append(run.frames_per_second)
            stages[label].append([getattr(run.milliseconds, stage) for stage in STAGES])
    return rates, {label: np.median(values, axis=0) for label, values in stages.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["lite", "dla_34"])
    parser.add_argument("--heights", nargs="+", type=int, default=[480, 1080], choices=sorted(WIDTHS))
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--frames", type=int, default=100, help="frames for lite; other networks get a tenth")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    table = Table("network", "clip", "measured", "frames/s", "of the network", *(f"{name} ms" for name in STAGES))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for height in options.heights:
            clip = rendered_clip(folder, options.frames, height)
            for network in options.networks:
                detector = load(network, folder, options.engine)
                frames = options.frames if network == "lite" else max(4, options.frames // 10)
                rates, stages = measure(detector, clip, folder, frames, options.rounds)
                print(f"{network} {height}p: {rates}", file=sys.stderr)
                for label, values in rates.items():
                    # Fractions within a round: what slows down one measurement slows down its neighbours too.
                    fraction = np.median(np.divide(values, rates["network"]))
                    times = [f"{value:.1f}" for value in stages.get(label, [])]
                    size = "{}x{}".format(*detector.input_size)
                    table.add_row(
                        f"{network} {size} {detector.engine}",
                        f"{height}p",
                        label,
                        f"{np.median(values):.1f}",
                        f"{fraction:.0%}",
                        *times,
                    )
    Console(width=180).print(table)


if __name__ == "__main__":
    main()
