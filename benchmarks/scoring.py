"""``fairmot score`` against TrackEval on the same files: wall time of both in one run, and their largest difference.

    python benchmarks/scoring.py --trackeval-python trackeval-env/bin/python [--data MOT15_FOLDER] [--repeat 3]
    python benchmarks/scoring.py --growth 10 30 100 300 1000

TrackEval needs an environment of its own (``pip install trackeval==1.3.0``). Its evaluator runs as in its script for
MOTChallenge: HOTA, CLEAR and Identity, in one process and in as many as there are processors. ``--data`` is a folder
of MOT15 sequences with ground truth, which is perturbed to make results; without it both are generated: 21 sequences of
600 frames. The programs take turns; each time is the least of the repeats and includes the start of the interpreter.
On a machine that runs other programs too, processor time is the fairer measure. ``--growth`` times ``fairmot score``
alone, in this process, on one sequence of 60 frames for each number of people, and prints how its time grows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

TRACKEVAL = """
import contextlib, io, json, sys
import trackeval
truth, trackers, benchmark, processes, answer = sys.argv[1:]
import pathlib
names = sorted(path.name for path in pathlib.Path(truth).iterdir())
if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = trackeval.Evaluator({
            "USE_PARALLEL": int(processes) > 1, "NUM_PARALLEL_CORES": int(processes), "PRINT_CONFIG": False,
            "PRINT_RESULTS": False, "TIME_PROGRESS": False, "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False,
            "PLOT_CURVES": False, "OUTPUT_EMPTY_CLASSES": False, "BREAK_ON_ERROR": True,
        })
        dataset = trackeval.datasets.MotChallenge2DBox({
            "GT_FOLDER": truth, "TRACKERS_FOLDER": trackers, "TRACKERS_TO_EVAL": ["tracker"], "BENCHMARK": benchmark,
            "SEQ_INFO": dict.fromkeys(names), "SKIP_SPLIT_FOL": True, "PRINT_CONFIG": False,
        })
        quiet = {"PRINT_CONFIG": False, "THRESHOLD": 0.5}
        metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet)]
        results, _ = evaluator.evaluate([dataset], metrics)
    combined = results["MotChallenge2DBox"]["tracker"]["COMBINED_SEQ"]["pedestrian"]
    fields = {k: v for part in combined.values() for k, v in part.items()}
    pathlib.Path(answer).write_text(json.dumps({k: getattr(v, "tolist", lambda v=v: v)() for k, v in fields.items()}))
"""


def make_sequences(folder, count, frames, people):
    from synthetic import make_truth, perturb, write_rows, write_sequence

    results = folder / "trackers" / "tracker" / "data"
    results.mkdir(parents=True)
    for index in range(1, count + 1):
        rng = np.random.default_rng(index)
        rows = make_truth(rng, frames=frames, people=people, spread=1500.0)
        write_sequence(folder / "gt" / f"MOT17-{index:02}", rows, frames)
        found = perturb(rng, rows, frames=frames)
        _, places = np.unique(found[:, :2], axis=0, return_index=True)  # false boxes may take an identity twice
        write_rows(results / f"MOT17-{index:02}.txt", found[np.sort(places)])
    return "MOT17"


def copy_sequences(folder, source):
    from synthetic import copy_with_results

    for seed, sequence in enumerate(sorted(path for path in source.iterdir() if (path / "gt" / "gt.txt").is_file())):
        copy_with_results(sequence, folder / "gt", folder / "trackers" / "tracker" / "data", seed)
    return "MOT15"


def seconds(command):
    """Return the wall time and the processor time of a command and its children."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_growth(counts, repeat, frames=60):
    """Processor time of scoring a frame, over the number of people in it."""
    from fairmot import score

    table = Table("people", "result rows a frame", "ms a frame")
    times, densities = [], []
    for people in counts:
        with tempfile.TemporaryDirectory() as scratch:
            benchmark = make_sequences(Path(scratch), 1, frames, people)
            results = Path(scratch, "trackers", "tracker", "data")
            (file,) = results.glob("*.txt")
            densities.append(len(file.read_text().splitlines()) / frames)
            spent = []
            for _ in range(repeat):
                began = time.process_time()
                score(Path(scratch, "gt"), results, benchmark)
                spent.append(time.process_time() - began)
        times.append(1000 * min(spent) / frames)
        table.add_row(str(people), f"{densities[-1]:.0f}", f"{times[-1]:.2f}")
    Console().print(table)
    if len(counts) > 1:
        exponent = np.polyfit(np.log(densities), np.log(times), 1)[0]
        last = np.log(times[-1] / times[-2]) / np.log(densities[-1] / densities[-2])
        print(f"the time of scoring grows with the power {exponent:.2f} of the rows of a frame, at the end {last:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackeval-python", help="interpreter with TrackEval; default: FAIRMOT_TRACKEVAL_PYTHON")
    parser.add_argument("--data", type=Path, help="folder of MOT15 sequences; default: generated ones")
    parser.add_argument("--sequences", type=int, default=21)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--growth", type=int, nargs="+", metavar="PEOPLE", help="time scoring alone over these numbers")
    arguments = parser.parse_args()
    if arguments.growth:
        print_growth(arguments.growth, arguments.repeat)
        return
    python = arguments.trackeval_python or os.environ.get("FAIRMOT_TRACKEVAL_PYTHON")
    if not python:
        parser.error("--trackeval-python: give an interpreter with TrackEval")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if arguments.data:
            benchmark = copy_sequences(folder, arguments.data)
        else:
            benchmark = make_sequences(folder, arguments.sequences, arguments.frames, arguments.people)
        script = folder / "run_trackeval.py"
        script.write_text(TRACKEVAL)
        truth, trackers = folder / "gt", folder / "trackers"
        results = trackers / "tracker" / "data"
        rows = sum(len(path.read_text().splitlines()) for path in results.glob("*.txt"))
        count = len(list(results.glob("*.txt")))
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        start = "from fairmot.cli import main; main()"
        score = [sys.executable, "-c", start, "score", truth, results, "--benchmark", benchmark]
        reference, ours = folder / "reference.json", folder / "ours.json"
        commands = {
            "TrackEval": [python, script, truth, trackers, benchmark, "1", reference],
            f"TrackEval, {processors} processes": [
                python,
                script,
                truth,
                trackers,
                benchmark,
                str(processors),
                reference,
            ],
            "score --processes 1": [*score, "--processes", "1", "--save-json", ours],
            "score": [*score, "--save-json", ours],
        }
        times = {name: [] for name in commands}
        for _ in range(arguments.repeat):
            for name, command in commands.items():
                times[name].append(seconds(list(map(str, command))))
        combined, expected = json.loads(ours.read_text())["combined"], json.loads(reference.read_text())
        difference = max(
            np.abs(np.subtract(combined[f"{name}_alpha" if isinstance(value, list) else name], value)).max()
            for name, value in expected.items()
        )
    least = {name: [min(column) for column in zip(*values, strict=True)] for name, values in times.items()}
    alone, together = list(least.values())[:2]
    table = Table(
        *("command", "wall s", "faster", f"than with {processors}", "CPU s", "faster"),
        title=f"{count} sequences, {rows} result rows, {processors} processors",
    )
    for name, (wall, processor) in least.items():
        ratios = (f"{alone[0] / wall:.1f}x", f"{together[0] / wall:.1f}x")
        table.add_row(name, f"{wall:.2f}", *ratios, f"{processor:.2f}", f"{alone[1] / processor:.1f}x")
    console = Console()
    console.print(table)
    console.print(f"largest difference over {len(expected)} fields: {difference:.1e}")


if __name__ == "__main__":
    main()
