"""Everything that is drawn on a frame, from the bottom to the top."""

from __future__ import annotations

from fairmot.detections import Detections, Tracks
from fairmot.geometry import ImageArray
from fairmot.media.outputs.counting import Counting
from fairmot.media.outputs.drawing import Annotator
from fairmot.media.outputs.overlays import Blur, HeatMap
from fairmot.media.outputs.wanted import Outputs
from fairmot.media.sources.frame import Frame


class FrameDrawing:
    """Draws the frames of one source in their order.

    Args:
        size: width and height of the frames, pixels.
        frame_rate: frames/s.
        wanted: which overlays.
        counting: counts that are brought up to date with each frame, and drawn.
    """

    def __init__(self, size: tuple[int, int], frame_rate: float, wanted: Outputs, counting: Counting | None) -> None:
        self.heat = HeatMap(size) if wanted.heatmap else None
        self.last: ImageArray | None = None
        """The frame drawn last."""
        self._blur = Blur(frame_rate) if wanted.blur else None
        self._counting = counting
        self._annotator = Annotator(size, frame_rate)

    def draw(self, frame: Frame, tracks: Tracks, detections: Detections | None) -> ImageArray:
        """Return the frame with everything drawn on it; the frame itself stays as it is."""
        image = frame.image
        if self._blur is not None or self.heat is not None or self._counting is not None:
            image = image.copy()
        if self._blur is not None:
            image = self._blur.apply(image, tracks, detections)
        if self.heat is not None:
            image = self.heat.apply(image, tracks)
        if self._counting is not None:
            self._counting.update(frame, tracks)
            image = self._counting.draw(image)
        self.last = self._annotator.draw(image, tracks)
        return self.last
