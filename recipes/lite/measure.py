"""How well embeddings tell people apart: the figures of docs/models.md.

    python recipes/lite/measure.py DATA [--weights FILE]

Along a sequence (TUD-Campus): of all detections above 0.25 that belong to a person (IoU 0.5), how often is the nearest
vector among the people 1, 10 and 30 frames later the same person's? Across cameras (Market-1501): the crops of 100
identities that took no part in the training stand on seeded backgrounds, at heights of 36 to 240 pixels; the first crop
of each identity and camera asks for its like among all crops but those of its own camera. The boxes are the true ones.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from appearance import held_out_identities
from pasting import background, paste
from scipy.optimize import linear_sum_assignment

import fairmot
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.geometry import pairwise_iou, tlwh_to_xyxy

GAPS = (1, 10, 30)
LEAST_SCORE, LEAST_IOU = 0.25, 0.5
CROPS_A_CANVAS = 11
HEIGHTS_PX = (36, 240)


def nearest_vectors(detector, folder):
    """Return gap -> fraction of the people whose own vector is the nearest so many frames later."""
    _, truth = load_ground_truth(folder)
    found = []
    for index, frame in enumerate(fairmot.read_frames(folder)):
        detections, rows = detector(frame.image), truth.frames == index
        overlaps = pairwise_iou(tlwh_to_xyxy(truth.boxes_tlwh[rows]), detections.boxes_xyxy)
        people, boxes = linear_sum_assignment(-overlaps)
        right = overlaps[people, boxes] >= LEAST_IOU
        found.append((truth.ids[rows][people[right]], detections.embeddings[boxes[right]]))
    fractions = {}
    for gap in GAPS:
        hits = [
            later_ids[(later @ vector).argmax()] == person
            for (ids, vectors), (later_ids, later) in zip(found, found[gap:], strict=False)
            for person, vector in zip(ids, vectors, strict=True)
            if person in later_ids
        ]
        fractions[gap] = float(np.mean(hits))
    return fractions


def across_cameras(network, crops, identities, cameras, photographs):
    """Return rank-1 and mean average precision of the held-out identities."""
    rng = np.random.default_rng(123)
    waiting = list(rng.permutation(np.flatnonzero(np.isin(identities, held_out_identities(identities)))))
    order, vectors = [], []
    while waiting:
        canvas, taken = background(photographs, rng), []
        while waiting and len(taken) < CROPS_A_CANVAS:
            box = paste(canvas, crops[waiting[0]], rng, taken, HEIGHTS_PX, most_overlap=0.0, tries=30)
            if box is None:
                break
            taken.append(box)
            order.append(waiting.pop(0))
        pixels = np.ascontiguousarray(canvas[None, ..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32) / 255
        read = network(pixels, np.array(taken, np.float32)[None])["embedding"][0, :, 0].T
        vectors.append(read / np.linalg.norm(read, axis=1, keepdims=True))
    place = np.argsort(order)
    order, vectors = np.array(order)[place], np.concatenate(vectors)[place]
    who, where = identities[order], cameras[order]
    queries = np.unique(np.stack([who, where], 1), axis=0, return_index=True)[1]
    first, precision = [], []
    for query in queries:
        kept = ~((who == who[query]) & (where == where[query]))
        same = (who == who[query])[kept]
        if not same.any():
            continue
        hits = same[np.argsort(-(vectors[kept] @ vectors[query]), kind="stable")]
        first.append(hits[0])
        precision.append((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).mean())
    return float(np.mean(first)), float(np.mean(precision))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED_WEIGHTS)
    arguments = parser.parse_args()
    detector = fairmot.load_detector(arguments.weights, confidence=LEAST_SCORE)
    nearest = nearest_vectors(detector, arguments.data / "mot" / "TUD-Campus")
    print(" | ".join(f"{gap} frames later: {fraction:.3f}" for gap, fraction in nearest.items()))
    files = sorted((arguments.data / "market1501_train/images").glob("*.jpg"))
    crops = [cv2.resize(cv2.imread(str(file)), (64, 128)) for file in files]
    identities, cameras = (np.array([int(file.name[part]) for file in files]) for part in (slice(4), slice(6, 7)))
    names = sorted((arguments.data / "coco_person_multi/images/val").glob("*.jpg"))
    photographs = [cv2.imread(str(name)) for name in names]
    network = fairmot.load_network(arguments.weights)
    rank1, precision = across_cameras(network, crops, identities, cameras, photographs)
    print(f"across cameras: rank-1 {rank1:.3f}, mAP {precision:.3f}")


if __name__ == "__main__":
    main()
