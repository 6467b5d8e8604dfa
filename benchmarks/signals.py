"""`fairmot track` and signals at random moments: nothing hangs, nothing tears.

    python benchmarks/signals.py --signals 200

For each of SIGINT, SIGTERM, SIGHUP, two SIGINTs and SIGKILL, alone, with several sources at once, with `--jobs 2` and
over an older run: every run ends within five minutes, and leaves the old run, no run, or one whose rows, detections,
JSON lines, images and video hold the same frames. After SIGKILL no worker stays, and the next run sweeps what is left.
The network is a small untrained one that finds people everywhere. Each signal comes up to 0.1 s after a random image
was drawn. Prints a table; the exit code is 1 if anything hung or tore. Linux alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import cv2
import numpy as np
import psutil

from fairmot.formats.recordings import load_recording
from fairmot.media.outputs.video import VideoWriter
from fairmot.network.safetensors import save_weights

SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support"

KINDS = {
    "SIGINT": (signal.SIGINT,),
    "SIGTERM": (signal.SIGTERM,),
    "SIGHUP": (signal.SIGHUP,),
    "SIGINT twice": (signal.SIGINT, signal.SIGINT),
    "SIGKILL": (signal.SIGKILL,),
}
OUTPUTS = ["--csv", "--jsonl", "--images", "--save-detections"]
VARIANTS = {
    "alone": (["a.mp4"], []),
    "several sources": (["a.mp4", "b.mp4", "c.mp4"], ["--together"]),
    "--jobs 2": (["a.mp4", "b.mp4", "c.mp4"], ["--jobs", "2"]),
    "over an older run": (["a.mp4"], ["--overwrite"]),
}
PATIENCE_SECONDS = 300.0


def supporting(name: str) -> ModuleType:
    """Import a module that supports the tests."""
    spec = importlib.util.spec_from_file_location(name, SUPPORT / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Run all kinds and print what became of the runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=200, help="of each kind, over all variants")
    parser.add_argument("--frames", type=int, default=200, help="of each video")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP):  # a background shell has them ignored, and runs would inherit that
        signal.signal(number, signal.default_int_handler)
    moments = random.Random(options.seed)
    bad = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        graph, weights = supporting("level_networks").lively_levels()
        save_weights(folder / "small.safetensors", graph.config, weights, {})
        for name in "abc":
            film(folder / f"{name}.mp4", options.frames)
        prepared = supporting("prepared").Prepared(command("alone", folder / "old"), folder)
        begin = prepared.start
        print("signal | variant | runs | hung | torn | no results | interrupted | whole | workers left")
        for kind in options.kinds:
            for variant in options.variants:
                told = dict.fromkeys(("runs", "hung", "torn", "none", "interrupted", "whole", "workers left"), 0)
                for _ in range(max(1, options.signals // len(options.variants))):
                    out = folder / "out"
                    shutil.rmtree(out, ignore_errors=True)
                    if variant == "over an older run":
                        shutil.copytree(folder / "old", out)
                    image = moments.randint(1, options.frames * len(VARIANTS[variant][0]))
                    hung, left = run(begin, folder, variant, out, KINDS[kind], image, moments.uniform(0, 0.1))
                    told["runs"] += 1
                    told["hung"] += hung
                    told["workers left"] += left
                    told[outcome(out, options.frames, kind)] += 1
                print(f"{kind} | {variant} | " + " | ".join(map(str, told.values())), flush=True)
                bad += told["hung"] + told["torn"] + told["workers left"]
        prepared.close()
    return int(bad > 0)


def film(path: Path, count: int) -> None:
    """Write a video of a bright block that moves."""
    with VideoWriter(path, (160, 120), 25) as writer:
        for index in range(count):
            image = np.full((120, 160, 3), 40, np.uint8)
            image[20:100, index % 100 : index % 100 + 30] = 220
            writer.write(image)


def command(variant: str, out: Path) -> list[str]:
    """Return the words of a run."""
    sources, options = VARIANTS[variant]
    network = ["--weights", "small.safetensors", "--confidence", "0.8", "--engine", "onnxruntime"]
    return ["track", *sources, *options, *OUTPUTS, *network, "--output", str(out), "--quiet"]


def run(
    begin: Callable[..., Any],
    folder: Path,
    variant: str,
    out: Path,
    signals: tuple[int, ...],
    image: int,
    delay: float,
) -> tuple[bool, int]:
    """Track; send signals so many seconds after the run has drawn so many images.

    Returns:
        Whether it hung, and how many workers stayed.
    """
    process = begin(command(variant, out), folder)
    drawn = 0
    while process.poll() is None and (now := images_drawn(out)) < image and now >= drawn:  # fewer: they are placed
        drawn = now
        time.sleep(0.005)
    time.sleep(delay)
    for number in signals:
        if number == signal.SIGINT:  # a terminal sends it to all processes
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                break
        else:
            process.send_signal(number)
        time.sleep(0.05)
    hung = False
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        hung = True
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)
    return hung, workers_left(process.pid)


def images_drawn(out: Path) -> int:
    """Return how many images the run has drawn that are not in their places yet."""
    found = os.walk(out)  # passes over what vanishes meanwhile
    return sum(name.endswith(".jpg") for place, _, names in found if ".fairmot-part" in place for name in names)


def workers_left(session: int) -> int:
    """Return how many processes of a session stay, and end them."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        left = [each for each in psutil.pids() if session_of(each) == session]
        if not left:
            return 0
        time.sleep(0.2)
    for each in left:
        os.kill(each, signal.SIGKILL)
    return len(left)


def session_of(process: int) -> int | None:
    """Return the session of a process, None if it is gone or has ended."""
    try:
        if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            return None
        return os.getsid(process)
    except (OSError, psutil.Error):
        return None


def outcome(out: Path, frames: int, kind: str) -> str:
    """Say what a run left: ``none``, ``torn``, ``interrupted`` or ``whole``."""
    noted = list(out.rglob("run.json"))
    placed = [path for path in out.rglob("*") if path.is_file() and not any(p[0] == "." for p in path.parts[1:])]
    hidden = [path for path in out.rglob(".*") if path.exists()]
    if hidden and kind != "SIGKILL" and "twice" not in kind:
        return "torn"
    if not noted:
        return "torn" if placed else "none"
    ends = set()
    for path in noted:
        for name, about in json.loads(path.read_text(encoding="utf-8"))["sources"].items():
            counts = frames_of(path.parent, name)
            if len(set(counts)) != 1 or counts[0] != about["frames"]:
                return "torn"
            ends.add("whole" if about["frames"] == frames else "interrupted")
    return "interrupted" if "interrupted" in ends else "whole"


def frames_of(folder: Path, name: str) -> list[int]:
    """Return how many frames each kind of file holds; an image or video that cannot be read holds none."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    rows = sum(len(line["tracks"]) for line in found)
    same = [
        len((folder / f"{name}.txt").read_text(encoding="ascii").splitlines()) == rows,
        len((folder / f"{name}.csv").read_text(encoding="ascii").splitlines()) == rows + 1,
    ]
    images = sum(cv2.imread(str(path)) is not None for path in (folder / name).glob("*.jpg"))
    video = folder / f"{name}.mp4"
    shown = 0
    if video.exists():
        with av.open(str(video)) as container:
            shown = sum(1 for _ in container.decode(video=0))
    recorded = len(load_recording(folder / f"{name}.detections.npz"))
    return [len(found) if all(same) else -1, images, shown, recorded]


if __name__ == "__main__":
    sys.exit(main())
