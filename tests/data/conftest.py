"""Small labelled sets made on the spot."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fairmot.data.annotations import read_images


def write_set(root: Path, name: str, labels: list[str], size: tuple[int, int] = (64, 48), seed: int = 0) -> None:
    """Write images of noise, one for each text of ``labels``, their list, and the entry in ``root/data.json``."""
    rng = np.random.default_rng([seed, len(name)])
    images = []
    for number, text in enumerate(labels):
        image = Path("images", name, f"{number:04}.png")
        label = Path("labels_with_ids", name, f"{number:04}.txt")
        for path in (image, label):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / label).write_text(text)
        assert cv2.imwrite(str(root / image), rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8))
        images.append(image.as_posix())
    (root / f"{name}.txt").write_text("\n".join(images) + "\n")
    path = root / "data.json"
    description = json.loads(path.read_text()) if path.exists() else {"root": ".", "train": {}}
    description["train"][name] = f"{name}.txt"
    path.write_text(json.dumps(description))


@pytest.fixture
def make_set():
    """Call with root, name and one text of label lines an image."""
    return write_set


@pytest.fixture
def noise_images(tmp_path, make_set):
    """Ten images with three boxes each, and one that is to be left out."""
    rng = np.random.default_rng(1)
    texts = []
    for number in range(10):
        rows = [f"0 {number + k} {x:.4f} {y:.4f} .3 .5" for k, (x, y) in enumerate(rng.random((3, 2)))]
        texts.append("\n".join([*rows, "-1 -1 .2 .2 .2 .2"]))
    make_set(tmp_path, "street", texts)
    return read_images(tmp_path / "data.json")
