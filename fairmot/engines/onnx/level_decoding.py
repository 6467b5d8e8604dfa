"""Decoding of detectors on several levels as ONNX nodes; see ``fairmot.network.level_decoding``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from fairmot.engines.onnx.layers import Writer
from fairmot.network.level_decoding import CANDIDATES, MAX_IOU, MIN_SCORE


def write_level_boxes(
    writer: Writer,
    levels: Sequence[tuple[int, str, str]],
    classes: int,
    canvas_size: tuple[int, int],
    max_objects: int,
) -> tuple[str, str, str]:
    """Append the decoding of all levels.

    Args:
        writer: gets the nodes.
        levels: of each level stride, score logits [B, C, h, w] and distances [B, 4, h, w].
        classes: C.
        canvas_size: width and height, pixels.
        max_objects: K.

    Returns:
        Boxes [B, K, 4], scores [B, K] and classes int64 [B, K]; empty slots hold 0.
    """
    width, height = canvas_size
    logits = writer.add("Concat", *(_flat(writer, scores, classes) for _, scores, _ in levels), axis=2)  # [B, C, N]
    distances = writer.add("Concat", *(_flat(writer, sides, 4) for _, _, sides in levels), axis=2)  # [B, 4, N]
    points, strides = _anchors([stride for stride, _, _ in levels], width, height)
    cell_count = points.shape[1]
    count = min(CANDIDATES, classes * cell_count)
    outward = writer.constant(np.float32([-1, -1, 1, 1])[:, None] * strides, np.float32)
    boxes = writer.add("Add", writer.constant(points, np.float32), writer.add("Mul", distances, outward))
    # Only the best take part: first among logits, since the sigmoid is monotone.
    flat = writer.add("Reshape", logits, writer.constant([0, -1], np.int64))
    best, places = writer.add_many(
        "TopK", flat, writer.constant([count], np.int64), names=("candidate_logits", "candidate_places"), axis=1
    )
    scores = writer.add("Sigmoid", best)  # [B, n]
    class_ids = writer.add("Div", places, writer.constant(cell_count, np.int64))
    cells = writer.add("Mod", places, writer.constant(cell_count, np.int64))
    corners = _take(writer, boxes, cells, 4)  # [B, 4, n]
    corners = writer.add("Transpose", corners, perm=[0, 2, 1])
    kept = _suppressed(writer, corners, scores, class_ids, classes, canvas_size)
    final, slots = writer.add_many(
        "TopK",
        kept,
        writer.constant([min(max_objects, count)], np.int64),
        names=("scores", "slots"),
        axis=1,
    )
    chosen = _take(writer, writer.add("Transpose", corners, perm=[0, 2, 1]), slots, 4)
    is_box = writer.add("Greater", final, writer.constant(0, np.float32))
    last = writer.constant([2], np.int64)
    chosen = writer.add("Transpose", chosen, perm=[0, 2, 1])
    chosen = writer.add(
        "Where", writer.add("Unsqueeze", is_box, last), chosen, writer.constant(0, np.float32), name="boxes"
    )
    chosen_classes = writer.add("GatherElements", class_ids, slots, axis=1)
    chosen_classes = writer.add("Where", is_box, chosen_classes, writer.constant(0, np.int64), name="class_ids")
    return chosen, final, chosen_classes


def write_count_above(writer: Writer, scores: str, limit: float) -> str:
    """Append the number int64 [1] of scores [B, K] above a limit in the image that has the most; at least 1.

    The limit is a little lower, so that no rounding, in whatever precision, leaves out a score that lies above it.
    """
    limit *= 1 - 2**-6
    above = writer.add("Cast", writer.add("Greater", scores, writer.constant(limit, np.float32)), to=TensorProto.INT64)
    counts = writer.add("ReduceSum", above, writer.constant([1], np.int64), keepdims=0)
    return writer.add("Max", writer.add("ReduceMax", counts, keepdims=1), writer.constant([1], np.int64))


def write_first(writer: Writer, rows: str, count: str) -> str:
    """Take the first rows [B, count, ?] of [B, K, ?]."""
    return writer.add("Slice", rows, writer.constant([0], np.int64), count, writer.constant([1], np.int64))


def write_filled(writer: Writer, rows: str, count: str, like: str, name: str) -> str:
    """Fill rows [B, count, ?] up with zeros to as many as ``like`` [B, K, ?] has."""
    missing = writer.add("Sub", writer.add("Shape", like, start=1, end=2), count)
    before, after = writer.constant([0, 0, 0, 0], np.int64), writer.constant([0], np.int64)
    return writer.add("Pad", rows, writer.add("Concat", before, missing, after, axis=0), name=name)


def _anchors(strides: Sequence[int], width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Anchor points as corners [4, N] and strides [N] of all cells, level by level, row by row."""
    points, steps = [], []
    for stride in strides:
        y, x = np.mgrid[: height // stride, : width // stride].reshape(2, -1) * stride
        points.append(np.stack([x, y, x, y]))
        steps.append(np.full(x.size, stride))
    return np.concatenate(points, 1).astype(np.float32), np.concatenate(steps).astype(np.float32)


def _flat(writer: Writer, values: str, channels: int) -> str:
    return writer.add("Reshape", values, writer.constant([0, channels, -1], np.int64))


def _take(writer: Writer, values: str, index: str, channels: int) -> str:
    """Read values [B, channels, N] at index [B, n]."""
    spread = writer.add("Unsqueeze", index, writer.constant([1], np.int64))
    spread = writer.add("Expand", spread, writer.constant([1, channels, 1], np.int64))
    return writer.add("GatherElements", values, spread, axis=2)


def _suppressed(
    writer: Writer, corners: str, scores: str, class_ids: str, classes: int, canvas_size: tuple[int, int]
) -> str:
    """Set the scores [B, n] of suppressed boxes to 0."""
    if classes > 1:
        # Boxes of different classes must not meet: each class gets a place of its own, far beyond any canvas.
        apart = writer.constant(8 * max(canvas_size), np.float32)
        shift = writer.add("Mul", writer.add("Cast", class_ids, to=1), apart)
        corners = writer.add("Add", corners, writer.add("Unsqueeze", shift, writer.constant([2], np.int64)))
    one_class = writer.add("Unsqueeze", scores, writer.constant([1], np.int64))  # [B, 1, n]
    chosen = writer.add(
        "NonMaxSuppression",
        corners,
        one_class,
        writer.constant([CANDIDATES], np.int64),
        writer.constant([MAX_IOU], np.float32),
        writer.constant([MIN_SCORE], np.float32),
    )  # [kept, 3]: image, class, box
    zeros = writer.add("Mul", one_class, writer.constant(0, np.float32))
    one_each = writer.add("Slice", chosen, *(writer.constant([value], np.int64) for value in (0, 1, 1)))  # [kept, 1]
    ones = writer.add("Cast", writer.add("Equal", one_each, one_each), to=1)
    ones = writer.add("Squeeze", ones, writer.constant([1], np.int64))
    mask = writer.add("ScatterND", zeros, chosen, ones)
    return writer.add("Squeeze", writer.add("Mul", one_class, mask), writer.constant([1], np.int64))
