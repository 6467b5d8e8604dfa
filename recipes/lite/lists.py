"""Prepare the converted photographs for training the detector of ``lite``.

    python recipes/lite/lists.py DATA PEOPLE

DATA holds ``coco_person_multi``; PEOPLE is the folder into which ``scripts/train_lite.sh`` converted everything. The
``val`` images of ``coco_person_multi`` leave its list, since they are the guard against forgetting; images of ``coco``
that are among them, or are there twice, leave that list. Regions of ``ignore_candidates.csv`` (people without a label)
become ignore regions of their images. A second call changes nothing.
"""

import argparse
import csv
from pathlib import Path, PurePosixPath

import cv2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("people", type=Path)
    arguments = parser.parse_args()
    multi, coco = (arguments.people / f"{name}.txt" for name in ("multi", "coco"))
    named = {PurePosixPath(line).name for line in multi.read_text().split()}
    named |= {path.name for path in (arguments.data / "coco_person_multi/images/val").glob("*.jpg")}
    kept = [line for line in multi.read_text().split() if "/val/" not in line]
    multi.write_text("\n".join(kept) + "\n")
    others = [line for line in coco.read_text().split() if PurePosixPath(line).name not in named]
    coco.write_text("\n".join(others) + "\n")

    done = arguments.people / "regions-added"
    if done.exists():
        return
    lines = {PurePosixPath(line).stem: line for line in kept}
    source = arguments.data / "coco_person_multi"
    with (source / "ignore_candidates.csv").open() as file:
        for row in csv.DictReader(file):
            line = lines.get(PurePosixPath(row["image"]).stem)
            if line is None:
                continue
            height, width = cv2.imread(str(source / "images" / row["image"])).shape[:2]
            left, top, wide, high = (float(row[name]) for name in ("left", "top", "width", "height"))
            box = (left + wide / 2) / width, (top + high / 2) / height, wide / width, high / height
            labels = arguments.people / line.replace("images/", "labels_with_ids/", 1).replace(".jpg", ".txt")
            with labels.open("a") as target:
                target.write("-1 -1 {:.6f} {:.6f} {:.6f} {:.6f}\n".format(*box))
    done.touch()


if __name__ == "__main__":
    main()
