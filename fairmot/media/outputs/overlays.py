"""Overlays on the image itself, under the tracks: blurred people, and where people stood."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Detections, Tracks
from fairmot.files import replacing
from fairmot.geometry import ImageArray

# Rather a blurred lamp post than a face: also what the tracker finds too unsure, and where somebody just was.
_BLURRED_SCORE = 0.2
_BLURRED_SECONDS = 0.2
_BLURRED_MARGIN = 0.1


class Blur:
    """Makes people unrecognisable: the whole box and a margin round it, also of the last fifth of a second.

    Args:
        frame_rate: frames/s.
    """

    def __init__(self, frame_rate: float) -> None:
        import supervision as sv

        self._annotator = sv.BlurAnnotator()
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=1 + round(_BLURRED_SECONDS * frame_rate))

    def apply(self, scene: ImageArray, tracks: Tracks, detections: Detections | None) -> ImageArray:
        """Blur ``scene`` in place and return it."""
        import supervision as sv

        boxes = [tracks.boxes_xyxy]
        if detections is not None:
            boxes.append(detections.boxes_xyxy[detections.scores > _BLURRED_SCORE].astype(np.float64))
        self._recent.append(np.concatenate(boxes))
        near = np.concatenate(list(self._recent))
        margin = (near[:, 2:] - near[:, :2]) * _BLURRED_MARGIN
        grown = np.concatenate([near[:, :2] - margin, near[:, 2:] + margin], axis=1)
        grown = grown.clip(0, [scene.shape[1], scene.shape[0]] * 2)
        wide = ((grown[:, 2:] - grown[:, :2]) >= 2).all(axis=1)
        blurred: ImageArray = self._annotator.annotate(scene, sv.Detections(xyxy=grown[wide]))
        return blurred


class HeatMap:
    """Shows where people stood since the first frame.

    Args:
        size: width and height of the images, pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        import supervision as sv

        self._annotator = sv.HeatMapAnnotator(
            position=sv.Position.BOTTOM_CENTER, opacity=0.4, radius=max(4, round(min(size) / 27))
        )
        self._last: ImageArray | None = None

    def apply(self, scene: ImageArray, tracks: Tracks) -> ImageArray:
        """Draw the heat on ``scene`` and return it."""
        if len(tracks) or self._last is not None:
            drawn: ImageArray = self._annotator.annotate(scene, tracks.to_supervision())
        else:
            drawn = scene
        self._last = drawn.copy()  # boxes are drawn on the other one
        return drawn

    def save(self, path: Path) -> None:
        """Write the last image with the heat of all frames; nothing where there was no frame.

        Raises:
            OSError: it cannot be written.
        """
        if self._last is None:
            return
        data = cv2.imencode(".jpg", self._last, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        with replacing(path) as temporary:
            temporary.write_bytes(data.tobytes())
