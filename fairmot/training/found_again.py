"""Recall of a network on its training images, of the boxes that decoding can give back."""

from __future__ import annotations

import numpy as np

from fairmot.config import STRIDE, Config
from fairmot.data.image_files import read_image
from fairmot.data.loader import AnyBatch, Loader
from fairmot.data.targets import IGNORE_CLASS
from fairmot.detector import Detector
from fairmot.engines import load_inference
from fairmot.engines.interface import Arrays
from fairmot.geometry import Letterbox, pairwise_iou
from fairmot.network.architectures import build_graph

SMALLEST_PX = 6.0
"""Boxes with a shorter side on the canvas do not count: it is a cell and a half."""


MAX_OVERLAP = 0.5
"""Boxes of one class with a larger IoU may suppress each other on several levels, before they fit exactly."""


def count_found(
    config: Config, engine: str, device: str, state: Arrays, loader: Loader, batch: AnyBatch
) -> tuple[int, int, int]:
    """Detect in the images of a batch as ``track`` would; return how many boxes count, are found, and do not count.

    Args:
        config: the network, its largest number of objects, and the tracker's confidence.
        engine: that detects.
        device: that it runs on.
        state: a trainer's.
        loader: knows the labels of the images.
        batch: its images count, not its targets.
    """
    arrays = {key.removeprefix("network."): each for key, each in state.items() if key.startswith("network.")}
    network = config.network
    detector = Detector(
        load_inference(engine).load_canvas_detector(
            build_graph(network), arrays, network.input_size, config.data.max_objects, device
        ),
        engine,
        network.architecture,
        network.classes,
        config.tracker.confidence,
    )
    index_of = {path: index for index, path in enumerate(loader.images.paths)}
    counted = found = left_out = 0
    for path in batch.paths:
        image = read_image(path)
        rows = loader.images.labels(index_of[path])
        rows = rows[rows[:, 0] != IGNORE_CLASS]
        size = np.array([image.shape[1], image.shape[0]] * 2)
        boxes = np.concatenate([rows[:, 2:4] - rows[:, 4:6] / 2, rows[:, 2:4] + rows[:, 4:6] / 2], axis=1) * size
        letterbox = Letterbox((image.shape[1], image.shape[0]), network.input_size)
        on_canvas = letterbox.boxes_to_canvas(boxes)
        if network.level_strides:
            clear = survives_suppression(rows[:, 0], on_canvas, network.input_size, network.level_strides[0])
        else:
            clear = can_be_told_apart(rows[:, 0], on_canvas, network.input_size)
        detections = detector(image)
        overlaps = pairwise_iou(boxes[clear], detections.boxes_xyxy)
        overlaps[rows[clear, 0][:, None] != detections.class_ids[None, :]] = 0
        counted += int(clear.sum())
        left_out += int((~clear).sum())
        found += int((overlaps.max(axis=1, initial=0.0) >= 0.5).sum())
    return counted, found, left_out


def can_be_told_apart(
    classes: np.ndarray[tuple[int], np.dtype[np.float64]],
    boxes: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    canvas_size: tuple[int, int],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mark the boxes [n, 4] (canvas pixels) that decoding can give back: large enough, no peak next to their own."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres >= 0) & (centres < np.array(canvas_size))).all(axis=1)
    large = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= SMALLEST_PX
    cells = np.floor(centres / STRIDE)
    near = (np.abs(cells[:, None] - cells[None, :]).max(axis=2) <= 1) & (classes[:, None] == classes[None, :])
    np.fill_diagonal(near, False)
    apart: np.ndarray[tuple[int], np.dtype[np.bool_]] = inside & large & ~near.any(axis=1)
    return apart


def survives_suppression(
    classes: np.ndarray[tuple[int], np.dtype[np.float64]],
    boxes: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    canvas_size: tuple[int, int],
    stride: int,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mark the boxes [n, 4] (canvas pixels) that a network on several levels can give back.

    Their centres lie on the canvas, their sides are a cell and a half of the finest level, and no other box of their
    class overlaps them by half (IoU).
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres >= 0) & (centres < np.array(canvas_size))).all(axis=1)
    large = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= 1.5 * stride
    near = (pairwise_iou(boxes, boxes) >= MAX_OVERLAP) & (classes[:, None] == classes[None, :])
    np.fill_diagonal(near, False)
    apart: np.ndarray[tuple[int], np.dtype[np.bool_]] = inside & large & ~near.any(axis=1)
    return apart
