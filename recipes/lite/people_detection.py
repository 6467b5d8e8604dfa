"""AP@0.5 / AP@0.75 of people, the shipped model beside the two public starts: the first table of docs/models.md.

    python recipes/lite/people_detection.py DATA [--weights FILE ...]

DATA holds ``teachers/yolox_nano.onnx`` and ``teachers/rtmdet_nano_person.onnx``, ``coco_person_multi`` (its ``val``
images) and ``mot`` (TUD-Campus and two cut MOT17 sequences). The starts run untouched in ONNX Runtime, as their README
says: letterboxed top-left on 114, YOLOX-nano at 416 x 416, RTMDet-nano at 576 x 320. All files are counted alike: one
class, every detection above 0.001 up to 100 an image, no ignore regions. Rows of MOT17 that are no pedestrians, or
count for nothing, are left out of the truth.
"""

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from people import photographs, sequence

import fairmot
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.evaluation.detection import average_precision

LEAST_SCORE = 0.001
MOST = 100
MEAN, STD = np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])
SEQUENCES = ("TUD-Campus", "MOT17-04-FRCNN-mini", "MOT17-02-FRCNN-mini")


def top_left(image, size):
    """Return the canvas float32 [H, W, 3] and the scale of the image on it."""
    scale = min(size[0] / image.shape[1], size[1] / image.shape[0])
    small = cv2.resize(image, (int(image.shape[1] * scale), int(image.shape[0] * scale)))
    canvas = np.full((size[1], size[0], 3), 114, np.float32)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas, scale


def rtmdet(session, image, size=(576, 320)):
    canvas, scale = top_left(image, size)
    planes = ((canvas - MEAN) / STD).transpose(2, 0, 1)[None]
    rows = session.run(["dets"], {"input": np.ascontiguousarray(planes)})[0][0]
    return rows[:, :4] / scale, rows[:, 4]


def yolox(session, image, size=(416, 416), most_overlap=0.65):
    canvas, scale = top_left(image, size)
    rows = session.run(None, {"images": np.ascontiguousarray(canvas.transpose(2, 0, 1)[None])})[0][0]
    cells = [np.mgrid[: size[1] // s, : size[0] // s][::-1].reshape(2, -1).T for s in (8, 16, 32)]
    strides = np.concatenate([np.full(len(c), s) for c, s in zip(cells, (8, 16, 32), strict=True)])[:, None]
    centres, sides = (rows[:, :2] + np.concatenate(cells)) * strides, np.exp(rows[:, 2:4]) * strides
    scores = rows[:, 4] * rows[:, 5]  # class 0: person
    tlwh = np.concatenate([centres - sides / 2, sides], 1)
    kept = cv2.dnn.NMSBoxes(tlwh.tolist(), scores.tolist(), LEAST_SCORE, most_overlap)
    kept = np.asarray(kept, dtype=np.int64).reshape(-1)[:MOST]
    return np.concatenate([tlwh[:, :2], tlwh[:, :2] + tlwh[:, 2:]], 1)[kept] / scale, scores[kept]


def shipped(detector, image):
    found = detector(image)
    return found.boxes_xyxy[:MOST], found.scores[:MOST]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, nargs="+", default=[SHIPPED_WEIGHTS])
    arguments = parser.parse_args()
    teachers = arguments.data / "teachers"
    finders = {
        path.name: partial(shipped, fairmot.load_detector(path, confidence=LEAST_SCORE)) for path in arguments.weights
    }
    finders["YOLOX-nano, 416 x 416"] = partial(yolox, onnxruntime.InferenceSession(teachers / "yolox_nano.onnx"))
    finders["RTMDet-nano, 576 x 320"] = partial(
        rtmdet, onnxruntime.InferenceSession(teachers / "rtmdet_nano_person.onnx")
    )
    sets = {"COCO val, several people": list(photographs(arguments.data / "coco_person_multi"))}
    sets |= {name: list(sequence(arguments.data / "mot" / name)) for name in SEQUENCES}
    print(f"| AP@0.5 / AP@0.75 | {' | '.join(sets)} |\n|{'--|' * (1 + len(sets))}")
    for name, find in finders.items():
        cells = []
        for images in sets.values():
            boxes, scores = zip(*(find(image) for image, _ in images), strict=True)
            truth = [rows for _, rows in images]
            cells.append(" / ".join(f"{average_precision(boxes, scores, truth, iou=iou):.3f}" for iou in (0.5, 0.75)))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
