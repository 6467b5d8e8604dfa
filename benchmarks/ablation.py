"""Ablation of the preset boxes and of the refinement, on the nine sequences of MOT15 text detections.

    python benchmarks/ablation.py DATA/mot15_text [--leave-one-out]

Prints Markdown: HOTA, DetA, AssA, MOTA, IDF1 and switches of all sequences combined (pre-processing of MOT15), and the
processor time of the nine sequences. Rows: the published tracker; the preset with one part left out at a time; the
preset; its rows refined, with one part of the refinement left out at a time. ``--leave-one-out`` instead chooses,
for each sequence, the best of the small grid below on the other eight, and adds up the scores on the sequences that
were left out.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.config.tracker import PRESETS
from fairmot.evaluation.scores import combined_scores
from fairmot.evaluation.scoring import count_sequence
from fairmot.formats.rows import NO_CLASS, Rows
from fairmot.formats.sequences import Sequence
from fairmot.tracking.interpolation import SCORE
from fairmot.tracking.refine import RefineConfig, refine
from fairmot.workflows.track.refining import memory_for, settings_for
from fairmot.workflows.track.replay import tracked_frames
from fairmot.workflows.tune.cases import load_cases

COLUMNS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
BOXES = dict(PRESETS["boxes"])
PUBLISHED = TrackerConfig().model_dump()
PARTS = ("start_confidence", "confirmation_hits", "height_exponent", "gate", "noise_rate")
GRID = {"start_confidence": (0.8, 0.9), "confirmation_hits": (2, 3), "height_exponent": (0.0, 1.0)}
REFINEMENT = {
    "extension": {"extension_seconds": 0},
    "links": {"link_seconds": 0},
    "removal of noise": {"min_rows": 1, "min_score": 0},
    "filled gaps": {"fill_seconds": 0},
    "smoothing": {"smoothing_seconds": 0},
}


def tracked(case, config):
    """Return the memory of one sequence."""
    memory = memory_for(config)
    for _ in tracked_frames(case.recording, config, None, memory):
        pass
    return memory


def counted(case, table, rules):
    """Count rows: frame, identity, box, score."""
    table = table[np.argsort(table[:, 0], kind="stable")]
    rows = Rows(
        path=case.recording.path,
        lines=np.arange(len(table)),
        frames=table[:, 0].astype(np.int64),
        ids=table[:, 1].astype(np.int64),
        boxes_tlwh=table[:, 2:6].round(3),
        confidences=table[:, SCORE],
        class_ids=np.full(len(table), NO_CLASS),
        others=np.empty((len(table), 0)),
    )
    return count_sequence(Sequence(case.info, case.truth, rows), rules).counts[None]


def online(cases, config, rules):
    """Return counts of each sequence, and the processor time of tracking."""
    counts, seconds = {}, 0.0
    for case in cases:
        begun = time.process_time()
        tables = [np.empty((0, 7))]
        for index, tracks in tracked_frames(case.recording, config):
            corner = tracks.boxes_xyxy[:, :2]
            size = tracks.boxes_xyxy[:, 2:] - corner
            frame = np.full(len(tracks), index)
            tables.append(np.column_stack([frame, tracks.ids, corner, size, tracks.scores]))
        seconds += time.process_time() - begun
        counts[case.info.name] = counted(case, np.concatenate(tables), rules)
    return counts, seconds


def refined(cases, memories, config, rules):
    """Return counts of each sequence, and the processor time of the refinement."""
    counts, seconds = {}, 0.0
    for case, memory in zip(cases, memories, strict=True):
        begun = time.process_time()
        table = refine(memory.rows, case.info.frame_rate, config, free=memory.free).rows
        seconds += time.process_time() - begun
        counts[case.info.name] = counted(case, table, rules)
    return counts, seconds


def line(name, counts, seconds):
    scores = combined_scores(list(counts.values()))
    values = [f"{100 * scores[c]:.2f}" if c != "IDSW" else str(scores[c]) for c in COLUMNS]
    print(f"| {name} | {' | '.join(values)} | {seconds:.1f} |", flush=True)


def print_table(cases, rules):
    print(f"| tracker | {' | '.join(COLUMNS)} | seconds |\n|--|--|--|--|--|--|--|--|")
    line("published", *online(cases, TrackerConfig(), rules))
    for name in PARTS:
        line(f"boxes without {name}", *online(cases, TrackerConfig(**{**BOXES, name: PUBLISHED[name]}), rules))
    boxes = TrackerConfig(**BOXES)
    line("**boxes**", *online(cases, boxes, rules))
    memories = [tracked(case, boxes) for case in cases]
    full = settings_for(boxes)
    for name, off in REFINEMENT.items():
        values = {**{field: getattr(full, field) for field in RefineConfig.__dataclass_fields__}, **off}
        line(f"boxes, refined without {name}", *refined(cases, memories, RefineConfig(**values), rules))
    line("**boxes, refined**", *refined(cases, memories, full, rules))


def aim(counts):
    scores = combined_scores(counts)
    return scores["HOTA"] + 0.5 * scores["IDF1"] + 0.5 * scores["MOTA"]


def print_left_out(cases, rules):
    trials = []
    for values in itertools.product(*GRID.values()):
        changes = dict(zip(GRID, values, strict=True))
        trials.append((changes, online(cases, TrackerConfig(**{**BOXES, **changes}), rules)[0]))
    names = [case.info.name for case in cases]
    held = {}
    print("| left out | chosen on the others |\n|--|--|")
    for name in names:
        others = [other for other in names if other != name]
        changes, counts = max(trials, key=lambda trial: aim([trial[1][other] for other in others]))
        held[name] = counts[name]
        print(f"| {name} | {', '.join(f'{key} {value:g}' for key, value in changes.items())} |")
    print(f"\n| | {' | '.join(COLUMNS)} | seconds |\n|--|--|--|--|--|--|--|--|")
    line("left out", held, 0.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--leave-one-out", action="store_true")
    arguments = parser.parse_args()
    cases, _, rules = load_cases(arguments.data, arguments.data, (), "MOT15")
    (print_left_out if arguments.leave_one_out else print_table)(cases, rules)


if __name__ == "__main__":
    main()
