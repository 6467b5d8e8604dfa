"""Every preset of the tracker with the embeddings of the shipped model, on every kind of sequence: docs/tracking.md.

    python recipes/lite/scenes.py STREETS
    python benchmarks/presets.py DATA STREETS WORK [--weights FILE]

DATA holds ``mot/`` (TUD-Campus and the cut sequences of MOT17), STREETS the twelve rendered streets: still, panning and
jerking cameras, 5 to 30 frames/s. WORK keeps the detections, which are made once. Prints Markdown, per cent:

1. HOTA and IDF1 of each preset by kind of sequence; with appearance and without, online and refined.
2. The same by frame rate; crossings of people on the streets after which both kept their identities; and *absences*:
   the streets of at most 15 frames/s, on which everybody who is there for 2.5 s or more is taken out of truth and
   detections for the middle part of that time, 1.5 s at least, which is longer than a lost track is kept.
3. Returns after an absence, by the largest distance of a re-entry: right, wrong, and the rate of wrong ones.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from ablation import counted, tracked
from scipy.optimize import linear_sum_assignment

import fairmot
from fairmot.config import TrackerConfig
from fairmot.config.tracker import PRESETS
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.evaluation.scores import combined_scores
from fairmot.geometry import pairwise_iou, tlwh_to_xyxy, xyxy_to_tlwh
from fairmot.tracking.refine import refine
from fairmot.workflows.track.refining import memory_for, settings_for
from fairmot.workflows.track.replay import tracked_frames
from fairmot.workflows.tune.cases import load_cases

RATES = (5, 10, 15, 25, 30)
CAMERAS = {"still": "still", "panning": "sweep", "jerking": "jerk"}
CROSSING_IOU = 0.2
LONGEST_STAY_S, SHORTEST_ABSENCE_S = 2.5, 1.5
DISTANCES = (0, 0.1, 0.15, 0.2, 0.25, 0.3)  # 0: no returns, so wrong ones have other causes


def recorded(weights, sources, folder):
    """Detect once, with embeddings; return the folder of the saved detections."""
    if not (folder / "run.json").exists():
        detector = fairmot.load_detector(weights, confidence=0.05)
        fairmot.track(sources, detector, output=folder, video=False, save_detections=True, overwrite=True)
    return folder


def linked(folder, sources):
    """Return a folder of links to sequences: a data set."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        if not (folder / source.name).exists():
            (folder / source.name).symlink_to(source.resolve())
    return folder


def result_of(case, config, refined=False):
    """Return rows [R, 7 or more] of a sequence: frame, identity, left, top, width, height, score."""
    memory = memory_for(config) if refined else None
    tables = [np.empty((0, 7))]
    for index, tracks in tracked_frames(case.recording, config, None, memory):
        frame = np.full(len(tracks), index)
        tables.append(np.column_stack([frame, tracks.ids, xyxy_to_tlwh(tracks.boxes_xyxy), tracks.scores]))
    if memory is None:
        return np.concatenate(tables)
    rate, settings = case.recording.frame_rate, settings_for(config)
    return refine(memory.rows, rate, settings, free=memory.free, embeddings=memory.embeddings).rows


def with_absences(case):
    """Return the sequence in which people are away for a while, and how many."""
    truth, recording, away = case.truth, case.recording, 0
    gone = np.zeros(len(truth), bool)
    for identity in np.unique(truth.ids):
        own = (truth.ids == identity).nonzero()[0]
        first, last = truth.frames[own].min(), truth.frames[own].max()
        stay = (last - first + 1) / recording.frame_rate
        if stay < LONGEST_STAY_S:
            continue
        half = max(SHORTEST_ABSENCE_S, stay / 2) * recording.frame_rate / 2
        gone[own[np.abs(truth.frames[own] - (first + last) / 2) <= half]] = True
        away += 1
    keep = np.ones(len(recording.rows), bool)
    for place, index in enumerate(recording.frame_indices.tolist()):
        rows = slice(recording.starts[place], recording.starts[place + 1])
        here = truth.frames == index
        overlap = pairwise_iou(recording.rows.boxes_xyxy[rows], tlwh_to_xyxy(truth.boxes_tlwh[here]))
        if overlap.size:
            keep[rows] = ~(gone[here][overlap.argmax(axis=1)] & (overlap.max(axis=1) > 0.3))
    starts = np.concatenate([[0], np.cumsum(keep)])[recording.starts]
    less = replace(recording, rows=recording.rows.select(keep.nonzero()[0]), starts=starts)
    return replace(case, recording=less, truth=truth.select(~gone)), away


def named(case, table):
    """Return the tracked identity of each row of the truth [R], 0 where there is none, and the person of each row."""
    truth = case.truth
    seen, person = np.zeros(len(truth), int), np.zeros(len(table), int)
    for frame in np.unique(truth.frames):
        own, found = (truth.frames == frame).nonzero()[0], (table[:, 0] == frame).nonzero()[0]
        overlap = pairwise_iou(tlwh_to_xyxy(truth.boxes_tlwh[own]), tlwh_to_xyxy(table[found, 2:6]))
        rows, columns = linear_sum_assignment(-np.where(overlap >= 0.5, 1 + overlap, 0))
        right = overlap[rows, columns] >= 0.5
        seen[own[rows[right]]] = table[found[columns[right]], 1]
        person[found[columns[right]]] = truth.ids[own[rows[right]]]
    return seen, person


def crossings(case, table):
    """Return how many pairs of people crossed, and after how many of these both had the identity of before."""
    truth, (seen, _) = case.truth, named(case, table)
    met = {}
    for frame in np.unique(truth.frames):
        own = (truth.frames == frame).nonzero()[0]
        boxes = tlwh_to_xyxy(truth.boxes_tlwh[own])
        for a, b in np.argwhere(np.triu(pairwise_iou(boxes, boxes) >= CROSSING_IOU, 1)):
            met.setdefault((truth.ids[own[a]], truth.ids[own[b]]), []).append(frame)
    count = kept = 0
    for pair, frames in met.items():
        sides = []
        for identity in pair:
            own = truth.ids == identity
            before, after = own & (truth.frames < frames[0]), own & (truth.frames > frames[-1])
            sides.append((before.any() and after.any(), seen[before], seen[after]))
        if all(side[0] for side in sides):
            count += 1
            kept += all(a[a > 0][-1:].tolist() == b[b > 0][:1].tolist() != [] for _, a, b in sides)
    return count, kept


def returns(case, table):
    """Return how many identities came back after an absence as the same person, and how many as another one."""
    _, person = named(case, table)
    right = wrong = 0
    for identity in np.unique(table[:, 1]):
        own = (table[:, 1] == identity) & (person > 0)
        frames, people = table[own, 0], person[own]
        order = np.argsort(frames)
        gap = np.diff(frames[order]) > SHORTEST_ABSENCE_S * case.recording.frame_rate * 0.9
        same = people[order][:-1] == people[order][1:]
        right, wrong = right + int((gap & same).sum()), wrong + int((gap & ~same).sum())
    return right, wrong


def trackers(own):
    """Name -> parameters and whether the rows are refined."""
    found = {name: (TrackerConfig.preset(name), False) for name in PRESETS}
    found["of the weights"] = (own, False)
    found["of the weights, without appearance"] = (own.changed(appearance=False), False)
    found["of the weights, gallery_size 10"] = (own.changed(gallery_size=10), False)
    found["of the weights, reentry_frames 900"] = (own.changed(gallery_size=10, reentry_frames=900), False)
    found["of the weights, refined"] = (own, True)
    found["of the weights, without appearance, refined"] = (own.changed(appearance=False), True)
    return found


def cell(counts):
    scores = combined_scores(counts)
    return f"{100 * scores['HOTA']:.1f} / {100 * scores['IDF1']:.1f}"


def print_rows(head, rows):
    print(f"\n| {' | '.join(head)} |\n|{'--|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("streets", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED_WEIGHTS)
    arguments = parser.parse_args()
    mot, work = arguments.data / "mot", arguments.work
    cut = linked(work / "cut", sorted(mot.glob("MOT17-*")))
    groups, kept = {}, {}
    for name, folder, rules in (
        ("TUD-Campus", linked(work / "campus", [mot / "TUD-Campus"]), "MOT15"),
        ("MOT17", cut, "auto"),
        ("streets", arguments.streets, "none"),
    ):
        saved = recorded(arguments.weights, sorted(map(str, folder.iterdir())), work / f"{folder.name}-detections")
        groups[name], _, kept[name] = load_cases(folder, saved, [], rules)
    streets = groups["streets"]
    absent = [with_absences(case) for case in streets if case.recording.frame_rate <= 15]
    away = sum(count for _, count in absent)
    first, second = [], []
    for name, (config, refined) in trackers(streets[0].recording.tracker).items():
        counts = {}
        crossed = np.zeros(2, int)
        for group, cases in groups.items():
            for case in cases:
                table = result_of(case, config, refined)
                counts[group, case.info.name] = counted(case, table, kept[group])
                if group == "streets":
                    crossed += crossings(case, table)
        at = [[each for (group, _), each in counts.items() if group == wanted] for wanted in groups]
        by_name = {case.info.name: counts["streets", case.info.name] for case in streets}
        for word in CAMERAS.values():
            at.append([each for key, each in by_name.items() if f"-{word}-" in key])
        first.append([name, *map(cell, at), combined_scores(at[2])["IDSW"]])
        rates = [[each for key, each in by_name.items() if key.endswith(f"-{rate}")] for rate in RATES]
        gaps = [counted(case, result_of(case, config, refined), kept["streets"]) for case, _ in absent]
        second.append([name, *map(cell, rates), f"{crossed[1]} of {crossed[0]}", cell(gaps)])
    print_rows(["tracker: HOTA / IDF1", *groups, *CAMERAS, "switches on streets"], first)
    print_rows(["tracker: HOTA / IDF1", *(f"{rate} frames/s" for rate in RATES), "crossings kept", "absences"], second)
    rows = []
    for name, refined in (("reentry_max_distance", False), ("return_distance of the refinement", True)):
        for distance in DISTANCES:
            rows.append([f"{name} {distance}", *returned(absent, distance, refined), away])
    print_rows(["limit", "right", "wrong", "wrong, of all returns", "people who were away"], rows)


def returned(absent, distance, refined):
    """Return right and wrong returns and the rate of the wrong ones."""
    total = np.zeros(2, int)
    for case, _ in absent:
        config = case.recording.tracker
        if refined:
            memory = tracked(case, config)
            settings = replace(settings_for(config), return_distance=distance)
            rate = case.recording.frame_rate
            table = refine(memory.rows, rate, settings, free=memory.free, embeddings=memory.embeddings).rows
        else:
            changes = {"gallery_size": 10, "reentry_frames": 900, "reentry_max_distance": distance}
            table = result_of(case, config.changed(**changes))
        total += returns(case, table)
    return *total.tolist(), f"{100 * total[1] / max(1, total.sum()):.0f} %"


if __name__ == "__main__":
    main()
