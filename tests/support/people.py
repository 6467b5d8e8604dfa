"""A few small images of two people each, with identities, as ``data.json``: what the tests of training learn from."""

import json
from pathlib import Path

import cv2
import numpy as np


def write_people(folder: Path, count: int = 6, name: str = "made", part: str = "train", seed: int = 0) -> Path:
    """Write ``count`` images of 160 x 96 and a list of them, and name it in ``folder/data.json``."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels_with_ids").mkdir(exist_ok=True)
    for index in range(count):
        image, rows = rng.integers(0, 60, (96, 160, 3), dtype=np.uint8), []
        for person in range(2):
            left, top = 20 + 70 * person + 2 * index, 20 + 3 * index
            cv2.rectangle(image, (left, top), (left + 16, top + 40), (60 * person + 90, 200, 40 * index), -1)
            centre = ((left + 8) / 160, (top + 20) / 96)
            rows.append(f"0 {(index + person) % 4} {centre[0]:.6f} {centre[1]:.6f} {16 / 160:.6f} {40 / 96:.6f}")
        cv2.imwrite(str(folder / "images" / f"{name}-{index}.png"), image)
        (folder / "labels_with_ids" / f"{name}-{index}.txt").write_text("\n".join(rows) + "\n")
    (folder / f"{name}.txt").write_text("".join(f"images/{name}-{index}.png\n" for index in range(count)))
    path = folder / "data.json"
    description = json.loads(path.read_text()) if path.exists() else {"root": "."}
    description.setdefault(part, {})[name] = f"{name}.txt"
    path.write_text(json.dumps(description))
    return path
