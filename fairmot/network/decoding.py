"""Decoding in NumPy: the reference that exported detectors are compared with."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Heads = dict[str, NDArray[np.float32]]


_COMPARED = 50
"""Number of best detections that are compared; the last ones of a list may differ by rounding."""


class _Tolerance(NamedTuple):
    score: float
    corner_px: float
    """A corner may move this far ..."""
    corner_fraction: float
    """... plus this fraction of the box's longer side."""
    cosine: float
    """Least cosine of the embeddings."""
    faint: float
    """Detections below this fraction of the best score do not count: 8 bits lose them."""


_TOLERANCES = {
    "f32": _Tolerance(1e-3, 0.05, 1e-3, 0.999, 0.0),
    "f16": _Tolerance(0.03, 6.0, 0.03, 0.99, 0.0),  # a flat peak may slip to the next cell
    "bf16": _Tolerance(0.06, 6.0, 0.06, 0.97, 0.3),  # 8 bits of mantissa
    "int8": _Tolerance(0.25, 4.0, 0.2, 0.5, 0.5),
}

FOUND_LIMITS = {"f32": 0.98, "f16": 0.9, "bf16": 0.9, "int8": 0.5}
"""Precision -> smallest fraction of detections that both find; at f32 only equal scores in another order are missed."""


class Decoded(NamedTuple):
    """The K best peaks of each image of a batch, by descending score."""

    boxes_xyxy: NDArray[Any]
    """Corners [B, K, 4], canvas pixels."""
    scores: NDArray[Any]
    """Confidence [B, K]; 0 where there are fewer peaks."""
    class_ids: NDArray[np.int64]
    """Class [B, K]."""
    embeddings: NDArray[Any]
    """Appearance [B, K, D], unit length."""


def decode_heads(heads: Heads, stride: int, max_objects: int = 500) -> Decoded:
    """Decode raw head maps: 3x3 maxima, the K best of all classes, offsets, extents (CenterNet, FairMOT).

    Args:
        heads: head -> map [B, C, H, W]; ``heatmap`` holds logits.
        stride: canvas pixels per cell.
        max_objects: K.
    """
    heatmap = heads["heatmap"]
    batch, _, height, width = heatmap.shape
    padded = np.pad(heatmap, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    rows = np.maximum(np.maximum(padded[:, :, :-2], padded[:, :, 1:-1]), padded[:, :, 2:])
    highest = np.maximum(np.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
    peaks = np.where(heatmap == highest, heatmap, -np.inf).reshape(batch, -1)
    places = np.argsort(-peaks, axis=1, kind="stable")[:, :max_objects]
    logits = np.take_along_axis(peaks, places, 1)
    with np.errstate(over="ignore"):
        scores = 1 / (1 + np.exp(-logits))
    class_ids, cells = np.divmod(places, height * width)

    def at_cells(name: str) -> NDArray[np.float32]:
        flat = heads[name].reshape(batch, heads[name].shape[1], -1)
        return np.take_along_axis(flat, cells[:, None], 2).transpose(0, 2, 1)

    centres = np.stack([cells % width, cells // width], -1) + at_cells("offsets")
    extents, vectors = at_cells("extents"), at_cells("embedding")
    boxes = stride * np.concatenate([centres - extents[..., :2], centres + extents[..., 2:]], -1)
    return Decoded(boxes, scores, class_ids, unit_vectors(vectors))


def unit_vectors(vectors: NDArray[Any]) -> NDArray[Any]:
    """Return vectors [..., D] at unit length; 0 stays 0."""
    units: NDArray[Any] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return units


class _Found(Protocol):
    @property
    def boxes_xyxy(self) -> NDArray[Any]: ...
    @property
    def scores(self) -> NDArray[Any]: ...
    @property
    def class_ids(self) -> NDArray[Any]: ...
    @property
    def embeddings(self) -> NDArray[Any]: ...


def fraction_found(found: _Found, expected: _Found, precision: str = "f32") -> float:
    """Return the fraction of the best detections of either list that the other one holds too, the smaller of both.

    Both lists belong to one image [1, K, ...]. They are compared as sets, since equal scores may come in any order.
    Entries without a peak do not count, and one without an embedding is compared by its box alone.

    Args:
        found: what an exported network finds.
        expected: what the network finds.
        precision: of ``found``: ``f32``, ``f16``, ``bf16`` or ``int8`` decides how close a detection must be.
    """
    allowed = _TOLERANCES[precision]
    scores = np.abs(found.scores[0][:, None] - expected.scores[0][None])
    boxes = expected.boxes_xyxy[0]
    moved = np.abs(found.boxes_xyxy[0][:, None] - boxes[None]).max(-1)
    sides = np.abs(boxes[:, 2:] - boxes[:, :2]).max(-1)
    cosine = found.embeddings[0] @ expected.embeddings[0].T
    is_described = [each.embeddings[0].any(axis=1) for each in (found, expected)]
    cosine[~(is_described[0][:, None] & is_described[1])] = 1.0
    classes = found.class_ids[0][:, None] == expected.class_ids[0][None]
    same = (scores <= allowed.score) & (moved <= allowed.corner_px + allowed.corner_fraction * sides[None])
    same &= (cosine >= allowed.cosine) & classes
    fractions = []
    for matched, own in ((same.any(1), found.scores[0]), (same.any(0), expected.scores[0])):
        best = matched[:_COMPARED][own[:_COMPARED] > allowed.faint * own[0]]
        fractions.append(float(best.mean()) if len(best) else 1.0)
    return min(fractions)
