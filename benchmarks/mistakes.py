"""Mistakes in the published scripts and in training with several processes: one line, within ten seconds.

    python benchmarks/mistakes.py [--only PATTERN] [--list]

Each is made through the scripts or `fairmot train --processes`, in a folder with a street of four frames and a
small network; where weights are not the mistake, the shipped model is used. Prints a Markdown table: the command, the
mistake, its exit code, seconds, and the last line. The exit code is 1 if one of them takes longer, succeeds, says
something else, shows a traceback, or leaves files behind.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from fairmot.data.converters import convert_dataset
from fairmot.street import write_street

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
ALLOWED_SECONDS = 10.0
HANGS_AFTER_SECONDS = 120
CONFIG = """
network: {architecture: lite, embedding: 16, head_width: 16, input_width_px: 128, input_height_px: 96}
data: {description: mix/data.json, workers: 0}
train: {epochs: 1, batch_size: 2, threads: 1}
inference: {save_videos: true, save_images: true}
"""
TRAINING = {
    "no.yaml": ("configuration absent", r"no\.yaml"),
    "typo.yaml": ("configuration with a setting that does not exist", "epoch"),
    "empty.json": ("data.json without lists", "empty.json"),
    "mine.json": ("data.json whose lists are absent", "mine.txt"),
    "absent.yaml": ("data absent", "absent/data.json"),
    "unlabelled.yaml": ("images absent", "nothing.txt|nowhere"),
    "large.yaml": ("fewer images than a batch", r"fewer than one batch of 20"),
    "held_out.yaml": ("validation data absent", "nowhere"),
}
"""Configuration -> the mistake in it, and what the line holds."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One command that must end in one line."""

    command: str
    """As a user types it, in the folder of ``make_place``."""
    name: str
    line: str
    """Regular expression that the last line holds."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of the environment."""

    @property
    def shown(self) -> str:
        """The command with its variables."""
        return " ".join([*(f"{name}={value}" for name, value in self.variables.items()), self.command])


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended."""

    code: int
    seconds: float
    line: str
    faults: tuple[str, ...]
    """What is not as promised."""


def mistakes() -> list[Mistake]:
    """Return all of them, except those of engines that are not installed."""
    found = [*_training_scripts(), *_inference_scripts()]
    for engine in ("torch", "mindspore"):
        found += _several_processes(engine)
    absent = [engine for engine in ("torch", "mindspore") if importlib.util.find_spec(engine) is None]
    scripts = {"torch": "_gpu.sh", "mindspore": "_ascend.sh"}
    return [
        each
        for each in found
        if not any(f"--engine {name}" in each.command or scripts[name] in each.command for name in absent)
    ]


def _training_scripts() -> list[Mistake]:
    found = []
    on_processor = {"DEVICE": "CPU"}
    for script, count in (
        *(("run_standalone_train_gpu.sh", ""), ("run_standalone_train_ascend.sh", " CPU")),
        *(("run_distribute_train_gpu.sh", " 2 CPU"), ("run_distribute_train_ascend.sh", " 2")),
    ):
        variables = on_processor if script.endswith("_gpu.sh") or count == " 2" else {}
        for config, (name, line) in TRAINING.items():
            if config != "held_out.yaml" or "distribute" in script:
                found.append(Mistake(f"{script}{count} {config}", name, line, variables))
        for weights, name in (
            *(("no.ckpt", "start weights absent"), ("bad.ckpt", "no checkpoint"), ("bad.safetensors", "no weights")),
            *(("bad.pth.tar", "no checkpoint"), ("other.pth", "a text file as a checkpoint")),
        ):
            found.append(Mistake(f"{script}{count} small.yaml {weights}", name, re.escape(weights), variables))
    ascend, gpu = "run_distribute_train_ascend.sh", "run_distribute_train_gpu.sh"
    alone = "run_standalone_train_ascend.sh"
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    return [
        *found,
        Mistake(ascend, "no count", "CPU in the environment|RANK_SIZE"),
        Mistake(f"{ascend} 0 small.yaml", "no processes", "RANK_SIZE 0: expected a number from 1"),
        Mistake(f"{ascend} two small.yaml", "a word as the count", "RANK_SIZE two"),
        Mistake(f"{ascend} 8 small.yaml", "eight processes without devices", "no Ascend device here"),
        Mistake(f"{gpu} 0 0 small.yaml", "no processes", "DEVICE_NUM 0: expected a number from 1"),
        Mistake(f"{gpu} 3 0,1 small.yaml", "more processes than devices named", "VISIBLE_DEVICES names 2"),
        Mistake(f"{gpu} 1 first small.yaml", "a word as the device", "VISIBLE_DEVICES first"),
        Mistake(f"{gpu} 8 0,1,2,3,4,5,6,7 small.yaml", "eight processes without devices", "no CUDA device here"),
        Mistake(alone, "DEVICE_ID missing", "DEVICE_ID"),
        Mistake(f"{alone} small.yaml", "DEVICE_ID missing", "DEVICE_ID small.yaml: expected the number"),
        Mistake(f"{alone} 0 small.yaml", "device absent", "no Ascend device here"),
        Mistake(
            f"{alone} 2 small.yaml",
            "DEVICE_ID is not visible",
            "DEVICE_ID 2 is not among",
            {"ASCEND_RT_VISIBLE_DEVICES": "4,5"},
        ),
        Mistake("run_standalone_train_gpu.sh small.yaml", "device absent", "no CUDA device", hidden),
    ]


def _inference_scripts() -> list[Mistake]:
    found = []
    for script, folder in (("run_eval.sh", "DATASET_DIR"), ("run_infer.sh", "DATASET_DIR")):
        found += [
            Mistake(f"{script} TPU small.yaml", "unknown device", "DEVICE TPU: expected Ascend, GPU or CPU"),
            Mistake(f"{script} GPU small.yaml '' MOT20", "device absent", "CUDA", {"CUDA_VISIBLE_DEVICES": ""}),
            Mistake(f"{script} Ascend small.yaml '' MOT20", "device absent", "Ascend"),
            Mistake(f"{script} CPU no.yaml", "configuration absent", "CONFIG no.yaml: no such file"),
            Mistake(f"{script} CPU typo.yaml '' MOT20", "setting that does not exist", "epoch"),
            Mistake(f"{script} CPU small.yaml no.ckpt", "weights absent", "LOAD_CKPT no.ckpt: no such file"),
            *(
                Mistake(f"{script} CPU small.yaml {weights} MOT20", "no weights", re.escape(weights))
                for weights in ("bad.safetensors", "bad.ckpt", "bad.pth.tar", "other.pth")
            ),
            Mistake(f"{script} CPU small.yaml", "default data set absent", "data/MOT20: no such folder"),
            Mistake(f"{script} CPU small.yaml '' nowhere", "data set absent", f"{folder} nowhere: no such folder"),
            Mistake(f"{script} CPU small.yaml '' empty", "data set empty", "empty"),
            Mistake(f"{script} CPU small.yaml '' words", "a folder of other files", "words"),
        ]
    return [
        *found,
        Mistake("run_eval.sh CPU small.yaml '' no_truth", "ground truth absent", "no_truth: no ground truth"),
        Mistake("run_eval.sh CPU small.yaml '' bad_truth", "a wrong line of ground truth", r"gt.txt.* line 2|gt.txt:2"),
        Mistake("run_eval.sh CPU small.yaml '' no_images", "images absent", "no_images"),
        Mistake("run_infer.sh CPU small.yaml '' no_images", "images absent", "no_images"),
        Mistake("run_infer.sh CPU small.yaml '' broken.mp4", "a video that is none", "broken.mp4"),
    ]


def _several_processes(engine: str) -> list[Mistake]:
    device = {"torch": "cuda", "mindspore": "ascend"}[engine]

    def made(config: str, name: str, line: str, count: int = 2, on: str = "cpu", more: str = "") -> Mistake:
        command = f"fairmot train {config} --processes {count} --engine {engine} --device {on}{more}"
        return Mistake(command, name, line)

    return [
        *(made(config, *what) for config, what in TRAINING.items() if config.endswith(".yaml")),
        made("small.yaml", "eight processes without devices", "no .* device", 8, device),
        made("small.yaml", "start weights absent", "no.ckpt", more=" --set train.start_weights=no.ckpt"),
        made("small.yaml", "no weights", "bad.safetensors", more=" --set train.start_weights=bad.safetensors"),
        made("small.yaml", "folder of another run", "holds a run already", more=" --set train.output=full"),
        made("small.yaml", "folder in a file", "small.yaml", more=" --set train.output=small.yaml/out"),
    ]


def make_place(folder: Path) -> None:
    """Write the street, its data set, and everything that is wrong."""
    write_street(folder / "streets", people=3, frames=4)
    convert_dataset("motchallenge", folder / "streets", folder / "mix", name="street")
    (street,) = (path for path in (folder / "streets").iterdir() if path.is_dir())
    for split, number in (("train", "01"), ("test", "04")):
        shutil.copytree(street, folder / "MOT20" / split / f"MOT20-{number}")
    for sequence in (folder / "MOT20").glob("*/*"):
        info = (sequence / "seqinfo.ini").read_text("utf-8")
        (sequence / "seqinfo.ini").write_text(re.sub("name=.*", f"name={sequence.name}", info), "utf-8")
    shutil.rmtree(folder / "MOT20" / "test" / "MOT20-04" / "gt")
    sound = folder / "MOT20" / "train" / "MOT20-01"
    for name in ("no_truth", "bad_truth", "no_images"):
        shutil.copytree(sound, folder / name / "MOT20-01")
    (folder / "no_truth" / "MOT20-01" / "gt" / "gt.txt").unlink()
    with (folder / "bad_truth" / "MOT20-01" / "gt" / "gt.txt").open("r+", encoding="utf-8") as file:
        first = file.readline()
        file.seek(len(first))
        file.write("a,b\n")
    shutil.rmtree(folder / "no_images" / "MOT20-01" / "img1")
    for name in ("empty", "words", "full"):
        (folder / name).mkdir()
    (folder / "words" / "notes.txt").write_text("no images")
    for name in ("bad.safetensors", "bad.ckpt", "bad.pth.tar", "other.pth", "broken.mp4", "full/last.safetensors"):
        (folder / name).write_text("something else\n")
    (folder / "empty.json").write_text('{"root": "."}')
    (folder / "mine.json").write_text('{"root": "nowhere", "train": {"mine": "mine.txt"}}')
    (folder / "nothing.json").write_text('{"root": "mix", "train": {"mine": "nothing.txt"}}')
    (folder / "mix" / "nothing.txt").write_text("nowhere/images/1.jpg\n")
    for name, old, new in (
        *(("small", "", ""), ("typo", "epochs", "epoch"), ("absent", "mix/data", "absent/data")),
        *(("unlabelled", "mix/data", "nothing"), ("large", "batch_size: 2", "batch_size: 20")),
        ("held_out", "workers: 0}", "workers: 0, validation: nowhere}"),
    ):
        text = CONFIG.replace(old, new) if old else CONFIG
        if name == "held_out":
            text = text.replace("epochs: 1,", "epochs: 1, validate_every_epochs: 1,")
        (folder / f"{name}.yaml").write_text(text)


def make(mistake: Mistake, place: Path) -> Ended:
    """Make one mistake in a fresh copy of the place."""
    with tempfile.TemporaryDirectory(prefix="mistake-") as temporary:
        folder = Path(temporary) / "place"
        shutil.copytree(place, folder)
        before = sorted(folder.rglob("*"))
        command = re.sub(r"\Arun_", f"bash {SCRIPTS}/run_", mistake.command)
        command = re.sub(r"\Afairmot", f"{sys.executable} -m fairmot", command)
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | mistake.variables
        start = time.perf_counter()
        try:
            finished = subprocess.run(
                [*("bash", "-c", command)],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=HANGS_AFTER_SECONDS,
                check=False,
            )
            code, output = finished.returncode, finished.stdout
        except subprocess.TimeoutExpired as error:
            code, output = 124, (error.stdout or b"").decode(errors="replace")
        seconds = time.perf_counter() - start
        lines = [line.replace(str(folder), ".") for line in output.splitlines() if line.strip()]
        left = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path not in before]
    line = lines[-1] if lines else ""
    faults = [
        *([f"exit code {code}"] if code != 2 else []),
        *([f"{seconds:.0f} s"] if seconds > ALLOWED_SECONDS else []),
        *(["another line"] if not re.search(mistake.line, line) else []),
        *(["a traceback"] if "Traceback" in output else []),
        *([f"leaves {', '.join(left[:3])}"] if left else []),
    ]
    return Ended(code, seconds, line, tuple(faults))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="PATTERN", help="only commands and names that match")
    parser.add_argument("--list", action="store_true", help="only list them")
    options = parser.parse_args()
    chosen = [each for each in mistakes() if re.search(options.only, f"{each.shown} ({each.name})")]
    if options.list:
        print("\n".join(f"{each.shown} ({each.name})" for each in chosen))
        return 0
    print("| command | mistake | exit code | s | line |\n|--|--|--:|--:|--|", flush=True)
    wrong, slowest = [], 0.0
    with tempfile.TemporaryDirectory(prefix="mistakes-") as temporary:
        place = Path(temporary)
        make_place(place)
        for each in chosen:
            ended = make(each, place)
            slowest = max(slowest, ended.seconds)
            line = ended.line.replace("|", "\\|")
            print(f"| `{each.shown}` | {each.name} | {ended.code} | {ended.seconds:.1f} | {line} |", flush=True)
            if ended.faults:
                wrong.append(f"{each.shown} ({each.name}): {', '.join(ended.faults)}")
    print(f"\n{len(chosen)} mistakes, {len(wrong)} not as promised, the slowest took {slowest:.1f} s")
    print("\n".join(wrong), file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
