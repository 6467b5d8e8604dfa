"""Frames/s of ``fairmot track`` over 1 to 8 sources: one after the other, together, and in processes of their own.

    python benchmarks/sources.py [--sources 1 2 4 8] [--frames 100] [--jobs 2] [--rounds 2] [--ray ADDRESS]

Every source is a copy of one rendered street, 854 x 480, with 12 people. All ways run in turns, without video; the best
round counts. The rate counts all frames of all sources over the time of the whole command, start included, so that a
process of its own has to pay for its start. The fraction is that of the same number of sources one after the other.
``--ray`` adds the processes of a Ray cluster (``auto`` after ``ray start --head``).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fairmot.benchmark.markdown import table
from fairmot.media.outputs.video import VideoWriter
from fairmot.street import render_street

SIZE = (854, 480)


def rendered_clips(folder: Path, count: int, frames: int) -> list[Path]:
    first = folder / "street-1.mp4"
    with VideoWriter(first, SIZE, 25) as writer:
        for frame in render_street(people=12, frames=frames, size=SIZE):
            writer.write(frame.image)
    clips = [first]
    for number in range(2, count + 1):
        clips.append(Path(shutil.copyfile(first, folder / f"street-{number}.mp4")))
    return clips


def seconds(clips: list[Path], folder: Path, options: list[str]) -> float:
    command = [sys.executable, "-m", "fairmot", "track", *clips, "--no-video", "--output", folder / "tracked"]
    began = time.perf_counter()
    subprocess.run([*command, "--overwrite", *options], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--frames", type=int, default=100, help="of each source")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ray", metavar="ADDRESS")
    arguments = parser.parse_args()
    ways = {"one after the other": [], "together": ["--together"], f"{arguments.jobs} jobs": ["--jobs", arguments.jobs]}
    if arguments.ray:
        ways[f"{arguments.jobs} jobs, Ray"] = ["--jobs", arguments.jobs, "--ray", arguments.ray]
    rows = []
    with tempfile.TemporaryDirectory(prefix="fairmot-") as folder:
        clips = rendered_clips(Path(folder), max(arguments.sources), arguments.frames)
        for count in arguments.sources:
            least = dict.fromkeys(ways, float("inf"))
            for _ in range(arguments.rounds):
                for name, options in ways.items():
                    if count > 1 or name == "one after the other":
                        spent = seconds(clips[:count], Path(folder), list(map(str, options)))
                        least[name] = min(least[name], spent)
            plain = least["one after the other"]
            rates = [f"{count * arguments.frames / spent:.1f} ({plain / spent:.2f})" for spent in least.values()]
            rows.append((str(count), *(rates if count > 1 else [*rates[:1], *[""] * (len(ways) - 1)])))
    print(table(("sources", *ways), 1, rows))


if __name__ == "__main__":
    main()
