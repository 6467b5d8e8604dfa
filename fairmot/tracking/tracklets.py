"""What online tracking knows beside its rows, kept for the refinement afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Detections, Tracks
from fairmot.geometry import xyxy_to_tlwh

FloatRows = NDArray[np.float64]

COLUMNS = 8
"""Frame, identity, left, top, width, height, score, class of a row."""


class TrackletMemory:
    """Collects rows, detections without a track, and one mean embedding per identity.

    Rows have the detections' own boxes: the filter's boxes lag behind, and the refinement smooths over past and future.
    A row takes 64 bytes, and an identity one embedding, so the memory grows by some MB an hour and person.

    Args:
        min_score: free detections with a lower score are not kept.
    """

    def __init__(self, min_score: float = 0.0) -> None:
        self._min_score = min_score
        self._rows: list[NDArray[Any]] = []
        self._free: list[NDArray[Any]] = []
        self._embeddings: dict[int, FloatRows] = {}

    def add(self, frame: int, detections: Detections, tracks: Tracks) -> None:
        """Take the detections of a frame and the tracks that ``Tracker.update`` returned for them."""
        behind = tracks.detection_indices
        own = behind >= 0
        boxes = np.array(tracks.boxes_xyxy, dtype=np.float64)
        boxes[own] = detections.boxes_xyxy[behind[own]]
        self._rows.append(_table(frame, tracks.ids, boxes, tracks.scores, tracks.class_ids))
        is_free = np.ones(len(detections), dtype=bool)
        is_free[behind[own]] = False
        is_free &= detections.scores > np.float32(self._min_score)
        self._free.append(
            _table(
                frame,
                np.zeros(int(is_free.sum())),
                detections.boxes_xyxy[is_free],
                detections.scores[is_free],
                detections.class_ids[is_free],
            )
        )
        if detections.embeddings is not None:
            vectors = detections.embeddings[behind[own]].astype(np.float64)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            # Confident detections show more of a person.
            vectors *= np.asarray(tracks.scores, dtype=np.float64)[own, None]
            for identity, vector in zip(tracks.ids[own].tolist(), vectors, strict=True):
                before = self._embeddings.get(identity)
                self._embeddings[identity] = vector if before is None else before + vector

    @property
    def rows(self) -> FloatRows:
        """All rows [R, 8] (see ``COLUMNS``), pixels."""
        return np.concatenate([np.empty((0, COLUMNS)), *self._rows])

    @property
    def free(self) -> FloatRows:
        """Detections without a row [N, 8]; their identity is 0."""
        return np.concatenate([np.empty((0, COLUMNS)), *self._free])

    @property
    def embeddings(self) -> dict[int, FloatRows]:
        """Mean embedding of each identity, unit length."""
        return {
            identity: total / np.linalg.norm(total)
            for identity, total in self._embeddings.items()
            if np.linalg.norm(total) > 0
        }


def _table(frame: int, ids: Any, boxes_xyxy: Any, scores: Any, class_ids: Any) -> FloatRows:
    boxes = xyxy_to_tlwh(np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4))
    table: FloatRows = np.column_stack([np.full(len(boxes), float(frame)), ids, boxes, scores, class_ids])
    return table
