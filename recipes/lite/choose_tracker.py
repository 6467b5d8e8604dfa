"""The parameters of the tracker of ``lite`` beside their neighbours: the table of docs/models.md.

    python recipes/lite/choose_tracker.py DATA STREETS WORK [--weights FILE]

STREETS comes from ``scenes.py``; DATA holds ``mot/`` with the cut sequences of MOT17, ``videos/people_rony.mp4`` and
``teachers/``. Nobody labelled that clip: a larger detector (person-detection-0303, every second frame) tells who is
there (score above 0.6), who may be there (0.15 to 0.6: neither right nor wrong) and who is not. WORK keeps the
detections. Each row changes one parameter; TUD-Campus takes no part.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import openvino
from scipy.optimize import linear_sum_assignment

import fairmot
from fairmot.config import TrackerConfig, load_config
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.evaluation.scores import combined_scores
from fairmot.formats.recordings import load_recording
from fairmot.geometry import pairwise_iou
from fairmot.workflows.track.replay import tracked_frames
from fairmot.workflows.tune.cases import count_case, load_cases

CONFIG = Path(__file__).parents[2] / "configs/lite.yaml"
NEIGHBOURS = {
    "confidence": (0.3, 0.4, 0.6, 0.7),
    "confirmation_score": (0, 0.6, 0.7, 0.8, 0.9),
    "confirmation_hits": (1, 3),
    "iou_weight": (0, 0.2, 0.4, 0.67),
    "max_appearance_cost": (0.4, 0.6),
    "gate": (9.4877, 30, 100),
    "noise_rate": (0,),
    "score_noise": (False,),
    "second_pass": (True,),
    "reupdate": (True,),
    "height_exponent": (1,),
    "gallery_size": (10,),
    "appearance": (False,),
}
EVERY = 2
SURE, POSSIBLE = 0.6, 0.15
LEAST_IOU, LEAST_POSSIBLE_IOU = 0.5, 0.4
TEACHER_SIZE = (1280, 720)
SCORES = ("HOTA", "MOTA", "IDF1")


def teacher_boxes(path, clip):
    """Return frame index, corners and score [N, 6] of what the larger detector finds."""
    model = openvino.Core().compile_model(path, "CPU")
    rows = [np.empty((0, 6))]
    for frame in fairmot.read_frames(clip):
        if frame.index % EVERY:
            continue
        height, width = frame.image.shape[:2]
        scale = min(TEACHER_SIZE[0] / width, TEACHER_SIZE[1] / height)
        small = cv2.resize(frame.image, (int(width * scale), int(height * scale)))
        canvas = np.zeros((*TEACHER_SIZE[::-1], 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        answer = model([canvas.transpose(2, 0, 1)[None].astype(np.float32)])
        (boxes,) = (each for each in answer.values() if each.ndim == 2)
        boxes = boxes[boxes[:, 4] > POSSIBLE] / [scale, scale, scale, scale, 1]
        rows.append(np.column_stack([np.full(len(boxes), frame.index), boxes]))
    return np.concatenate(rows)


def clip_accuracy(recording, teacher, config):
    """Return 1 - (false + missed) / people, as MOTA without switches, and the number of identities."""
    false, missed, people, identities = 0, 0, 0, set()
    for index, tracks in tracked_frames(recording, config):
        rows = teacher[teacher[:, 0] == index]
        sure, possible = rows[rows[:, 5] > SURE, 1:5], rows[rows[:, 5] <= SURE, 1:5]
        overlap = pairwise_iou(sure, tracks.boxes_xyxy)
        truth, found = linear_sum_assignment(-np.where(overlap >= LEAST_IOU, 1 + overlap, 0))
        right = overlap[truth, found] >= LEAST_IOU
        others = np.delete(tracks.boxes_xyxy, found[right], axis=0)
        excused = (pairwise_iou(possible, others) >= LEAST_POSSIBLE_IOU).any(axis=0)
        false += int((~excused).sum())
        missed += len(sure) - int(right.sum())
        people += len(sure)
        identities |= set(tracks.ids.tolist())
    return 1 - (false + missed) / people, len(identities)


def recordings(detector, sources, work, every=1):
    """Detect once, with embeddings, and return the folder of the saved detections."""
    if not (work / "run.json").exists():
        fairmot.track(sources, detector, output=work, video=False, save_detections=True, every=every, overwrite=True)
    return work


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("streets", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED_WEIGHTS)
    arguments = parser.parse_args()
    data, work = arguments.data, arguments.work
    work.mkdir(parents=True, exist_ok=True)
    detector = fairmot.load_detector(arguments.weights, confidence=0.05)
    cut = work / "cut"
    cut.mkdir(exist_ok=True)
    for number in ("02", "04"):
        if not (cut / f"MOT17-{number}-FRCNN-mini").exists():
            (cut / f"MOT17-{number}-FRCNN-mini").symlink_to((data / f"mot/MOT17-{number}-FRCNN-mini").resolve())
    groups = []
    for folder, rules in ((arguments.streets, "none"), (cut, "auto")):
        sources = sorted(map(str, folder.iterdir()))
        saved = recordings(detector, sources, work / f"{folder.name}-detections")
        groups.append(load_cases(folder, saved, [], rules))
    clip = data / "videos/people_rony.mp4"
    (saved,) = recordings(detector, [str(clip)], work / "clip-detections", EVERY).glob("*.detections.npz")
    recording = load_recording(saved)
    if not (work / "teacher.npy").exists():
        np.save(work / "teacher.npy", teacher_boxes(data / "teachers/person-detection-0303-int8.xml", clip))
    teacher = np.load(work / "teacher.npy")

    chosen = load_config(CONFIG).tracker.model_dump(exclude_unset=True)
    names = [f"{group}: {score}" for group in ("streets", "MOT17") for score in SCORES]
    names = ["changed", *names[:3], "switches", *names[3:], "clip", "identities"]
    print(f"| {' | '.join(names)} |")
    print("|--|" + "--:|" * 9)
    trials = [("nothing", {})] + [(f"`{k}` {v}", {k: v}) for k, values in NEIGHBOURS.items() for v in values]
    for name, change in trials:
        config = TrackerConfig(**{**chosen, **change})
        scores = [combined_scores([count_case(case, config, rules) for case in cases]) for cases, _, rules in groups]
        streets, cuts = ([f"{100 * each[score]:.1f}" for score in SCORES] for each in scores)
        accuracy, identities = clip_accuracy(recording, teacher, config)
        cells = [*streets, str(int(scores[0]["IDSW"])), *cuts, f"{100 * accuracy:.1f}", str(identities)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
