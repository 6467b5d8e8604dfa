"""Mutated files of every kind that this program reads: each is read, or refused in one line, within seconds.

    python benchmarks/fuzz.py --inputs 2000

The kinds are videos, images, recordings and records, weights, `run.json`, `scores.json`, `seqinfo.ini`, zones,
configurations, result rows, lists of training data and CVAT archives. A mutation changes, removes, doubles or inserts
bytes. Prints how many of each kind were read and refused; the exit code is 1 if one ended in a traceback or took
longer than a minute.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import json
import random
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fairmot.config import NetworkConfig, load_config, load_tracker_config
from fairmot.data.annotations import read_images
from fairmot.data.converters.cvat import convert_cvat
from fairmot.data.image_files import read_image
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.formats.recordings import Recorder, load_recording
from fairmot.formats.rows import load_rows
from fairmot.formats.run_file import write_run
from fairmot.formats.scores import load_scores, write_scores
from fairmot.formats.seqinfo import load_info
from fairmot.media.outputs.places import read_zones
from fairmot.media.outputs.video import VideoWriter
from fairmot.media.sources.frames import read_frames
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import load_weights, save_weights
from fairmot.report.run_folder import read_run

MUTATIONS = Path(__file__).resolve().parents[1] / "tests" / "support" / "mutations.py"
spec = importlib.util.spec_from_file_location("mutations", MUTATIONS)
mutations = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutations)

Reader = Callable[[Path], Any]
SMALL = NetworkConfig(architecture="lite", embedding=8, head_width=16, input_width_px=96, input_height_px=64)


def main() -> int:
    """Mutate and read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2000, help="over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        kinds = make(Path(place))
        bad = 0
        print("kind | inputs | read | refused in one line | tracebacks")
        for name, (path, read) in kinds.items():
            whole, told = path.read_bytes(), {"read": 0, "refused": 0, "tracebacks": 0}
            count = -(-options.inputs // len(kinds))
            for _ in range(count):
                path.write_bytes(mutations.mutated(whole, rng))
                faulthandler.dump_traceback_later(60, exit=True)
                told[outcome(read, path)] += 1
                faulthandler.cancel_dump_traceback_later()
            path.write_bytes(whole)
            print(f"{name} | {count} | " + " | ".join(map(str, told.values())), flush=True)
            bad += told["tracebacks"]
    return int(bad > 0)


def outcome(read: Reader, path: Path) -> str:
    """Say what became of a file."""
    try:
        read(path)
    except InputError as error:
        return "tracebacks" if "\n" in str(error) else "refused"
    except Exception:
        traceback.print_exc()
        return "tracebacks"
    return "read"


def make(folder: Path) -> dict[str, tuple[Path, Reader]]:
    """Write a whole file of each kind; return it with what reads it."""
    images = [np.full((48, 64, 3), 10 * index, np.uint8) for index in range(12)]
    found: dict[str, tuple[Path, Reader]] = {}
    for ending in ("mp4", "mkv", "ts"):
        write_video(folder / f"a.{ending}", images)
        found[f"video .{ending}"] = (folder / f"a.{ending}", lambda path: list(read_frames(path)))
    for ending in ("png", "bmp", "jpg", "webp"):
        path = folder / "images" / f"1.{ending}"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), images[3])
        found[f"image .{ending}"] = (path, read_both)
    recorder = Recorder()
    for index in range(5):
        recorder.add(index, index / 25, Detections(np.full((2, 4), index, np.float32), np.full(2, 0.5, np.float32)))
    recorder.recording("a", folder / "a.npz", 25.0).save(folder / "a.npz")
    found["recording"] = (folder / "a.npz", load_recording)
    save_weights(folder / "w.safetensors", SMALL, initial_weights(build_graph(SMALL)), {})
    found["weights"] = (folder / "w.safetensors", load_weights)
    run = folder / "run"
    run.mkdir()
    (run / "a.txt").write_text("1,1,5,5,20,30,0.5,-1,-1,-1\n2,1,6,5,20,30,0.5,-1,-1,-1\n")
    write_run(run, {"sources": {"a": {"source": "/a.mp4", "start": 0, "every": 1, "frames": 2, "blur": False}}})
    write_scores(
        {"benchmark": "none", "sequences": {"a": {"HOTA": 0.5}}, "combined": {"HOTA": 0.5}}, run / "scores.json"
    )
    found["rows"] = (run / "a.txt", load_rows)
    found["run.json"] = (run / "run.json", lambda path: read_run(path.parent))
    found["scores.json"] = (run / "scores.json", load_scores)
    info = folder / "seq" / "seqinfo.ini"
    info.parent.mkdir()
    info.write_text("[Sequence]\nname=a\nimDir=img1\nframeRate=25\nseqLength=30\nimWidth=64\nimHeight=48\n")
    found["seqinfo.ini"] = (info, lambda path: load_info(path.parent))
    texts: dict[str, tuple[str, Reader]] = {
        "zones.json": ('{"door": [[0, 120], [320, 120], [320, 240], [0, 240]]}', read_zones),
        "tracker.yaml": ("confidence: 0.5\ntrack_buffer_frames: 20\nsecond_pass: true\n", load_tracker_config),
        "config.yaml": ("network: &n {architecture: lite}\ntrain: {epochs: 3, batch_size: 2}\n", load_config),
        "data.json": ('{"root": ".", "train": {"a": "a.list"}}', read_images),
    }
    (folder / "a.list").write_text("")
    for name, (text, read) in texts.items():
        (folder / name).write_text(text)
        found[name] = (folder / name, read)
    with zipfile.ZipFile(folder / "cvat.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", json.dumps("no export") * 50)
    found["cvat.zip"] = (folder / "cvat.zip", lambda path: convert_cvat(path, folder / "out"))
    return found


def read_both(path: Path) -> None:
    """Read an image as a source and as training does."""
    try:
        list(read_frames(path))
    except InputError:
        read_image(path)


def write_video(path: Path, images: list[Any]) -> None:
    """Write images as a video in the container of the file's ending."""
    import av

    with VideoWriter(path.with_suffix(".made.mp4"), (64, 48), 25) as writer:
        for image in images:
            writer.write(image)
    with av.open(str(path.with_suffix(".made.mp4"))) as given, av.open(str(path), "w") as written:
        stream = written.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)


if __name__ == "__main__":
    sys.exit(main())
