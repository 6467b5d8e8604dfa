"""``fairmot track`` beside a plain user loop: YOLOX-nano 416, ByteTrack, supervision, H.264 by PyAV.

    python benchmarks/peers.py YOLOX_NANO.onnx [--frames 120] [--rounds 2] [--folder FOLDER] [--cells 480,1080]

Four cells: a rendered street with 12 people, 854 x 480 and 1920 x 1080, with and without video. Each round runs both
programs on each cell, one after the other, so that other work on the machine slows both down; the ratio of a cell is
that of its best runs. The plain loop (``plain_loop.py``) gets an environment of its own, made on the first run in
``FOLDER/environment``, and keeps all defaults of its libraries. Times count from the first frame to the finished file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from fairmot.benchmark.markdown import table
from fairmot.media.outputs.video import VideoWriter
from fairmot.street import render_street

PACKAGES = ("onnxruntime", "opencv-python-headless", "supervision", "trackers", "av")
FRAMES = 250
"""Frames of a rendered clip."""
WIDTHS = {480: 854, 1080: 1920}
PLAIN = Path(__file__).with_name("plain_loop.py")


def plain_environment(folder: Path) -> Path:
    """Return the Python of the plain loop's environment, which is made where it is missing."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if not complete.is_file():
        print(f"making {folder}: {', '.join(PACKAGES)}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        complete.touch()
    return python


def rendered_clip(folder: Path, height: int) -> Path:
    """Return a rendered street of this height, which is kept for later runs."""
    path = folder / f"street-{height}p-{FRAMES}.mp4"
    size = (WIDTHS[height], height)
    if not path.is_file():
        with VideoWriter(path, size, 25) as writer:
            for frame in render_street(people=12, frames=FRAMES, size=size):
                writer.write(frame.image)
    return path


def plain_rate(python: Path, network: Path, clip: Path, folder: Path, frames: int, video: bool) -> float:
    """Return frames/s of the plain loop."""
    output = ["--output", str(folder / "plain.mp4")] if video else []
    # PYTHONPATH would lend it packages of this environment.
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, PLAIN, network, clip, "--frames", str(frames), *output]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=clean)
    found = json.loads(run.stdout.splitlines()[-1])
    return found["frames"] / found["seconds"]


def own_rate(clip: Path, folder: Path, frames: int, video: bool, options: list[str]) -> float:
    """Return frames/s of ``fairmot track``."""
    shown = [] if video else ["--no-video"]
    command = [sys.executable, "-m", "fairmot", "track", clip, "--end", str(frames), "--json"]
    output = ["--output", folder / "own", "--overwrite"]
    run = subprocess.run([*command, *output, *shown, *options], capture_output=True, text=True, check=True)
    (source,) = json.loads(run.stdout)
    return source["frame_count"] / source["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path, help="YOLOX-nano, 416 x 416, as ONNX")
    parser.add_argument("--frames", type=int, default=120, help=f"frames that count, at most {FRAMES}")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cells", default="480,1080", help="heights of the clips")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "fairmot-peers"))
    parser.add_argument("--track", nargs=argparse.REMAINDER, default=[], help="further options of fairmot track, last")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    python = plain_environment(options.folder / "environment")
    heights = [int(height) for height in options.cells.split(",")]
    cells = [(rendered_clip(options.folder, height), video) for height in heights for video in (0, 1)]
    rates: dict[tuple[Path, int], tuple[list[float], list[float]]] = {cell: ([], []) for cell in cells}
    for number in range(options.rounds):
        for cell in cells:
            clip, video = cell
            own, plain = rates[cell]
            plain.append(plain_rate(python, options.network, clip, options.folder, options.frames, bool(video)))
            own.append(own_rate(clip, options.folder, options.frames, bool(video), options.track))
            print(f"round {number + 1}, {clip.stem}, video {video}: {own[-1]:.1f} and {plain[-1]:.1f}", file=sys.stderr)
    rows = []
    for (clip, video), (own, plain) in rates.items():
        height = int(clip.stem.split("-")[1][:-1])
        name = f"{WIDTHS[height]} x {height}, {'with' if video else 'without'} video"
        rounds = ", ".join(f"{mine / other:.2f}" for mine, other in zip(own, plain, strict=True))
        rows.append((name, f"{max(own):.1f}", f"{max(plain):.1f}", f"{max(own) / max(plain):.2f}", rounds))
    print(table(("cell", "`track`, frames/s", "plain loop", "ratio", "ratio in each round"), 1, rows))


if __name__ == "__main__":
    main()
