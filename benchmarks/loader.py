"""Loader speed: images/s for several numbers of workers, and for a plain loop over boxes.

    python benchmarks/loader.py [--data data.json] [--workers 0 1 2] [--processes 1 2]

Without ``--data`` it generates its images. All loaders are measured in turns, so that other programs on the machine
disturb them alike; the best turn of each counts. The plain loader works like the published one: whole images in floats,
one process, and a loop over the boxes for their heatmaps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from fairmot.config import STRIDE
from fairmot.data.annotations import LabelledImages, read_images
from fairmot.data.image_files import read_image
from fairmot.data.loader import Loader
from fairmot.data.targets import gaussian_radii


def make_images(folder: Path, count: int, boxes: int, size: tuple[int, int] = (1920, 1080)) -> LabelledImages:
    """Write smooth noise as JPEG files with ``boxes`` random boxes each."""
    rng = np.random.default_rng(0)
    names = []
    for number in range(count):
        coarse = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3)).astype(np.uint8)
        image, label = folder / f"images/{number}.jpg", folder / f"labels_with_ids/{number}.txt"
        for path in (image, label):
            path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(image), cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC))
        rows = rng.random((boxes, 4)) * [1, 1, 0.05, 0.2] + [0, 0, 0.01, 0.05]
        label.write_text("".join(f"0 {k} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for k, (x, y, w, h) in enumerate(rows)))
        names.append(f"images/{number}.jpg\n")
    (folder / "made.txt").write_text("".join(names))
    (folder / "data.json").write_text('{"root": ".", "train": {"made": "made.txt"}}')
    return read_images(folder / "data.json")


def plain_sample(path: Path, labels: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> None:
    """Do the same work as the published loader: float images, warped corners of all boxes, a loop over their peaks."""
    image = read_image(path)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    for channel in (1, 2):
        hsv[..., channel] = np.clip(hsv[..., channel].astype(np.float32) * rng.uniform(0.5, 1.5), 0, 255)
    image = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    (height, width), (canvas_width, canvas_height) = image.shape[:2], size
    ratio = min(canvas_width / width, canvas_height / height)
    new = (round(width * ratio), round(height * ratio))
    left, top = (canvas_width - new[0]) // 2, (canvas_height - new[1]) // 2
    image = cv2.resize(image, new, interpolation=cv2.INTER_AREA)
    right, bottom = canvas_width - new[0] - left, canvas_height - new[1] - top
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(
        (canvas_width / 2, canvas_height / 2), rng.uniform(-5, 5), rng.uniform(0.5, 1.2)
    )
    image = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(128, 128, 128))
    np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1), dtype=np.float32) / 255

    map_width, map_height = canvas_width // STRIDE, canvas_height // STRIDE
    heatmap = np.zeros((map_height, map_width), np.float32)
    centres, sizes = labels[:, 2:4] * (width, height), labels[:, 4:6] * (width, height)
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    corners = (centres[:, None] + signs * sizes[:, None] / 2) * ratio + (left, top)
    moved = (corners @ matrix[:2, :2].T + matrix[:2, 2]) / STRIDE
    for first, last in zip(moved.min(axis=1), moved.max(axis=1), strict=True):
        column, row = np.clip((first + last) / 2, 0, (map_width - 1, map_height - 1)).astype(int)
        radius = int(gaussian_radii(np.ceil(last - first)[None])[0])
        sigma = (2 * radius + 1) / 6
        ys, xs = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        kernel = np.exp(-(xs**2 + ys**2) / (2 * sigma**2))
        y0, x0 = max(0, row - radius), max(0, column - radius)
        patch = heatmap[y0 : row + radius + 1, x0 : column + radius + 1]
        patch[:] = np.maximum(
            patch, kernel[y0 - row + radius :, x0 - column + radius :][: patch.shape[0], : patch.shape[1]]
        )


def images_a_second_plain(images: LabelledImages, size: tuple[int, int], count: int) -> float:
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for number in range(count):
        index = number % len(images)
        plain_sample(images.paths[index], images.labels(index), size, rng)
    return count / (time.perf_counter() - start)


def images_a_second(loader: Loader, count: int) -> float:
    done, epoch = 0, 0
    start = time.perf_counter()
    while done < count:
        for each in loader.epoch(epoch):
            done += len(each.images)
        epoch += 1
    return done / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="data.json; default: generated images")
    parser.add_argument("--input-size", type=int, nargs=2, default=(1088, 608), metavar=("W", "H"))
    parser.add_argument("--images", type=int, default=24, help="images to load in each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--boxes", type=int, default=60, help="boxes in each generated image")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, nargs="+", default=[2], help="workers that are processes")
    parser.add_argument("--opencv-threads", type=int, help="threads of OpenCV; default: its own choice")
    arguments = parser.parse_args()
    if arguments.opencv_threads is not None:
        cv2.setNumThreads(arguments.opencv_threads)
    size = (arguments.input_size[0], arguments.input_size[1])
    with tempfile.TemporaryDirectory() as folder:
        images = read_images(arguments.data) if arguments.data else make_images(Path(folder), 12, arguments.boxes)
        loaders = {
            f"{count} {kind}": Loader(
                images, size, arguments.batch, workers=count, worker_processes=kind == "processes"
            )
            for kind, counts in (("threads", arguments.workers), ("processes", arguments.processes))
            for count in counts
        }
        speeds: dict[str, list[float]] = {each: [] for each in ("plain", *loaders)}
        for loader in loaders.values():
            list(loader.epoch(0))  # processes start
        for _ in range(arguments.turns):
            speeds["plain"].append(images_a_second_plain(images, size, arguments.images))
            for name, loader in loaders.items():
                speeds[name].append(images_a_second(loader, arguments.images))
        for loader in loaders.values():
            loader.close()
    title = f"{size[0]} x {size[1]}, OpenCV threads: {cv2.getNumThreads()}"
    table = Table("loader", "images/s", "relative to plain", title=title)
    plain = max(speeds["plain"])
    for name, found in speeds.items():
        table.add_row(name, f"{max(found):.1f}", f"{max(found) / plain:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
