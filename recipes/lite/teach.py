"""What the teacher says of every person: the material that embeddings are trained on.

    python recipes/lite/teach.py DATA OUT.npz [--threads N]

DATA holds ``market1501_train`` (crops named by identity and camera), ``coco_person_multi``, ``coco_person``,
``pennfudan``, ``extra`` and ``teachers/person-reidentification-retail-0277.xml``. The teacher sees each person at 128 x
256 and answers with 256 numbers, of which only the cosines between people matter. People in photographs who are small,
wide or mostly behind somebody else are left out: the teacher would describe whoever stands in front.
"""

import argparse
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import openvino

CROP_SIZE = (64, 128)
TEACHER_SIZE = (128, 256)
LEAST_HEIGHT_PX, LEAST_WIDTH_PX, LEAST_ASPECT = 40, 14, 0.9
MOST_HIDDEN = 0.6
MOST_PEOPLE = 16


class Teacher:
    """Crops of people -> vectors of unit length."""

    def __init__(self, path, threads):
        core = openvino.Core()
        model = core.read_model(path)
        model.reshape([1, 3, *TEACHER_SIZE[::-1]])
        self.model = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads})

    def __call__(self, crop):
        planes = cv2.resize(crop, TEACHER_SIZE).transpose(2, 0, 1)[None].astype(np.float32)
        vector = self.model([planes])[0].reshape(-1)
        return vector / np.linalg.norm(vector)


def yolo_people(images, labels):
    """Yield path and boxes [n, 4] of people, class 0, in pixels."""
    for path in sorted(images.glob("*.jpg")):
        file = labels / f"{path.stem}.txt"
        if not file.is_file():
            continue
        height, width = cv2.imread(str(path)).shape[:2]
        rows = np.array([line.split()[:5] for line in file.read_text().splitlines() if line.strip()], np.float32)
        rows = rows.reshape(-1, 5)
        rows = rows[rows[:, 0] == 0, 1:] * (width, height, width, height)
        yield path, np.concatenate([rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2], 1)


def penn_fudan_people(folder):
    for path in sorted((folder / "images").glob("*")):
        text = (folder / "annotations" / f"{path.stem}.txt").read_text(encoding="latin-1")
        corners = re.findall(r": \((\d+), (\d+)\) - \((\d+), (\d+)\)", text)
        yield path, np.array(corners, np.float32).reshape(-1, 4)


def voc_people(folder):
    for path in sorted((folder / "images").glob("*")):
        tree = ElementTree.parse(folder / "annotations" / f"{path.stem}.xml")
        people = [each for each in tree.findall("object") if each.findtext("name") == "person"]
        sides = ("xmin", "ymin", "xmax", "ymax")
        corners = [[float(each.findtext(f"bndbox/{side}")) for side in sides] for each in people]
        yield path, np.array(corners, np.float32).reshape(-1, 4)


def photographs(data):
    yield from yolo_people(data / "coco_person_multi/images/train", data / "coco_person_multi/labels/train")
    yield from yolo_people(data / "coco_person/images/train2017", data / "coco_person/labels/train2017")
    for name in ("human_v2", "capston2_person"):
        yield from yolo_people(data / "extra" / name / "images", data / "extra" / name / "labels")
    yield from penn_fudan_people(data / "pennfudan")
    yield from voc_people(data / "extra" / "tud_street_person")


def clearly_seen(boxes, size):
    """Return the boxes, clipped to the image, of people whom the teacher can describe."""
    boxes = np.clip(boxes, 0, (*size, *size))
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    boxes = boxes[(height >= LEAST_HEIGHT_PX) & (width >= LEAST_WIDTH_PX) & (height >= LEAST_ASPECT * width)]
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    sides = np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - np.maximum(boxes[:, None, :2], boxes[:, :2])
    hidden = np.clip(sides, 0, None).prod(-1) / areas[:, None]
    np.fill_diagonal(hidden, 0)
    boxes = boxes[hidden.max(1, initial=0) < MOST_HIDDEN]
    return boxes[np.argsort(boxes[:, 1] - boxes[:, 3], kind="stable")[:MOST_PEOPLE]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    teacher = Teacher(arguments.data / "teachers/person-reidentification-retail-0277.xml", arguments.threads)
    files = sorted((arguments.data / "market1501_train/images").glob("*.jpg"))
    crops = np.stack([cv2.resize(cv2.imread(str(file)), CROP_SIZE) for file in files])
    material = {
        "crops": crops,
        "crop_teacher": np.stack([teacher(crop) for crop in crops]).astype(np.float32),
        "identities": np.array([int(file.name[:4]) for file in files]),
        "cameras": np.array([int(file.name[6]) for file in files]),
    }
    paths, boxes, images, vectors = [], [], [], []
    for path, people in photographs(arguments.data):
        image = cv2.imread(str(path))
        seen = clearly_seen(people, image.shape[1::-1])
        if len(seen):
            images += [len(paths)] * len(seen)
            paths.append(str(path))
            boxes.append(seen)
            vectors += [teacher(image[top:bottom, left:right]) for left, top, right, bottom in seen.astype(int)]
    material |= {"photographs": np.array(paths), "boxes": np.concatenate(boxes).astype(np.float32)}
    material |= {"photograph_of_box": np.array(images), "box_teacher": np.array(vectors, np.float32)}
    np.savez(arguments.output, **material)
    print(f"{len(files)} crops, {len(vectors)} people in {len(paths)} photographs")


if __name__ == "__main__":
    main()
