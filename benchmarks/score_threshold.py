"""The best score threshold: F1 over the threshold on held-out photographs, and weights shifted to have it at 0.4.

    python benchmarks/score_threshold.py WEIGHTS DATA.json [--set NAME] [--write OUT [--take 0.3] [--at 0.4]]

The focal loss does not determine at which score a detection is more likely right than wrong: that depends on the length
and the images of the training. The published threshold (0.4) belongs to the published weights. This finds the threshold
with the best F1 (IoU 0.5) on the lists under ``val`` of the data.json. With ``--write`` it adds a constant to the
heatmap's bias, so that this threshold, or that of ``--take``, becomes ``--at``. The order of the scores, and with it
every AP, stays.
"""

import argparse
from pathlib import Path

import numpy as np
from shipped_model import detect_photographs

import fairmot
from fairmot.data.annotations import read_images
from fairmot.evaluation.detection import precision_recall
from fairmot.network.safetensors import load_weights, save_weights

BIAS = "hm.2.bias"
SHOWN = np.arange(0.15, 0.65, 0.05)


def logit(score):
    return np.log(score / (1 - score))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", action="append", default=[], help="names of lists; default: all")
    parser.add_argument("--at", type=float, default=0.4, help="its new value")
    parser.add_argument("--take", type=float, help="the threshold to shift; default: that with the best F1")
    parser.add_argument("--write", type=Path, help="weight file to write, with the shifted bias")
    arguments = parser.parse_args()
    images = read_images(arguments.data, tuple(arguments.set), part="val")
    curve = precision_recall(*detect_photographs(fairmot.load_detector(arguments.weights), images))
    f1 = 2 * curve.precision * curve.recall / np.maximum(curve.precision + curve.recall, 1e-9)
    print("| threshold | precision | recall | F1 |\n|--|--|--|--|")
    for threshold in SHOWN:
        last = np.count_nonzero(curve.scores > threshold) - 1
        if last >= 0:
            print(f"| {threshold:.2f} | {curve.precision[last]:.3f} | {curve.recall[last]:.3f} | {f1[last]:.3f} |")
    best = float(curve.scores[f1.argmax()])
    print(f"best F1 {f1.max():.3f} above {best:.3f}")
    if arguments.write:
        file = load_weights(arguments.weights)
        step = float(logit(arguments.at) - logit(arguments.take or best))
        moved = file.arrays[BIAS] + np.float32(step)
        save_weights(arguments.write, file.network, file.arrays | {BIAS: moved}, file.notes)
        print(f"{arguments.write}: {BIAS} shifted by {step:+.4f}")


if __name__ == "__main__":
    main()
