"""Everything that is drawn on a frame, from the bottom to the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairmot.detections import Detections, Tracks
from fairmot.geometry import ImageArray
from fairmot.media.outputs.drawing import Annotator
from fairmot.media.outputs.writer import Overlay, Writer
from fairmot.media.sources.frame import Frame


class FrameDrawing:
    """Draws the frames of one source in their order.

    Args:
        size: width and height of the frames, pixels.
        frame_rate: frames/s.
        overlays: take each frame, then are drawn on it, one above the other, under the tracks.
        writers: take each drawn frame.
    """

    def __init__(
        self, size: tuple[int, int], frame_rate: float, overlays: Sequence[Overlay], writers: Sequence[Writer]
    ) -> None:
        self.last: ImageArray | None = None
        """The frame drawn last."""
        self._overlays = overlays
        self._writers = writers
        self._annotator = Annotator(size, frame_rate)

    def draw(self, frame: Frame, tracks: Tracks, detections: Detections | None) -> ImageArray:
        """Return the frame with everything drawn on it; the frame itself stays as it is."""
        scene = frame.image.copy() if self._overlays else frame.image
        for overlay in self._overlays:
            overlay.write(frame, tracks, detections)
            scene = overlay.draw(scene)
        drawn = self._annotator.draw(scene, tracks)
        for writer in self._writers:
            writer.write(replace(frame, image=drawn), tracks, detections)
        self.last = drawn
        return drawn
