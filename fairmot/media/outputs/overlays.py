"""Overlays on the frame itself, under the tracks: blurred people, and where people stood."""

from __future__ import annotations

from collections import deque
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Detections, Tracks
from fairmot.files import replacing
from fairmot.geometry import ImageArray
from fairmot.media.outputs.writer import Overlay, Target
from fairmot.media.sources.frame import Frame

# Better a blurred lamp post than a visible face: boxes below the tracker's thresholds are blurred too, and places
# where a person was a moment ago.
_BLURRED_SCORE = 0.2
_BLURRED_SECONDS = 0.2
_BLURRED_MARGIN = 0.1


class Blur(Overlay):
    """Makes people unrecognisable: blurs the whole box and a margin round it, also of the last fifth of a second."""

    def __init__(self, target: Target) -> None:
        import supervision as sv

        self._annotator = sv.BlurAnnotator()
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=1 + round(_BLURRED_SECONDS * target.frame_rate))

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Take the boxes of the next frame."""
        boxes = [tracks.boxes_xyxy]
        if detections is not None:
            boxes.append(detections.boxes_xyxy[detections.scores > _BLURRED_SCORE].astype(np.float64))
        self._recent.append(np.concatenate(boxes))

    def draw(self, scene: ImageArray) -> ImageArray:
        """Blur ``scene`` in place and return it."""
        import supervision as sv

        near = np.concatenate(list(self._recent))
        margin = (near[:, 2:] - near[:, :2]) * _BLURRED_MARGIN
        grown = np.concatenate([near[:, :2] - margin, near[:, 2:] + margin], axis=1)
        grown = grown.clip(0, [scene.shape[1], scene.shape[0]] * 2)
        wide = ((grown[:, 2:] - grown[:, :2]) >= 2).all(axis=1)
        blurred: ImageArray = self._annotator.annotate(scene, sv.Detections(xyxy=grown[wide]))
        return blurred


class HeatMap(Overlay):
    """Shows where people stood since the first frame; the last frame with the heat on it is ``<name>.heatmap.jpg``."""

    def __init__(self, target: Target) -> None:
        import supervision as sv

        self._annotator = sv.HeatMapAnnotator(
            position=sv.Position.BOTTOM_CENTER, opacity=0.4, radius=max(4, round(min(target.size) / 27))
        )
        self._path = target.paths["heatmap"]
        self._tracks: Tracks | None = None
        self._last: ImageArray | None = None

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Take the tracks of the next frame."""
        self._tracks = tracks

    def draw(self, scene: ImageArray) -> ImageArray:
        """Draw the heat on ``scene`` and return it."""
        if self._tracks is not None and (len(self._tracks) or self._last is not None):
            drawn: ImageArray = self._annotator.annotate(scene, self._tracks.to_supervision())
        else:
            drawn = scene
        self._last = drawn.copy()  # the tracks are drawn on the other one
        return drawn

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or self._last is None:
            return
        data = cv2.imencode(".jpg", self._last, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        with replacing(self._path) as temporary:
            temporary.write_bytes(data.tobytes())
