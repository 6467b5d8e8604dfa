"""Effect of each tracker option: HOTA, MOTA, IDF1, identity switches and ms per frame, on each sequence.

    python benchmarks/tracking_options.py DATA [--cache FOLDER]

DATA holds ``mot15_text/`` (nine MOT15 training sequences: ground truth and text detections, no images, no embeddings)
and ``mot/TUD-Campus`` (with images: the shipped detector runs once, and the cache folder keeps its detections).
TUD-Campus's camera stands still, so the sequence is also measured through a window that jerks by up to 40 pixels a
frame; rows are moved back by the known offset before they are scored. All text detections score above 0.5, so there the
second pass is measured at confidence 0.9. Prints Markdown. Times are processor times without decoding and detector, the
smaller of two runs.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import fairmot
from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.formats.seqinfo import load_info
from fairmot.tracking.interpolation import interpolate
from fairmot.tracking.tracker import Tracker

OPTIONS = {
    "published (default)": {},
    "score_noise": {"score_noise": True},
    "reupdate": {"reupdate": True},
    "interpolation, linear": {},
    "interpolation, gaussian": {},
}
FOR_TEXT = {
    "crowd": {"confidence": 0.3, "clip_boxes": True},
    "confidence 0.9": {"confidence": 0.9},
    "confidence 0.9, second_pass": {"confidence": 0.9, "second_pass": True},
}
FOR_DETECTOR = {
    "byte": {"second_pass": True},
    "motion": {"second_pass": True, "appearance": False},
    "fused": {"iou_weight": 0.67, "motion_weight": 0, "max_appearance_cost": 0.6},
    "fused, second_pass": {"iou_weight": 0.67, "motion_weight": 0, "max_appearance_cost": 0.6, "second_pass": True},
    "crowd": {"confidence": 0.3, "clip_boxes": True},
    "confidence 0.3": {"confidence": 0.3},
    "confidence 0.3, second_pass": {"confidence": 0.3, "second_pass": True},
    "gallery_size 10": {"gallery_size": 10},
    "gallery_size 10, reentry_frames 900": {"gallery_size": 10, "reentry_frames": 900},
    "camera_motion flow": {"camera_motion": "flow"},
    "camera_motion orb": {"camera_motion": "orb"},
}
COLUMNS = ("HOTA", "MOTA", "IDF1", "IDSW")
WINDOW_MARGIN_PX = 80


class Sequence:
    """Detections of each frame, with frame rate, size and images."""

    def __init__(self, folder, detections, images=None, offsets=None):
        info = load_info(folder)
        self.name, self.folder, self.frame_rate, self.size = info.name, folder, info.frame_rate, info.image_size
        self.detections = detections
        self.images = images or [None] * len(detections)
        self.offsets = np.zeros((len(detections), 2)) if offsets is None else offsets

    def shaken(self, seed=0):
        """Return the sequence as seen through a jerking window."""
        rng = np.random.default_rng(seed)
        margin = WINDOW_MARGIN_PX
        offsets = np.clip(margin + np.cumsum(rng.integers(-40, 41, (len(self.images), 2)), axis=0), 0, 2 * margin)
        width, height = self.size[0] - 2 * margin, self.size[1] - 2 * margin
        images = [
            np.ascontiguousarray(image[y : y + height, x : x + width])
            for image, (x, y) in zip(self.images, offsets.tolist(), strict=True)
        ]
        moved = [
            Detections(found.boxes_xyxy - np.tile(offset, 2), found.scores, found.embeddings, found.class_ids)
            for found, offset in zip(self.detections, offsets, strict=True)
        ]
        shaken = Sequence(self.folder, moved, images, offsets)
        shaken.size = (width, height)
        return shaken


def text_sequence(folder):
    rows = np.loadtxt(folder / "det" / "det.txt", delimiter=",", ndmin=2)
    detections = []
    for number in range(1, load_info(folder).frame_count + 1):
        here = rows[rows[:, 0] == number]
        detections.append(Detections(np.column_stack([here[:, 2:4], here[:, 2:4] + here[:, 4:6]]), here[:, 6]))
    return Sequence(folder, detections)


def detected_sequence(folder, cache):
    frames = [frame.image for frame in fairmot.read_frames(folder)]
    path = cache / f"{folder.name}.npz"
    if not path.is_file():
        detector = fairmot.load_detector()
        found = [detector(image) for image in frames]
        np.savez(
            path,
            counts=[len(f) for f in found],
            boxes=np.concatenate([f.boxes_xyxy for f in found]),
            scores=np.concatenate([f.scores for f in found]),
            embeddings=np.concatenate([f.embeddings for f in found]),
        )
    with np.load(path) as kept:
        bounds = np.cumsum(kept["counts"])[:-1]
        parts = [np.split(kept[name], bounds) for name in ("boxes", "scores", "embeddings")]
    return Sequence(folder, [Detections(*rows) for rows in zip(*parts, strict=True)], frames)


def tracked(sequence, config, interpolation):
    """Return result rows, and ms per frame."""
    tracker = Tracker(config, sequence.frame_rate, image_size=sequence.size)
    uses_images = config.camera_motion != "none"
    rows = [np.empty((0, 7))]
    began = time.process_time()
    for index, (found, image) in enumerate(zip(sequence.detections, sequence.images, strict=True)):
        tracks = tracker.update(found, image if uses_images else None)
        corner = tracks.boxes_xyxy[:, :2]
        size = tracks.boxes_xyxy[:, 2:] - corner
        frame = np.full(len(tracks), index + 1.0)
        rows.append(np.column_stack([frame, tracks.ids, corner + sequence.offsets[index], size, tracks.scores]))
    rows = np.concatenate(rows)
    if interpolation:
        rows = interpolate(rows, method=interpolation)
    return rows, 1000 * (time.process_time() - began) / len(sequence.detections)


def measure(sequences, truth, changes, interpolation):
    config = TrackerConfig(**changes)
    with tempfile.TemporaryDirectory() as results:
        times = {}
        for sequence in sequences:
            runs = [tracked(sequence, config, interpolation) for _ in range(2)]
            times[sequence.name] = min(ms for _, ms in runs)
            rows = np.column_stack([runs[0][0], np.full((len(runs[0][0]), 3), -1)])
            np.savetxt(Path(results) / f"{sequence.name}.txt", rows, "%d,%d,%.3f,%.3f,%.3f,%.3f,%.3f,%d,%d,%d")
        report = fairmot.score(truth, results, "MOT15")
    return report, times


def print_group(title, sequences, truth, options):
    lines = {sequence.name: [] for sequence in sequences} | {"combined": []}
    for name, changes in options.items():
        interpolation = name.split(", ")[1] if name.startswith("interpolation") else None
        report, times = measure(sequences, truth, changes, interpolation)
        frames = [len(sequence.detections) for sequence in sequences]
        times["combined"] = float(np.average(list(times.values()), weights=frames))
        for key, scores in {**report["sequences"], "combined": report["combined"]}.items():
            values = [f"{100 * scores[c]:.2f}" if c != "IDSW" else str(scores[c]) for c in COLUMNS]
            lines[key].append(f"| {name} | {' | '.join(values)} | {times[key]:.2f} |")
    print(f"\n### {title}")
    names = [sequence.name for sequence in sequences]
    for key in ["combined", *names] if len(names) > 1 else names:
        print(f"\n**{key}**\n\n| option | {' | '.join(COLUMNS)} | ms/frame |\n|--|--|--|--|--|--|")
        print("\n".join(lines[key]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "fairmot-tracking-options")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    campus_folder, text = arguments.data / "mot" / "TUD-Campus", arguments.data / "mot15_text"
    campus = detected_sequence(campus_folder, arguments.cache)
    stored = fairmot.load_detector().tracker.model_dump(exclude_defaults=True)
    own = {"of the weights": stored, "of the weights, camera_motion flow": {**stored, "camera_motion": "flow"}}
    everything = OPTIONS | own | FOR_DETECTOR
    print_group(
        "Text detections, no embeddings", [text_sequence(f) for f in sorted(text.iterdir())], text, OPTIONS | FOR_TEXT
    )
    print_group("Shipped detector, with embeddings", [campus], campus_folder, everything)
    print_group("The same through a jerking window", [campus.shaken()], campus_folder, everything)


if __name__ == "__main__":
    main()
