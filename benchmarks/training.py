"""Images/s of training on this machine: networks x engines x precisions x threads, with the loader and without.

    python benchmarks/training.py [--networks lite dla_34] [--engines torch mindspore] [--threads 1 2]
    python benchmarks/training.py --before CHECKOUT --precisions f32 bf16

Each row is a process of its own, since memory settings, threads and devices belong to a process. ``--before`` names a
checkout of an earlier version: its code trains the same batches in processes that take turns with those of this
version. Within a process, steps on one repeated batch and steps with the loader take turns, so that other programs
on the machine disturb all alike; the least time counts. Images are generated. "waiting" is the fraction of the time
with the loader that its batches took to arrive; with one thread of the engine, the loader's threads have the other
cores. "first loss" is that of the first batch, the same in every row of a network.

PyTorch on a CPU is a third faster with the glibc memory settings of ``fairmot.training.launch``, which a process reads
when it starts: ``--plain-memory`` runs without them.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENGINES = ("torch", "mindspore")


def endless(loader):
    for epoch in itertools.count():
        yield from loader.epoch(epoch)


def measure(options, engine, precision, threads, folder):
    """Take turns of steps with and without the loader; return the row's numbers, or the reason why there are none."""
    import cv2

    from fairmot.benchmark.subjects import find_subject
    from fairmot.config import parse_config
    from fairmot.data.loader import PREFETCHED_BATCHES, create_loader
    from fairmot.engines import load_training
    from fairmot.errors import InputError

    width, height = (int(side) for side in options.input_size.split("x"))
    (name,) = options.networks
    subject = find_subject(name)
    network = subject.graph.config.model_copy(update={"input_width_px": width, "input_height_px": height})
    train = {"batch_size": options.batch, "threads": threads}
    if (precision, options.device) != ("f32", "cpu"):  # a processor trains in it anyway; earlier versions spell it
        train["precision"] = precision
    data = {"description": str(Path(folder, "data.json")), "workers": options.workers}
    cv2.setNumThreads(1)
    try:
        config = parse_config({"network": network.model_dump(mode="json"), "data": data, "train": train}, "benchmark")
        loader = create_loader(config)
        trainer = load_training(engine).create_trainer(
            subject.graph, subject.weights, loader.identity_counts, config, options.device
        )
    except InputError as error:
        return {"reason": str(error)}
    batches = trainer.prefetched(endless(loader))
    repeated = next(batches)
    loss = trainer.step(repeated, 1e-4).losses["total"]
    trainer.step(repeated, 1e-4)  # compilation and memory are done
    times = {"loaded": [], "repeated": [], "waited": []}
    for _ in range(options.turns):
        for _ in range(options.steps):
            began = time.perf_counter()
            trainer.step(repeated, 1e-4)
            times["repeated"].append(time.perf_counter() - began)
        for _ in range(PREFETCHED_BATCHES):
            next(batches)  # batches that were prepared meanwhile do not count
        for step in range(1 + options.steps):
            began = time.perf_counter()
            batch = next(batches)
            waited = time.perf_counter() - began
            trainer.step(batch, 1e-4)
            if step > 0:  # the loader resumes during the first
                times["waited"].append(waited)
                times["loaded"].append(time.perf_counter() - began)
    batches.close()
    waited = sum(times["waited"]) / sum(times["loaded"])
    return {"loaded": min(times["loaded"]), "repeated": min(times["repeated"]), "waited": waited, "loss": loss}


def run(options, row, folder, checkout=None):
    """Return what ``measure`` returns in a process of its own, of this version or of a checkout of an earlier one."""
    from fairmot.training.launch import MEMORY_SETTINGS

    name, engine, precision, threads = row
    environment = os.environ | ({} if options.plain_memory else MEMORY_SETTINGS) | {"OMP_NUM_THREADS": str(threads)}
    if checkout is not None:
        environment["PYTHONPATH"] = str(checkout.resolve())
    command = [sys.executable, __file__, "--networks", name, "--one", json.dumps([engine, precision, threads, folder])]
    for option in ("input_size", "batch", "steps", "turns", "workers", "device"):
        command += ["--" + option.replace("_", "-"), str(getattr(options, option))]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(finished.stdout.splitlines()[-1])


def cells(options, found, before):
    """Return a row's numbers as words; ``before``: those of the earlier version, or None."""
    rates = [f"{options.batch / found[kind]:.2f}" for kind in ("repeated", "loaded")]
    words = [*rates, f"{found['waited']:.0%}", f"{found['loss']:.3f}"]
    if before is None:
        return words
    if "reason" in before:
        return [*words, "-", "-", "-"]
    earlier = [f"{options.batch / before[kind]:.2f}" for kind in ("repeated", "loaded")]
    return [*words, *earlier, f"{before['repeated'] / found['repeated']:.2f}"]


def best(results):
    """Return the least times of several rounds."""
    if any("reason" in each for each in results):
        return next(each for each in results if "reason" in each)
    least = {kind: min(each[kind] for each in results) for kind in ("loaded", "repeated", "waited")}
    return least | {"loss": results[0]["loss"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["lite", "dla_34"], help="architectures or weight files")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="default: those that are installed")
    parser.add_argument("--precisions", nargs="+", default=["f32"], help="of train.precision")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="threads of the engine")
    parser.add_argument("--input-size", default="576x320", help="width x height, pixels")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1, help="processes of each row")
    parser.add_argument("--workers", type=int, default=2, help="threads of the loader")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="a checkout of an earlier version")
    parser.add_argument("--plain-memory", action="store_true", help="run without the glibc memory settings")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options, *json.loads(options.one))))
        return
    if options.before and not (options.before / "fairmot" / "__init__.py").is_file():
        parser.error(f"--before {options.before}: no fairmot in it; expected a checkout of the repository")

    from loader import make_images

    from fairmot.engines import installed_engines

    titles = ["network", "engine", "precision", "threads", "in memory", "with loader", "waiting", "first loss"]
    titles += ["before: in memory", "with loader", "now / before"] if options.before else []
    print(f"Images/s at {options.input_size.replace('x', ' x ')}, {options.batch} a step:\n")
    print(f"| {' | '.join(titles)} |\n|{'--|' * 3}{'--:|' * (len(titles) - 3)}", flush=True)
    engines = options.engines or [name for name in ENGINES if name in installed_engines()]
    reasons = []
    with tempfile.TemporaryDirectory(prefix="fairmot-") as folder:
        make_images(Path(folder), max(12, 2 * options.batch), 30)
        for row in itertools.product(options.networks, engines, options.precisions, options.threads):
            now, before = [], []
            for _ in range(options.rounds):
                now.append(run(options, row, folder))
                if "reason" in now[-1]:
                    break
                if options.before:
                    before.append(run(options, row, folder, options.before))
            found, label = best(now), f"`{row[0]}` | {' | '.join(map(str, row[1:]))}"
            if "reason" in found:
                reasons.append(f"* `{row[0]}`, {', '.join(map(str, row[1:3]))}: {found['reason']}")
                words = ["-"] * len(titles[4:])
            else:
                words = cells(options, found, best(before) if before else None)
            print(f"| {label} | {' | '.join(words)} |", flush=True)
    print("".join(f"\n{reason}" for reason in dict.fromkeys(reasons)))


if __name__ == "__main__":
    main()
