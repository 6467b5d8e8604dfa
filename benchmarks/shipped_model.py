"""The accuracy of a model: the tables of docs/models.md.

    python benchmarks/shipped_model.py SEQUENCES [--weights W ...] [--photographs DATA.json --set NAME ...]

SEQUENCES is a folder in MOTChallenge layout (one sequence or several) that the model was not trained on. Each weight
file (default: the shipped one) detects once; the tracker then runs with and without the embeddings, at the published
score threshold. A second table states how often an embedding is nearer to one of the same person some frames later than
to one of another person then, over all such comparisons. ``--photographs`` adds average precision on held-out path
lists (``val`` of the data.json). Prints Markdown.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import fairmot
from fairmot.config import TrackerConfig
from fairmot.config.tracker import PRESETS
from fairmot.data.annotations import read_images
from fairmot.data.image_files import read_image
from fairmot.data.targets import IGNORE_CLASS
from fairmot.evaluation.detection import average_precision
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.seqinfo import load_info
from fairmot.formats.sequences import find_sequences
from fairmot.geometry import pairwise_iou
from fairmot.tracking.tracker import Tracker

SETTINGS = {"fused": dict(PRESETS["fused"]), "published": {}, "second pass": {"second_pass": True}}
PERCENTAGES, COUNTS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1"), ("CLR_FP", "CLR_FN", "IDSW")
COLUMNS = PERCENTAGES + COUNTS
OVERLAPS = (0.5, 0.75)
GAPS = (1, 10, 25)


def detect(detector, folder):
    """Return the sequence's frame size and its detections."""
    images = [frame.image for frame in fairmot.read_frames(folder)]
    return (images[0].shape[1], images[0].shape[0]), [detector(image) for image in images]


def track(found, size, frame_rate, settings, embeddings):
    tracker = Tracker(TrackerConfig(**settings), frame_rate, image_size=size)
    rows = [np.empty((0, 7))]
    for index, detections in enumerate(found):
        tracks = tracker.update(detections if embeddings else replace(detections, embeddings=None))
        corner = tracks.boxes_xyxy[:, :2]
        frame = np.full(len(tracks), index + 1.0)
        rows.append(np.column_stack([frame, tracks.ids, corner, tracks.boxes_xyxy[:, 2:] - corner, tracks.scores]))
    rows = np.concatenate(rows)
    return np.column_stack([rows, np.full((len(rows), 3), -1)])


def print_tracking(detectors, folder):
    sequences = find_sequences(folder)
    print(f"| weights | tracker | embeddings | sequence | {' | '.join(COLUMNS)} |\n|{'--|' * (4 + len(COLUMNS))}")
    for name, detector in detectors.items():
        found = {path.name: (load_info(path).frame_rate, *detect(detector, path)) for path in sequences}
        for setting, changes in SETTINGS.items():
            for embeddings in (True, False):
                with tempfile.TemporaryDirectory() as results:
                    for key, (frame_rate, size, detections) in found.items():
                        rows = track(detections, size, frame_rate, changes, embeddings)
                        np.savetxt(Path(results) / f"{key}.txt", rows, "%d,%d,%.3f,%.3f,%.3f,%.3f,%.3f,%d,%d,%d")
                    report = fairmot.score(folder, results)
                lines = report["sequences"] | ({"combined": report["combined"]} if len(sequences) > 1 else {})
                for key, scores in lines.items():
                    values = [f"{100 * scores[c]:.2f}" for c in PERCENTAGES] + [str(int(scores[c])) for c in COUNTS]
                    cue = "yes" if embeddings else "no (motion and overlap)"
                    print(f"| {name} | {setting} | {cue} | {key} | {' | '.join(values)} |", flush=True)


def matched_embeddings(found, folder):
    """(frame, identity) -> embedding of the detection over 0.2 that overlaps the person most, by more than half."""
    _, truth = load_ground_truth(folder)
    corners = np.concatenate([truth.boxes_tlwh[:, :2], truth.boxes_tlwh[:, :2] + truth.boxes_tlwh[:, 2:]], axis=1)
    matched = {}
    for index, detections in enumerate(found):
        seen, here = detections.select(detections.scores > 0.2), truth.frames == index
        if not len(seen) or not here.any():
            continue
        overlap = pairwise_iou(corners[here], seen.boxes_xyxy)
        for identity, row in zip(truth.ids[here].tolist(), overlap, strict=True):
            if row.max() > 0.5:
                matched[index, identity] = seen.embeddings[row.argmax()]
    return matched


def nearer(matched, gap):
    """Return how often an embedding is nearer to one of the same person ``gap`` frames later than to another's."""
    pairs = [(a == b, v @ u) for (i, a), v in matched.items() for (j, b), u in matched.items() if j == i + gap]
    same, other = (np.array([cosine for is_same, cosine in pairs if is_same == wanted]) for wanted in (True, False))
    return float(np.mean(same[:, None] > other))


def print_embeddings(detectors, folder):
    print(f"\n| weights | sequence | {' | '.join(f'nearer after {gap} frames' for gap in GAPS)} |\n|--|--|--|--|--|")
    for name, detector in detectors.items():
        for path in find_sequences(folder):
            matched = matched_embeddings(detect(detector, path)[1], path)
            print(f"| {name} | {path.name} | {' | '.join(f'{nearer(matched, gap):.3f}' for gap in GAPS)} |", flush=True)


def detect_photographs(detector, images):
    """Return detected boxes, their scores, true and ignored boxes of each image, for ``average_precision``."""
    bounds = np.append(images.starts[: len(images)], len(images.rows))
    boxes, scores, truth, ignored = [], [], [], []
    for path, first, last in zip(images.paths, bounds[:-1], bounds[1:], strict=True):
        image = read_image(path)
        found = detector(image)
        rows = images.rows[first:last]
        xyxy = np.concatenate([rows[:, 2:4] - rows[:, 4:6] / 2, rows[:, 2:4] + rows[:, 4:6] / 2], axis=1)
        xyxy *= np.tile([image.shape[1], image.shape[0]], 2)
        boxes.append(found.boxes_xyxy)
        scores.append(found.scores)
        truth.append(xyxy[rows[:, 0] != IGNORE_CLASS])
        ignored.append(xyxy[rows[:, 0] == IGNORE_CLASS])
    return boxes, scores, truth, ignored


def print_precision(detectors, description, sets):
    images = read_images(description, tuple(sets), part="val")
    print(f"\n| weights | images | boxes | {' | '.join(f'AP@{overlap}' for overlap in OVERLAPS)} |\n|--|--|--|--|--|")
    for name, detector in detectors.items():
        found = detect_photographs(detector, images)
        values = [average_precision(*found, iou=overlap) for overlap in OVERLAPS]
        count = sum(map(len, found[2]))
        print(f"| {name} | {len(images)} | {count} | {' | '.join(f'{v:.3f}' for v in values)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--weights", type=Path, action="append", help="default: the shipped model")
    parser.add_argument("--photographs", type=Path, help="a data.json with lists under 'val'")
    parser.add_argument("--set", action="append", default=[], help="names of those lists; default: all")
    arguments = parser.parse_args()
    detectors = {str(path): fairmot.load_detector(path) for path in arguments.weights or ()}
    detectors = detectors or {"shipped": fairmot.load_detector()}
    print_tracking(detectors, arguments.sequences)
    print_embeddings(detectors, arguments.sequences)
    if arguments.photographs:
        print_precision(detectors, arguments.photographs, arguments.set)


if __name__ == "__main__":
    main()
