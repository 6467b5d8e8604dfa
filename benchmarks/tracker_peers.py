"""Scores and time of trackers of roboflow/trackers (SORT, ByteTrack, OC-SORT, C-BIoU) beside ours, in one run.

    pip install --no-deps --target PEERS trackers==2.6.1
    PYTHONPATH=PEERS OMP_NUM_THREADS=1 python benchmarks/tracker_peers.py DATA/mot15_text [--rounds 3]

Every tracker gets the text detections of the nine sequences, each as it comes. Prints Markdown: scores of all sequences
combined (pre-processing of MOT15), processor ms per frame, and the ratio to SORT's. The trackers take turns on each
sequence, and the fastest of the rounds counts.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import supervision as sv
from ablation import COLUMNS, counted

from fairmot.config import TrackerConfig
from fairmot.evaluation.scores import combined_scores
from fairmot.geometry import xyxy_to_tlwh
from fairmot.tracking.tracker import Tracker
from fairmot.workflows.tune.cases import load_cases

OURS = ("fairmot", "motion", "boxes")


def peer_rows(make, frames, rate):
    tracker, rows = make(frame_rate=rate), []
    for index, found in frames:
        tracked = tracker.update(found)
        known = tracked.tracker_id >= 0  # -1: not confirmed yet
        rows.append((index, tracked.tracker_id[known], tracked.xyxy[known]))
    return rows


def our_rows(preset, frames, rate):
    tracker, rows = Tracker(TrackerConfig.preset(preset), frame_rate=rate), []
    for index, found in frames:
        tracked = tracker.update(found)
        rows.append((index, tracked.ids, tracked.boxes_xyxy))
    return rows


def table_of(rows):
    parts = [np.column_stack([np.full(len(i), f), i, xyxy_to_tlwh(b), np.ones(len(i))]) for f, i, b in rows]
    return np.concatenate(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    from trackers import ByteTrackTracker, CBIoUTracker, OCSORTTracker, SORTTracker  # the help needs it not

    peers = {"SORT": SORTTracker, "ByteTrack": ByteTrackTracker, "OC-SORT": OCSORTTracker, "C-BIoU": CBIoUTracker}
    cases, _, rules = load_cases(arguments.data, arguments.data, (), "MOT15")
    names = [*peers, *OURS]
    counts, seconds = {name: [] for name in names}, dict.fromkeys(names, 0.0)
    for case in cases:
        ours = list(case.recording)
        theirs = [
            (i, sv.Detections(f.boxes_xyxy.astype(float), confidence=f.scores, class_id=f.class_ids)) for i, f in ours
        ]
        fastest = dict.fromkeys(names, np.inf)
        for turn in range(arguments.rounds):
            for name in names:
                begun = time.process_time()
                if name in peers:
                    rows = peer_rows(peers[name], theirs, case.recording.frame_rate)
                else:
                    rows = our_rows(name, ours, case.recording.frame_rate)
                fastest[name] = min(fastest[name], time.process_time() - begun)
                if turn == 0:
                    counts[name].append(counted(case, table_of(rows), rules))
        for name in names:
            seconds[name] += fastest[name]
    frame_count = sum(len(case.recording) for case in cases)
    print(f"| tracker | {' | '.join(COLUMNS)} | ms/frame | of SORT's |\n|--|{'--|' * (len(COLUMNS) + 2)}")
    for name in names:
        scores = combined_scores(counts[name])
        values = [f"{100 * scores[c]:.2f}" if c != "IDSW" else str(scores[c]) for c in COLUMNS]
        ratio = seconds[name] / seconds["SORT"]
        print(f"| {name} | {' | '.join(values)} | {1000 * seconds[name] / frame_count:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
