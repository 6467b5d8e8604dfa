"""Decoding as ONNX nodes: the K best peaks first, then everything else at their cells alone.

Cells, classes and boxes follow the published ``mot_decode`` (3x3 maximum, top K, offsets, left-top-right-bottom).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairmot.engines.onnx.layers import Writer

NO_PEAK = np.finfo(np.float32).min
"""Logit of a cell that is no local maximum: below every real one, and still a number."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Names of the values that describe the K best peaks of each image."""

    scores: str
    """[B, K], by falling score; 0 where an image has fewer than K peaks."""
    class_ids: str
    """int64 [B, K]."""
    cells: str
    """Flat cell y * w + x, int64 [B, K]."""
    columns: str
    """x, int64 [B, K]."""
    rows: str
    """y, int64 [B, K]."""


def write_peaks(writer: Writer, heatmap: str, classes: int, map_size: tuple[int, int], max_objects: int) -> Peaks:
    """Append the search for peaks in heatmap logits [B, C, h, w]; ``map_size`` is (w, h).

    The sigmoid is monotone, so it is applied to the K winners alone. Equal logits go to the lower class, then to the
    lower cell. K is ``max_objects``, or all C * h * w places where there are fewer.
    """
    width, height = map_size
    count = writer.constant([min(max_objects, classes * width * height)], np.int64)
    highest = writer.add("MaxPool", heatmap, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    none = writer.constant(NO_PEAK, np.float32)
    peaks = writer.add("Where", writer.add("Equal", heatmap, highest), heatmap, none)
    flat = writer.add("Reshape", peaks, writer.constant([0, -1], np.int64))
    logits, places = writer.add_many("TopK", flat, count, names=("peak_logits", "peak_places"), axis=1)
    # The sigmoid kernels clamp their input: a place that is no peak is set to 0 explicitly.
    found = writer.add("Greater", logits, none)
    scores = writer.add("Where", found, writer.add("Sigmoid", logits), writer.constant(0, np.float32), name="scores")
    cell_count = writer.constant(width * height, np.int64)
    row_length = writer.constant(width, np.int64)
    class_ids = writer.add("Div", places, cell_count, name="class_ids")
    cells = writer.add("Mod", places, cell_count)
    return Peaks(scores, class_ids, cells, writer.add("Mod", cells, row_length), writer.add("Div", cells, row_length))


def write_patches(
    writer: Writer, values: str, channels: int, peaks: Peaks, map_size: tuple[int, int], kernel: int
) -> str:
    """Cut the k x k surroundings of every peak out of a map [B, C, h, w], zero outside of it.

    Returns:
        A strip [B, C, k, K * k]: the patches side by side, so that a convolution of kernel and stride k gives
        [B, ?, 1, K], its values at the peaks.
    """
    width, height = map_size
    flat = writer.add("Reshape", values, writer.constant([0, channels, -1], np.int64))
    if kernel == 1:
        index, inside = writer.add("Unsqueeze", peaks.cells, writer.constant([1], np.int64)), ""
    else:
        around = np.arange(kernel) - kernel // 2
        axes = writer.constant([1, 3], np.int64)
        steps_down = writer.constant(around.reshape(1, -1, 1, 1), np.int64)
        steps_right = writer.constant(around.reshape(1, 1, 1, -1), np.int64)
        rows = writer.add("Add", writer.add("Unsqueeze", peaks.rows, axes), steps_down)  # [B, k, K, 1]
        columns = writer.add("Add", writer.add("Unsqueeze", peaks.columns, axes), steps_right)  # [B, 1, K, k]
        inside = writer.add("And", _inside(writer, rows, height), _inside(writer, columns, width))
        index = writer.add(
            "Add",
            writer.add("Mul", _clipped(writer, rows, height), writer.constant(width, np.int64)),
            _clipped(writer, columns, width),
        )
        strip = writer.constant([0, 1, -1], np.int64)
        index, inside = writer.add("Reshape", index, strip), writer.add("Reshape", inside, strip)
    shape = writer.constant([1, channels, 1], np.int64)
    patches = writer.add("GatherElements", flat, writer.add("Expand", index, shape), axis=2)
    if inside:
        patches = writer.add("Where", inside, patches, writer.constant(0, np.float32))
    return writer.add("Reshape", patches, writer.constant([0, channels, kernel, -1], np.int64))


def write_detections(
    writer: Writer, peaks: Peaks, extents: str, offsets: str, embedding: str, stride: int
) -> tuple[str, str, str, str]:
    """Append boxes and unit embeddings from head values [B, ?, 1, K] at the peaks; return the four outputs."""
    extents, offsets = (_rows(writer, values) for values in (extents, offsets))
    last = writer.constant([2], np.int64)
    columns, rows = (
        writer.add("Cast", writer.add("Unsqueeze", value, last), to=1) for value in (peaks.columns, peaks.rows)
    )
    centres = writer.add("Add", writer.add("Concat", columns, rows, axis=2), offsets)
    outward = writer.add("Mul", extents, writer.constant([-1, -1, 1, 1], np.float32))
    boxes = writer.add("Add", writer.add("Concat", centres, centres, axis=2), outward)
    boxes = writer.add("Mul", boxes, writer.constant(stride, np.float32), name="boxes")
    return boxes, peaks.scores, peaks.class_ids, write_embeddings(writer, embedding)


def write_embeddings(writer: Writer, embedding: str, name: str = "embeddings") -> str:
    """Append unit embeddings [B, K, D] from head values [B, D, 1, K]."""
    embedding = _rows(writer, embedding)
    length = writer.add("ReduceL2", embedding, writer.constant([2], np.int64), keepdims=1)
    length = writer.add("Max", length, writer.constant(1e-12, np.float32))
    return writer.add("Div", embedding, length, name=name)


def _rows(writer: Writer, values: str) -> str:
    """[B, ?, 1, K] -> [B, K, ?]."""
    values = writer.add("Squeeze", values, writer.constant([2], np.int64))
    return writer.add("Transpose", values, perm=[0, 2, 1])


def _inside(writer: Writer, positions: str, size: int) -> str:
    low = writer.add("GreaterOrEqual", positions, writer.constant(0, np.int64))
    return writer.add("And", low, writer.add("Less", positions, writer.constant(size, np.int64)))


def _clipped(writer: Writer, positions: str, size: int) -> str:
    return writer.add("Clip", positions, writer.constant(0, np.int64), writer.constant(size - 1, np.int64))
