"""What a detector hands over and what a tracker returns: arrays with documented shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError

if TYPE_CHECKING:
    import supervision


def _rows(values: Any, dtype: type[Any], columns: int | None = None) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values, dtype=dtype)
    return array.reshape(-1, columns) if columns and array.size == 0 else array


@dataclass(frozen=True, slots=True)
class Detections:
    """The objects found in one image.

    Raises:
        ValueError: the arrays do not have one row an object.
    """

    boxes_xyxy: NDArray[np.float32]
    """Corners [N, 4], image pixels."""
    scores: NDArray[np.float32]
    """Confidence [N], 0 to 1."""
    embeddings: NDArray[np.float32] | None = None
    """Appearance [N, D], unit length; None from a detector without them."""
    class_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Class [N]; left out, every object has class 0."""

    def __post_init__(self) -> None:
        boxes = _rows(self.boxes_xyxy, np.float32, 4)
        count = len(boxes)
        scores = _rows(self.scores, np.float32)
        class_ids = _rows(self.class_ids, np.int64)
        if class_ids.size == 0:
            class_ids = np.zeros(count, dtype=np.int64)
        embeddings = None if self.embeddings is None else np.asarray(self.embeddings, dtype=np.float32)
        if boxes.shape != (count, 4) or scores.shape != (count,) or class_ids.shape != (count,):
            raise ValueError(
                f"boxes {boxes.shape}, scores {scores.shape} and class_ids {class_ids.shape}: "
                "expected [N, 4], [N] and [N]"
            )
        if embeddings is not None and (embeddings.ndim != 2 or len(embeddings) != count):
            raise ValueError(f"embeddings {embeddings.shape}: expected [{count}, D]")
        for name, value in zip(
            ("boxes_xyxy", "scores", "embeddings", "class_ids"),
            (boxes, scores, embeddings, class_ids),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def select(self, index: NDArray[Any]) -> Detections:
        """Return the objects that a mask [N] or an index array picks."""
        embeddings = None if self.embeddings is None else self.embeddings[index]
        return Detections(self.boxes_xyxy[index], self.scores[index], embeddings, self.class_ids[index])

    def to_supervision(self) -> supervision.Detections:
        """Return ``supervision.Detections``; embeddings travel in ``data["embedding"]``."""
        import supervision

        data = {} if self.embeddings is None else {"embedding": self.embeddings}
        return supervision.Detections(xyxy=self.boxes_xyxy, confidence=self.scores, class_id=self.class_ids, data=data)

    @classmethod
    def from_supervision(cls, detections: supervision.Detections) -> Detections:
        """Take over ``supervision.Detections``; missing scores count as 1, missing classes as 0."""
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
    """The tracks seen in one frame, in the tracker's own order."""

    ids: NDArray[np.int64]
    """Identity [M], counted from 1."""
    boxes_xyxy: NDArray[np.float64]
    """Corners [M, 4] of the filter's box, image pixels."""
    scores: NDArray[np.float64]
    """Confidence [M] of the detection matched in this frame; but in the frame in which a lost track is found again, of
    the one matched before it was lost, as in the published code."""
    class_ids: NDArray[np.int64]
    """Class [M]."""

    def __len__(self) -> int:
        return len(self.ids)

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
    """Return what was given as ``Detections``; ``supervision.Detections`` are converted.

    Raises:
        InputError: it is neither, or its arrays do not have one row an object.
    """
    if isinstance(given, Detections):
        return given
    # Asked by its attributes, so that nobody has to load supervision.
    if not (hasattr(given, "xyxy") and hasattr(given, "confidence") and hasattr(given, "data")):
        raise InputError(f"detections of type {type(given).__name__}: expected fairmot's or supervision's Detections")
    try:
        return Detections.from_supervision(given)
    except ValueError as error:
        raise InputError(f"supervision's detections: {error}") from error
