"""People who walk along a street in perspective, boxes without images, and HOTA when every n-th frame is tracked."""

from pathlib import Path

import numpy as np

from fairmot.detections import Detections
from fairmot.evaluation.benchmarks import choose_benchmark
from fairmot.evaluation.scores import sequence_scores
from fairmot.evaluation.scoring import count_sequence
from fairmot.formats.rows import NO_CLASS, Rows
from fairmot.formats.seqinfo import SequenceInfo
from fairmot.formats.sequences import Sequence
from fairmot.geometry import tlwh_to_xyxy, xyxy_to_tlwh
from fairmot.tracking.tracker import Tracker

RATE = 50
STEPS = {50: 1, 25: 2, 10: 5, 5: 10}
SIZE = (960, 540)
FOCAL_PX, CAMERA_M, PERSON_M = 700.0, 4.0, 1.75


def make_street(seed, seconds=20, people=14):
    """Identities, boxes tlwh and detections tlwh of each frame at 50 frames/s.

    People walk both ways along a street at 0.9 to 1.6 m/s, seen in perspective. Whoever is hidden by more than half
    is not detected; detections jitter and are missed now and then.
    """
    rng = np.random.default_rng(seed)
    depth, drift = rng.uniform(7, 22, people), rng.normal(0, 0.15, people)
    speed = rng.uniform(0.9, 1.6, people) * rng.choice([-1, 1], people)
    start = -speed * rng.uniform(0, seconds, people)  # each is in the middle at some time
    frames = []
    for time in np.arange(seconds * RATE) / RATE:
        away = depth + drift * (time - seconds / 2)
        scale = FOCAL_PX / away
        middle = SIZE[0] / 2 + (start + speed * time) * scale
        foot, height = SIZE[1] * 0.2 + CAMERA_M * scale, PERSON_M * scale
        boxes = np.column_stack([middle - 0.2 * height, foot - height, 0.4 * height, height])
        in_view = np.abs(middle - SIZE[0] / 2) < SIZE[0] / 2
        shown = in_view & (_hidden(boxes, away, in_view) < 0.5)
        found = boxes[shown & (rng.random(people) < 0.95)]
        found = found + rng.normal(0, 0.015, found.shape) * found[:, 3:]
        frames.append((np.arange(1, people + 1)[in_view], boxes[in_view], found))
    return frames


def _hidden(boxes, away, in_view):
    """Return the largest part of each box that one nearer person covers."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    shared = np.maximum(np.minimum(high[:, None], high) - np.maximum(low[:, None], low), 0).prod(axis=2)
    covers = (away < away[:, None]) & in_view
    return np.where(covers, shared, 0).max(axis=1) / boxes[:, 2:].prod(axis=1)


def hota(street, rate, config):
    """Track the street at a lower rate and return HOTA, per cent."""
    chosen = street[:: STEPS[rate]]
    tracker = Tracker(config, frame_rate=rate)
    tracked = []
    for _, _, found in chosen:
        tracks = tracker.update(Detections(tlwh_to_xyxy(found), np.full(len(found), 0.95)))
        tracked.append((tracks.ids, xyxy_to_tlwh(tracks.boxes_xyxy)))
    info = SequenceInfo("street", len(chosen), rate, SIZE)
    sequence = Sequence(info, _rows([frame[:2] for frame in chosen], ones=3), _rows(tracked))
    return 100 * sequence_scores(count_sequence(sequence, choose_benchmark("none", [])).counts[None])["HOTA"]


def _rows(frames, ones=0):
    counts = [len(ids) for ids, _ in frames]
    total = sum(counts)
    return Rows(
        path=Path("street.txt"),
        lines=np.arange(total),
        frames=np.repeat(np.arange(len(frames)), counts),
        ids=np.concatenate([ids for ids, _ in frames]).astype(np.int64),
        boxes_tlwh=np.concatenate([boxes for _, boxes in frames]).round(3),
        confidences=np.ones(total),
        class_ids=np.full(total, NO_CLASS),
        others=np.ones((total, ones)),
    )
