"""Sample images of a network in training: true boxes, detections, heatmap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Detections
from fairmot.engines.interface import RawNetwork
from fairmot.geometry import ImageArray, Letterbox
from fairmot.network.level_decoding import level_names, strides_of

_TRUE, _FOUND = (80, 220, 80), (0, 140, 255)  # green and orange, BGR
_LARGEST_PX = 960


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and its true boxes."""

    image: ImageArray
    """BGR [H, W, 3]."""
    true_boxes_xyxy: NDArray[np.float64]
    """Corners [M, 4], image pixels."""


def spaced(count: int, wanted: int) -> list[int]:
    """Return ``wanted`` indices (all, if there are fewer), evenly over ``range(count)``."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int)).tolist() if wanted else []


def draw_boxes(sample: Sample, found: Detections, confidence: float) -> ImageArray:
    """Draw true boxes in green and, in orange with their scores, detections above ``confidence``."""
    height, width = sample.image.shape[:2]
    ratio = min(1.0, _LARGEST_PX / max(height, width))
    scene = cv2.resize(sample.image, (round(width * ratio), round(height * ratio)), interpolation=cv2.INTER_AREA)
    for box in sample.true_boxes_xyxy * ratio:
        _rectangle(scene, box, _TRUE)
    for box, score in zip(found.boxes_xyxy * ratio, found.scores, strict=True):
        if score > confidence:
            _rectangle(scene, box, _FOUND)
            place = (int(max(box[0], 0)), int(max(box[1] - 3, 10)))
            cv2.putText(scene, f"{score:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, _FOUND, 1, cv2.LINE_AA)
    drawn: ImageArray = scene
    return drawn


def draw_heatmap(image: ImageArray, network: RawNetwork, input_size: tuple[int, int]) -> ImageArray:
    """Draw the network's heatmap (the maximum over classes, and over levels) over its canvas, BGR [H, W, 3]."""
    canvas = Letterbox((image.shape[1], image.shape[0]), input_size).apply(image)
    pixels = canvas[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    heads = network(np.ascontiguousarray(pixels))
    names = [level_names(stride)[0] for stride in strides_of(heads)] or ["heatmap"]
    levels = [
        cv2.resize(heads[name][0].max(axis=0).astype(np.float64), input_size, interpolation=cv2.INTER_NEAREST)
        for name in names
    ]
    heat = (255 / (1 + np.exp(-np.max(levels, axis=0)))).astype(np.uint8)
    mixed: ImageArray = cv2.addWeighted(canvas, 0.5, cv2.applyColorMap(heat, cv2.COLORMAP_INFERNO), 0.5, 0)
    return mixed


def draw_samples(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    network: RawNetwork,
    input_size: tuple[int, int],
    confidence: float,
) -> Iterator[tuple[str, ImageArray]]:
    """Yield names and images: each sample with its boxes, and with its heatmap."""
    for number, (sample, detections) in enumerate(zip(samples, found, strict=True), start=1):
        yield f"{number:02}-boxes", draw_boxes(sample, detections, confidence)
        yield f"{number:02}-heatmap", draw_heatmap(sample.image, network, input_size)


def _rectangle(scene: ImageArray, box: NDArray[Any], color: tuple[int, int, int]) -> None:
    left, top, right, bottom = np.rint(box).astype(int).tolist()
    cv2.rectangle(scene, (left, top), (right, bottom), color, 2)
