"""Draw tracks on frames: boxes, identities and trails, by supervision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fairmot.detections import Tracks
from fairmot.geometry import ImageArray
from fairmot.media.outputs.colors import palette
from fairmot.media.outputs.labels import Labels

_TRAIL_SECONDS = 2.0


def identity_color(identity: int) -> tuple[int, int, int]:
    """Return red, green and blue of an identity, 0 to 255, as the drawn videos show it."""
    colors = palette()
    return colors[identity % len(colors)]


class Annotator:
    """Draws the tracks of one source, frame after frame; a colour belongs to an identity.

    It remembers where each track was: draw every frame, in order, also those without tracks.

    Args:
        size: width and height of the frames, pixels; lines and letters are scaled to it.
        frame_rate: frames/s, for the length of the trails.
        trail_seconds: how far back a trail reaches; 0: no trails.
    """

    def __init__(self, size: tuple[int, int], frame_rate: float = 30.0, trail_seconds: float = _TRAIL_SECONDS) -> None:
        import supervision as sv

        colors = sv.ColorPalette([sv.Color(*color) for color in palette()])
        by_identity = sv.ColorLookup.TRACK
        thickness = sv.calculate_optimal_line_thickness(resolution_wh=size)
        # Below 0.35 the strokes of OpenCV's font run into each other.
        text_scale = max(0.35, sv.calculate_optimal_text_scale(resolution_wh=size))
        self._boxes = sv.BoxAnnotator(color=colors, thickness=thickness, color_lookup=by_identity)
        self._labels = Labels(text_scale, max(1, thickness // 2), 2 * thickness)
        trail_frames = round(trail_seconds * frame_rate)
        self._trails = (
            sv.TraceAnnotator(
                color=colors,
                position=sv.Position.BOTTOM_CENTER,
                trace_length=trail_frames,
                thickness=thickness,
                color_lookup=by_identity,
            )
            if trail_frames > 0
            else None
        )

    def draw(self, image: ImageArray, tracks: Tracks) -> ImageArray:
        """Return a copy of ``image``, BGR uint8 [H, W, 3], with the tracks drawn on it."""
        scene = image.copy()
        # Amodal boxes reach over the edge: their sides are drawn on it, so that a close person has an outline too.
        edge = np.array([image.shape[1] - 1, image.shape[0] - 1] * 2)
        seen = replace(tracks, boxes_xyxy=tracks.boxes_xyxy.clip(0, edge)).to_supervision()
        if self._trails is not None:
            scene = self._trails.annotate(scene, seen)
        if len(tracks) == 0:
            return scene
        scene = self._boxes.annotate(scene, seen)
        colors = [identity_color(identity)[::-1] for identity in tracks.ids.tolist()]
        return self._labels.draw(scene, seen.xyxy.astype(np.float64), [str(i) for i in tracks.ids], colors)
