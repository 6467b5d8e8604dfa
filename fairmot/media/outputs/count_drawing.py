"""Draw lines, zones and a panel of their counts: names and numbers that cannot be taken for identities."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray
from fairmot.media.outputs.places import Line, Zone

_OPACITY = 0.15
_PANEL_OPACITY = 0.75
_SHORTEST_LETTERS_PX = 11


class CountDrawing:
    """Draws each line and zone in a colour of its own, with its name in that colour beside its counts.

    The counts stand in a dark panel in the upper left corner, one below the other, where they do not cover each other.

    Args:
        size: width and height of the images, pixels.
        lines: lines, pixels.
        zones: zones, pixels.
    """

    def __init__(self, size: tuple[int, int], lines: Sequence[Line], zones: Sequence[Zone]) -> None:
        import supervision as sv

        palette = sv.ColorPalette.DEFAULT
        colors = [palette.by_idx(number).as_bgr() for number in range(len(lines) + len(zones))]
        self._colors = colors
        self._lines = list(zip(lines, colors, strict=False))
        self._zones = list(zip(zones, colors[len(lines) :], strict=True))
        self._thickness = sv.calculate_optimal_line_thickness(resolution_wh=size)
        self._letters = max(_SHORTEST_LETTERS_PX, round(min(size) / 30))
        self._texts: list[str] = []
        self._panel: NDArray[np.uint8] = np.empty((0, 0, 3), np.uint8)

    def draw_places(self, scene: ImageArray) -> ImageArray:
        """Draw the lines and zones on ``scene``, BGR [H, W, 3], in place, and return it."""
        if self._zones:
            filled = scene.copy()
            for zone, color in self._zones:
                cv2.fillPoly(filled, [_whole(zone.points)], color)
            cv2.addWeighted(filled, _OPACITY, scene, 1 - _OPACITY, 0, dst=scene)
        for zone, color in self._zones:
            cv2.polylines(scene, [_whole(zone.points)], True, color, self._thickness, cv2.LINE_AA)
        for line, color in self._lines:
            start, end = _whole(line.points).tolist()
            cv2.line(scene, start, end, color, self._thickness, cv2.LINE_AA)
            # An arrow to the side that is "in": the left-hand one.
            middle, way = np.mean(line.points, axis=0), np.subtract(line.end, line.start)
            arrow = np.array([way[1], -way[0]]) / max(1e-9, float(np.hypot(*way))) * 2 * self._letters
            tail, tip = _whole([middle, middle + arrow]).tolist()
            cv2.arrowedLine(scene, tail, tip, color, self._thickness, cv2.LINE_AA)
        return scene

    def draw_counts(self, scene: ImageArray, texts: Sequence[str]) -> ImageArray:
        """Draw a panel with one text for each line and zone, in their order, on ``scene`` in place, and return it."""
        if list(texts) != self._texts:
            self._texts, self._panel = list(texts), self._render(texts)
        height, width = self._panel.shape[:2]
        corner = scene[:height, :width]
        panel = self._panel[: corner.shape[0], : corner.shape[1]]
        # Letters and marks are opaque, the dark ground lets the image through.
        dark = (panel == 0).all(axis=2, keepdims=True)
        corner[:] = np.where(dark, corner * (1 - _PANEL_OPACITY), panel).astype(np.uint8)
        return scene

    def _render(self, texts: Sequence[str]) -> NDArray[np.uint8]:
        # By Pillow: OpenCV's letters are ASCII alone, and names need not be.
        from PIL import Image, ImageDraw, ImageFont

        font = ImageFont.load_default(self._letters)
        step = round(1.5 * self._letters)
        width = step + max(round(font.getlength(text)) for text in texts) + self._letters // 2
        panel = Image.new("RGB", (width, step * len(texts) + self._letters // 2))
        draw = ImageDraw.Draw(panel)
        for number, (text, (blue, green, red)) in enumerate(zip(texts, self._colors, strict=True)):
            top = number * step + self._letters // 2
            mark = self._letters // 2
            draw.rectangle((mark, top, 2 * mark, top + self._letters), fill=(red, green, blue))
            draw.text((step, top), text, font=font, fill=(255, 255, 255))
        return np.ascontiguousarray(np.asarray(panel)[:, :, ::-1])


def _whole(points: Sequence[object]) -> NDArray[np.int32]:
    return np.round(np.array(points, dtype=np.float64)).astype(np.int32)
