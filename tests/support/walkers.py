"""Two walkers on a rendered street, and a detector that finds them: what the tests of ``track`` look at."""

from pathlib import Path

import cv2
import numpy as np

from fairmot.detections import Detections
from fairmot.media.outputs.video import VideoWriter

SIZE = (320, 240)
COUNT = 40


def walkers(index: int) -> np.ndarray:
    """Boxes [2, 4] of two people who walk towards each other on different paths."""
    return np.array([[10 + 4 * index, 20, 40 + 4 * index, 100], [280 - 4 * index, 130, 310 - 4 * index, 215]])


def street(index: int) -> np.ndarray:
    image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    for grey, (left, top, right, bottom) in zip((200, 245), walkers(index), strict=True):
        image[top:bottom, left:right] = grey
    return image


def find_bright(image: np.ndarray) -> Detections:
    """A detector for this street: bright blobs are people, their brightness is their appearance."""
    bright = (image[..., 1] > 120).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(bright)
    stats, centres = stats[1:], centres[1:]
    people = stats[:, 4] > 200
    boxes = np.concatenate([stats[people, :2], stats[people, :2] + stats[people, 2:4]], axis=1)
    grey = np.array([image[int(y), int(x), 1] for x, y in centres[people]], dtype=np.float32)
    angle = (grey - 120) / 50
    embeddings = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32).reshape(-1, 2)
    return Detections(boxes.astype(np.float32), np.full(len(boxes), 0.9, np.float32), embeddings)


def film(path: Path, count: int = COUNT, rate: float = 25) -> Path:
    with VideoWriter(path, SIZE, rate) as writer:
        for index in range(count):
            writer.write(street(index))
    return path


def read_rows(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
