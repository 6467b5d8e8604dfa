"""Make scores probabilities, and choose the score threshold, on scenes that are not reported.

    python recipes/lite/calibrate.py WEIGHTS DATA [--streets FOLDER] [--write OUT]

RTMDet's scores state the quality of a box. A person found with score s should be right (IoU 0.5) with probability
about s: the logits of all levels are scaled and shifted, which keeps their order and with it every AP. The two numbers
are fit by logistic regression on the ``val`` photographs of ``coco_person_multi``, on both cut MOT17 sequences and on
rendered streets, each of the three kinds with the same weight. Prints the calibration before and after, and over the
threshold the part of MOTA that detections decide, 1 - (FP + FN) / truth. TUD-Campus takes no part. The file that is
written names the tracker of ``configs/lite.yaml``.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from people import photographs, sequence
from scipy.optimize import linear_sum_assignment, minimize

import fairmot
from fairmot.config import load_config
from fairmot.formats.sequences import find_sequences
from fairmot.geometry import pairwise_iou
from fairmot.network.safetensors import TRACKER_NOTE, load_weights, save_weights

LEAST_SCORE, LEAST_IOU = 0.01, 0.5
MINIS = ("MOT17-04-FRCNN-mini", "MOT17-02-FRCNN-mini")
THRESHOLDS = np.arange(0.1, 0.85, 0.05)


def logit(scores):
    scores = np.clip(np.asarray(scores, np.float64), 1e-6, 1 - 1e-6)
    return np.log(scores / (1 - scores))


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def judge(detector, images):
    """Return scores and whether each is right, and the number of true boxes.

    Each true box takes the best detection that overlaps it by half.
    """
    scores, right, count = [], [], 0
    for image, truth in images:
        found = detector(image)
        hits = np.zeros(len(found), dtype=bool)
        overlaps = pairwise_iou(truth, found.boxes_xyxy)
        worth = np.where(overlaps >= LEAST_IOU, 1 + found.scores[None], 0)
        rows, columns = linear_sum_assignment(-worth)
        hits[columns[worth[rows, columns] > 0]] = True
        scores.append(found.scores)
        right.append(hits)
        count += len(truth)
    return np.concatenate(scores), np.concatenate(right), count


def fit(kinds):
    """Return the scale and the shift of logits that make scores probabilities."""
    parts = [(logit(scores), right, 1 / len(scores)) for scores, right, _ in kinds]

    def loss(numbers):
        total = 0.0
        for values, right, weight in parts:
            moved = numbers[0] * values + numbers[1]
            total += weight * (np.logaddexp(0, moved) - right * moved).sum()
        return total

    return minimize(loss, np.array([1.0, 0.0]), method="BFGS").x


def print_calibration(scores, right):
    print("| score | detections | right |\n|--|--:|--:|")
    for low, high in itertools.pairwise(np.linspace(0, 1, 11)):
        inside = (scores > low) & (scores <= high)
        if inside.any():
            print(f"| {low:.1f} to {high:.1f} | {inside.sum()} | {right[inside].mean():.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--streets", type=Path, help="rendered streets in MOTChallenge layout")
    parser.add_argument("--write", type=Path, help="weight file to write")
    arguments = parser.parse_args()
    detector = fairmot.load_detector(arguments.weights, confidence=LEAST_SCORE)
    scenes = {"photographs": [photographs(arguments.data / "coco_person_multi")]}
    scenes["MOT17"] = [sequence(arguments.data / "mot" / name) for name in MINIS]
    if arguments.streets:
        scenes["streets"] = [sequence(folder) for folder in find_sequences(arguments.streets)]
    judged = {kind: [judge(detector, images) for images in sets] for kind, sets in scenes.items()}
    kinds = [
        (
            np.concatenate([one[0] for one in sets]),
            np.concatenate([one[1] for one in sets]),
            sum(one[2] for one in sets),
        )
        for sets in judged.values()
    ]
    scale, shift = fit(kinds)
    for kind, (scores, right, _) in zip(judged, kinds, strict=True):
        for name, values in (("before", scores), ("after", sigmoid(scale * logit(scores) + shift))):
            print(f"\n{kind}, {name}\n")
            print_calibration(values, right)
    print(f"\nlogits x {scale:.4f} {shift:+.4f}\n")
    print(f"| threshold | {' | '.join(judged)} | mean |\n|{'--|' * (len(judged) + 2)}")
    for threshold in THRESHOLDS:
        cells = []
        for scores, right, count in kinds:
            kept = sigmoid(scale * logit(scores) + shift) > threshold
            cells.append(1 - ((kept & ~right).sum() + count - (kept & right).sum()) / count)
        print(f"| {threshold:.2f} | {' | '.join(f'{cell:.3f}' for cell in cells)} | {np.mean(cells):.3f} |")
    if arguments.write:
        file = load_weights(arguments.weights)
        arrays = dict(file.arrays)
        for name in [name for name in arrays if name.startswith("bbox_head.rtm_cls.")]:
            moved = arrays[name] * np.float32(scale)
            arrays[name] = moved + np.float32(shift) if name.endswith(".bias") else moved
        note = load_config("lite").tracker.note()
        notes = {key: text for key, text in file.notes.items() if key != TRACKER_NOTE}
        save_weights(arguments.write, file.network, arrays, notes | ({TRACKER_NOTE: note} if note else {}))


if __name__ == "__main__":
    main()
