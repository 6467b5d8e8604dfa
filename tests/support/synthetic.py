"""Synthetic sequences with perturbed results, the same wherever they are made.

Used by the tests and by ``make_golden.py``, which runs in another environment: NumPy alone, and only ``random``
and ``integers`` of its generator, whose streams are stable between versions.
"""

import hashlib
from pathlib import Path

import numpy as np

SEEDS = {"MOT15": 15, "MOT16": 16, "MOT17": 17, "MOT20": 20, "none": 5}
# (name of the file, folder of the shared data, sequences or None for all, benchmark)
SHARED = [
    ("shared_mot15_text", "mot15_text", None, "MOT15"),
    ("shared_tud_campus", "mot", ["TUD-Campus"], "MOT15"),
    ("shared_mot17_mini", "mot", ["MOT17-02-FRCNN-mini", "MOT17-04-FRCNN-mini"], "MOT17"),
    ("shared_mot17_mini_none", "mot", ["MOT17-02-FRCNN-mini", "MOT17-04-FRCNN-mini"], "none"),
]
DISTRACTOR_CLASSES = (2, 6, 7, 8, 12)
OTHER_CLASSES = (3, 9, 11)


def make_benchmark(folder: Path, benchmark: str, seed: int) -> tuple[Path, Path]:
    """Write ground truth and results of several sequences; returns both folders."""
    rng = np.random.default_rng(seed)
    truth_folder, result_folder = folder / benchmark, folder / "results"
    result_folder.mkdir(parents=True, exist_ok=True)
    kinds = {
        "street": {"frames": 40, "people": 9},
        "crowd": {"frames": 25, "people": 30, "spread": 260.0},
        "ties": {"frames": 20, "people": 10, "grid": 40, "spread": 160.0},
        "no-results": {"frames": 8, "people": 3, "miss": 1.0, "extra": 0.0},
        "nobody": {"frames": 8, "people": 3, "marked": 1.0},
        "late": {"frames": 30, "people": 5, "silent": 0.5},
    }
    for index, (kind, options) in enumerate(kinds.items(), start=1):
        # Without classes there are fillers in the eighth column, as in MOT15.
        name = f"{benchmark}-{index:02d}-{kind}"
        classes = benchmark in ("MOT16", "MOT17", "MOT20")
        truth = make_truth(rng, classes=classes, **{k: v for k, v in options.items() if k in TRUTH_OPTIONS})
        results = perturb(rng, truth, **{k: v for k, v in options.items() if k in RESULT_OPTIONS})
        write_sequence(truth_folder / name, truth, options["frames"])
        write_rows(result_folder / f"{name}.txt", results)
    return truth_folder, result_folder


TRUTH_OPTIONS = ("frames", "people", "spread", "grid", "marked")
RESULT_OPTIONS = ("frames", "miss", "extra", "silent", "grid")


def make_truth(rng, *, frames, people, spread=900.0, grid=0, marked=0.12, classes=True) -> np.ndarray:
    """Rows of gt.txt [N, 9]: people and things that walk straight, come late, go early and pause."""
    rows = []
    for identity in range(1, people + 1):
        first = int(rng.integers(1, max(2, frames // 3)))
        last = int(rng.integers(max(first, 2 * frames // 3), frames + 1))
        start, velocity = rng.random(2) * spread, (rng.random(2) - 0.5) * 8
        height = 80 + 120 * rng.random()
        class_id = 1
        if classes and rng.random() < 0.4:
            class_id = int(rng.choice(DISTRACTOR_CLASSES + OTHER_CLASSES))
        always_marked = rng.random() < marked
        pause = set(rng.integers(first, last + 1, size=int(rng.integers(0, 4))).tolist())
        for frame in range(first, last + 1):
            if frame in pause:
                continue
            mark = 0 if always_marked or rng.random() < marked / 4 else 1
            box = [*(start + velocity * frame), height * 0.4, height]
            rows.append([frame, identity, *box, mark, class_id if classes else -1, 1])
    table = np.array(rows, dtype=float)
    if grid:
        # Equal boxes and equal overlaps on purpose: ties of the assignment.
        table[:, 2:6] = np.round(table[:, 2:6] / grid) * grid
        table[:, 4:6] = [grid, 2 * grid]
    table[:, 2:6] = np.round(table[:, 2:6], 2)
    return table[np.lexsort((rng.random(len(table)), table[:, 0]))]


def perturb(rng, truth, *, frames, miss=0.15, extra=0.1, silent=0.0, grid=0) -> np.ndarray:
    """Result rows [M, 10] made from true ones: jitter, misses, switches, false boxes, frames without output."""
    table = truth[rng.random(len(truth)) >= miss].copy()
    ids = table[:, 1] + 100
    for first, second in rng.integers(1, 8, size=(4, 2)).tolist():
        since = int(rng.integers(1, frames + 1))
        late = table[:, 0] >= since
        swapped = ids.copy()
        swapped[late & (ids == first + 100)] = second + 100
        swapped[late & (ids == second + 100)] = first + 100
        ids = swapped
    for identity in np.unique(ids):
        if rng.random() < 0.4:
            ids[(ids == identity) & (table[:, 0] > int(rng.integers(1, frames + 1)))] = identity + 500
    jitter = (rng.random((len(table), 4)) - 0.5) * np.array([0.35, 0.35, 0.25, 0.25])
    boxes = table[:, 2:6] + jitter * table[:, [4, 5, 4, 5]]
    if grid:
        boxes = table[:, 2:6] + rng.integers(-1, 2, size=(len(table), 4)) * np.array([grid / 4, grid / 2, 0, 0])
    kept = [table[:, 0], ids, *boxes.T]
    count = int(extra * len(truth))
    frames_extra = rng.integers(1, frames + 1, size=count)
    sizes = 40 + 80 * rng.random((count, 2))
    false = [frames_extra, 2000 + np.arange(count), *(rng.random((count, 2)) * 600).T, *sizes.T]
    rows = np.concatenate([np.stack(kept, axis=1), np.stack(false, axis=1)]).astype(float)
    rows = rows[rows[:, 0] > silent * frames]
    rows[:, 2:6] = np.round(rows[:, 2:6], 2)
    rows = rows[rng.permutation(len(rows))]
    return np.concatenate([rows, np.ones((len(rows), 1)), np.full((len(rows), 3), -1.0)], axis=1)


def make_classes(folder: Path) -> tuple[Path, Path]:
    """Ground truth and results of three classes in column 8; class 1 of the results is written as -1."""
    rng = np.random.default_rng(4)
    truth, results = folder / "truth", folder / "results"
    results.mkdir()
    for name in ("a", "b"):
        rows = make_truth(rng, frames=25, people=9, spread=300.0, marked=0.0)
        rows[:, 7] = 1 + rows[:, 1] % 3
        found = perturb(rng, rows, frames=25)
        found[:, 7] = np.where(found[:, 1] % 3 == 0, -1, 1 + found[:, 1] % 3)
        write_sequence(truth / name, rows, 25)
        write_rows(results / f"{name}.txt", found)
    return truth, results


def read_rows(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


def write_sequence(folder: Path, truth: np.ndarray, frames: int) -> None:
    (folder / "gt").mkdir(parents=True, exist_ok=True)
    write_rows(folder / "gt" / "gt.txt", truth)
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nframeRate=25\nseqLength={frames}\nimWidth=1920\nimHeight=1080\n"
    )


def write_rows(path: Path, rows: np.ndarray) -> None:
    path.write_text("".join(",".join(f"{value:.10g}" for value in row) + "\n" for row in rows))


def make_shared(scratch: Path, source: Path, wanted: list[str] | None) -> tuple[Path, Path]:
    """Real ground truth beside results perturbed from it (seed: the sequence's place in the alphabet)."""
    names = wanted or sorted(path.name for path in source.iterdir() if path.is_dir())
    for seed, name in enumerate(names):
        copy_with_results(source / name, scratch / "gt", scratch / "results", seed)
    return scratch / "gt", scratch / "results"


def copy_with_results(source: Path, folder: Path, results: Path, seed: int) -> None:
    """Copy one real sequence's ground truth below ``folder`` and write results perturbed from it."""
    length = next(
        int(line.split("=")[1])
        for line in (source / "seqinfo.ini").read_text().splitlines()
        if line.startswith("seqLength")
    )
    text = (source / "gt" / "gt.txt").read_text()
    truth = np.array([[float(field) for field in line.split(",")] for line in text.split()])
    (folder / source.name / "gt").mkdir(parents=True, exist_ok=True)
    (folder / source.name / "gt" / "gt.txt").write_text(text)
    (folder / source.name / "seqinfo.ini").write_text((source / "seqinfo.ini").read_text())
    results.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    write_rows(results / f"{source.name}.txt", perturb(rng, truth[:, :9], frames=length))


def fingerprint(*folders: Path) -> str:
    """One hash over all text files: it distinguishes a changed generator from a changed score."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.txt")):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
