"""Images with the true boxes of their people, as the recipe and its figures read them."""

import numpy as np

import fairmot
from fairmot.data.image_files import read_image


def photographs(folder):
    """Yield the images of ``val`` and their true boxes [n, 4], corners in pixels."""
    for path in sorted((folder / "images" / "val").glob("*.jpg")):
        image = read_image(path)
        rows = np.loadtxt(folder / "labels" / "val" / f"{path.stem}.txt", ndmin=2)
        corners = np.concatenate([rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2], 1)
        yield image, corners * (image.shape[1::-1] * 2)


def sequence(folder):
    """Yield the frames and the true boxes of those that count."""
    truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
    truth = truth[(truth[:, 6] == 1) & np.isin(truth[:, 7], (1, -1))]
    for index, frame in enumerate(fairmot.read_frames(folder), start=1):
        tlwh = truth[truth[:, 0] == index, 2:6]
        yield frame.image, np.concatenate([tlwh[:, :2], tlwh[:, :2] + tlwh[:, 2:]], 1)
