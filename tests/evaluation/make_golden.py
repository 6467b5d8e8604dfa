"""Make the golden numbers with TrackEval, or score one folder with it.

TrackEval must not share an environment with this package (it brings a GUI build of OpenCV and needs NumPy 2), so this
script runs with an interpreter of its own:

    python -m venv trackeval-env && trackeval-env/bin/pip install trackeval==1.3.0
    trackeval-env/bin/python tests/evaluation/make_golden.py golden [SHARED_DATA_FOLDER]
    trackeval-env/bin/python tests/evaluation/make_golden.py score GT RESULTS BENCHMARK OUT.json
"""

import contextlib
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

# Run by an interpreter of its own, without pytest's paths.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from synthetic import SEEDS, SHARED, fingerprint, make_benchmark, make_shared

GOLDEN = Path(__file__).parent / "golden"


def reference_scores(ground_truth: Path, results: Path, benchmark: str) -> dict:
    """Score folders with TrackEval; returns its fields, arrays as lists ``NAME_alpha`` beside their mean ``NAME``."""
    import trackeval

    names = sorted(path.name for path in ground_truth.iterdir() if (path / "gt" / "gt.txt").is_file())
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        shutil.copytree(results, Path(scratch) / "tracker" / "data")
        dataset = trackeval.datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(ground_truth),
                "TRACKERS_FOLDER": scratch,
                "TRACKERS_TO_EVAL": ["tracker"],
                "BENCHMARK": "MOT17" if benchmark == "none" else benchmark,
                "DO_PREPROC": benchmark != "none",
                "SEQ_INFO": dict.fromkeys(names),
                "SKIP_SPLIT_FOL": True,
                "PRINT_CONFIG": False,
            }
        )
        quiet = {"PRINT_CONFIG": False, "THRESHOLD": 0.5}
        metrics = [
            trackeval.metrics.HOTA(),
            trackeval.metrics.CLEAR(quiet),
            trackeval.metrics.Identity(quiet),
            trackeval.metrics.Count(),
        ]
        sequences = {name: [] for name in names}
        for name in names:
            data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("tracker", name), "pedestrian")
            sequences[name] = [metric.eval_sequence(data) for metric in metrics]
        combined = [
            metric.combine_sequences({name: sequences[name][index] for name in names})
            for index, metric in enumerate(metrics)
        ]
    return {
        "sequences": {name: _plain(parts) for name, parts in sequences.items()},
        "combined": _plain(combined),
    }


def _plain(parts: list[dict]) -> dict:
    fields = {}
    for name, value in (item for part in parts for item in part.items()):
        if np.ndim(value) == 0:
            fields[name] = value.item() if isinstance(value, np.generic) else value
        else:
            fields[name] = float(np.mean(value))
            fields[f"{name}_alpha"] = [float(number) for number in value]
    return fields


def make_golden(shared: Path | None) -> None:
    GOLDEN.mkdir(exist_ok=True)
    for benchmark, seed in SEEDS.items():
        with tempfile.TemporaryDirectory() as scratch:
            folders = make_benchmark(Path(scratch), benchmark, seed)
            _write(f"synthetic_{benchmark}", *folders, benchmark, seed)
    for name, source, wanted, benchmark in SHARED if shared else []:
        with tempfile.TemporaryDirectory() as scratch:
            folders = make_shared(Path(scratch), shared / source, wanted)
            _write(name, *folders, benchmark, 0)


def _write(name: str, ground_truth: Path, results: Path, benchmark: str, seed: int) -> None:
    golden = {
        "benchmark": benchmark,
        "seed": seed,
        "fingerprint": fingerprint(ground_truth, results),
        **reference_scores(ground_truth, results, benchmark),
    }
    (GOLDEN / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        make_golden(Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    else:
        scores = reference_scores(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
        Path(sys.argv[5]).write_text(json.dumps(scores))
