"""What a detector returns and what a tracker returns: arrays with documented shapes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairmot.errors import InputError

if TYPE_CHECKING:
    import supervision


def _rows(values: ArrayLike, dtype: type[Any], columns: int | None = None) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values, dtype=dtype)
    return array.reshape(-1, columns) if columns and array.size == 0 else array


@dataclass(frozen=True, slots=True, init=False)
class Detections:
    """The objects found in one image, one row each.

    Args:
        boxes_xyxy: corners [N, 4], image pixels; anything that NumPy turns into an array.
        scores: confidence [N], 0 to 1.
        embeddings: appearance [N, D]; left out: none.
        class_ids: class [N]; left out: 0.

    Raises:
        ValueError: the arrays do not have one row an object.
    """

    boxes_xyxy: NDArray[np.float32]
    """Corners [N, 4], image pixels."""
    scores: NDArray[np.float32]
    """Confidence [N], 0 to 1."""
    embeddings: NDArray[np.float32] | None = None
    """Appearance [N, D], unit length; None from a detector without embeddings."""
    class_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Class [N]."""

    # Written out because it takes more than the fields hold: lists, arrays of any number type.
    def __init__(
        self,
        boxes_xyxy: ArrayLike,
        scores: ArrayLike,
        embeddings: ArrayLike | None = None,
        class_ids: ArrayLike = (),
    ) -> None:
        boxes = _rows(boxes_xyxy, np.float32, 4)
        count = len(boxes)
        score_rows, class_rows = _rows(scores, np.float32), _rows(class_ids, np.int64)
        if class_rows.size == 0:
            class_rows = np.zeros(count, dtype=np.int64)
        vectors = None if embeddings is None else np.asarray(embeddings, dtype=np.float32)
        if boxes.shape != (count, 4) or score_rows.shape != (count,) or class_rows.shape != (count,):
            raise ValueError(
                f"boxes {boxes.shape}, scores {score_rows.shape} and class_ids {class_rows.shape}: "
                "expected [N, 4], [N] and [N]"
            )
        if vectors is not None and (vectors.ndim != 2 or len(vectors) != count):
            raise ValueError(f"embeddings {vectors.shape}: expected [{count}, D]")
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "scores", score_rows)
        object.__setattr__(self, "embeddings", vectors)
        object.__setattr__(self, "class_ids", class_rows)

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def select(self, index: NDArray[Any]) -> Detections:
        """Return the objects that a mask [N] or an index array picks."""
        embeddings = None if self.embeddings is None else self.embeddings[index]
        return Detections(self.boxes_xyxy[index], self.scores[index], embeddings, self.class_ids[index])

    def to_supervision(self) -> supervision.Detections:
        """Return ``supervision.Detections``; ``data["embedding"]`` holds the embeddings."""
        import supervision

        data: dict[str, Any] = {} if self.embeddings is None else {"embedding": self.embeddings}
        return supervision.Detections(xyxy=self.boxes_xyxy, confidence=self.scores, class_id=self.class_ids, data=data)

    @classmethod
    def from_supervision(cls, detections: supervision.Detections) -> Detections:
        """Convert ``supervision.Detections``; missing scores become 1, missing classes 0.

        ``data["embedding"]`` holds the embeddings, if there are any. Masks and other data are not kept.
        """
        count = len(detections.xyxy)
        scores = detections.confidence if detections.confidence is not None else np.ones(count)
        class_ids = detections.class_id if detections.class_id is not None else np.zeros(count)
        embeddings = detections.data.get("embedding")
        return cls(
            detections.xyxy,
            np.asarray(scores, dtype=np.float32),
            None if embeddings is None else np.asarray(embeddings, dtype=np.float32),
            np.asarray(class_ids, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True)
class Tracks:
    """The tracks seen in one frame, in the tracker's own order.

    Raises:
        ValueError: ``detection_indices`` does not have one row a track.
    """

    ids: NDArray[np.int64]
    """Identity [M], counted from 1."""
    boxes_xyxy: NDArray[np.float64]
    """Corners [M, 4] of the Kalman filter's box, image pixels."""
    scores: NDArray[np.float64]
    """Confidence [M] of the detection matched in this frame. In the frame in which a lost track is found again it is
    that of the last match before the track was lost, as in the published code."""
    class_ids: NDArray[np.int64]
    """Class [M]."""
    detection_indices: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Row [M] of the detection matched in this frame, in the detections that the tracker was given; -1: none. If left
    out, no track has one."""

    def __post_init__(self) -> None:
        rows = _rows(self.detection_indices, np.int64)
        if rows.size == 0:
            rows = np.full(len(self.ids), -1, dtype=np.int64)
        if rows.shape != (len(self.ids),):
            raise ValueError(f"detection_indices {rows.shape}: expected [{len(self.ids)}]")
        object.__setattr__(self, "detection_indices", rows)

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, index: NDArray[Any]) -> Tracks:
        """Return the tracks that a mask [M] or an index array picks."""
        return Tracks(
            self.ids[index],
            self.boxes_xyxy[index],
            self.scores[index],
            self.class_ids[index],
            self.detection_indices[index],
        )

    def to_supervision(self) -> supervision.Detections:
        """Return ``supervision.Detections`` with ``tracker_id`` set."""
        import supervision

        return supervision.Detections(
            xyxy=self.boxes_xyxy,
            confidence=self.scores,
            class_id=self.class_ids,
            tracker_id=self.ids,
        )


def as_detections(given: Detections | supervision.Detections) -> Detections:
    """Return ``Detections`` as they are, and convert ``supervision.Detections``.

    Raises:
        InputError: the value is neither, or its arrays do not have one row an object.
    """
    if isinstance(given, Detections):
        return given
    # The attributes identify the class: importing supervision to ask for it takes a second.
    if not (hasattr(given, "xyxy") and hasattr(given, "confidence") and hasattr(given, "data")):
        raise InputError(f"detections of type {type(given).__name__}: expected fairmot's or supervision's Detections")
    try:
        return Detections.from_supervision(given)
    except ValueError as error:
        raise InputError(f"supervision's detections: {error}") from error


def with_tracker_ids(given: supervision.Detections, tracks: Tracks) -> supervision.Detections:
    """Return a copy of the detections behind the tracks, with ``tracker_id`` set.

    Boxes, masks, scores, classes, ``data`` and ``metadata`` are the detections' own. Tracks without a detection have no
    row.

    Args:
        given: the detections [N] that the tracker was given.
        tracks: what it made of them [M].
    """
    has_detection = tracks.detection_indices >= 0
    chosen: Any = given[tracks.detection_indices[has_detection]]
    # ``replace`` makes a new object: supervision may return empty detections themselves as their own subset.
    selected: supervision.Detections = replace(chosen, tracker_id=tracks.ids[has_detection])
    return selected
