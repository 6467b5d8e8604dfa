"""Draw tracks on frames: boxes, identities and trails, by supervision."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from fairmot.detections import Tracks
from fairmot.geometry import ImageArray

_TRAIL_SECONDS = 2.0
# supervision's 21 colours follow the colour circle: people side by side, often with consecutive identities, would
# have nearly the same colour.
_STRIDE = 10
# Weights of red, green and blue in perceived brightness (ITU-R BT.601), and the grey above which black reads better.
_LUMA = (0.299, 0.587, 0.114)
_BRIGHT = 140


def identity_color(identity: int) -> tuple[int, int, int]:
    """Return red, green and blue of an identity, 0 to 255, as the drawn videos show it."""
    import supervision as sv

    colors = sv.ColorPalette.DEFAULT.colors
    red, green, blue = colors[identity * _STRIDE % len(colors)].as_rgb()
    return red, green, blue


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

        count = len(sv.ColorPalette.DEFAULT.colors)
        palette = sv.ColorPalette([sv.Color(*identity_color(number)) for number in range(count)])
        brightness = [sum(w * c for w, c in zip(_LUMA, color.as_rgb(), strict=True)) for color in palette.colors]
        letters = sv.ColorPalette([sv.Color.BLACK if value > _BRIGHT else sv.Color.WHITE for value in brightness])
        by_identity = sv.ColorLookup.TRACK
        thickness = sv.calculate_optimal_line_thickness(resolution_wh=size)
        # Below 0.35 the strokes of OpenCV's font run into each other.
        text_scale = max(0.35, sv.calculate_optimal_text_scale(resolution_wh=size))
        (_, text_height), _ = cv2.getTextSize("0", cv2.FONT_HERSHEY_SIMPLEX, text_scale, max(1, thickness // 2))
        self._label_height = text_height + 4 * thickness
        self._boxes = sv.BoxAnnotator(color=palette, thickness=thickness, color_lookup=by_identity)
        self._labels = sv.LabelAnnotator(
            color=palette,
            color_lookup=by_identity,
            text_color=letters,
            text_scale=text_scale,
            text_thickness=max(1, thickness // 2),
            text_padding=2 * thickness,
        )
        trail_frames = round(trail_seconds * frame_rate)
        self._trails = (
            sv.TraceAnnotator(
                color=palette,
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
        labels = [str(identity) for identity in tracks.ids]
        # A label stands on its box; where there is no room above, it moves into the box.
        seen.xyxy[:, 1] = seen.xyxy[:, 1].clip(self._label_height)
        drawn: ImageArray = self._labels.annotate(scene, seen, labels)
        return drawn
