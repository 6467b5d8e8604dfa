"""Images for made sources, and a look at what a converter wrote."""

import cv2
import numpy as np
import pytest

from fairmot.data.annotations import read_images


def write_image(path, size=(100, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), 90, np.uint8))


def read_boxes(out, name):
    """Return, by image name, rows class, identity, left, top, right, bottom in pixels."""
    images = read_images(out / "data.json", (name,))
    found = {}
    for index, path in enumerate(images.paths):
        height, width = cv2.imread(str(path)).shape[:2]
        rows = images.labels(index)
        scale = np.array([width, height])
        centres, sizes = rows[:, 2:4] * scale, rows[:, 4:6] * scale
        corners = np.concatenate([rows[:, :2], centres - sizes / 2, centres + sizes / 2], axis=1)
        found[path.name] = np.round(corners, 4).tolist()
    return found


@pytest.fixture
def make_image():
    return write_image


@pytest.fixture
def boxes_of():
    return read_boxes
