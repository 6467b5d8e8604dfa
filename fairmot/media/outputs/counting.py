"""Count people who cross lines and people in zones, draw the counts, write them as CSV and JSON."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.detections import Detections, Tracks
from fairmot.files import replacing
from fairmot.geometry import ImageArray
from fairmot.media.outputs.count_drawing import CountDrawing
from fairmot.media.outputs.crossings import Crossings, counted_points
from fairmot.media.outputs.places import Zone
from fairmot.media.outputs.writer import Overlay, Target
from fairmot.media.sources.frame import Frame


@dataclass(slots=True)
class _LineCount:
    """Who crossed one line so far."""

    came_in: int = 0
    went_out: int = 0


@dataclass(slots=True)
class _ZoneCount:
    """What was counted in one zone so far."""

    people: int = -1  # in the last frame; before the first, a number that differs from all others
    most: int = 0
    total: int = 0  # over all frames, for the mean
    seen: set[int] = field(default_factory=set)


class Counting(Overlay):
    """Counts by a point of each person, the feet or the centre of the box (see ``Outputs.anchor``), by identity.

    ``<name>.lines.csv``: one row for each crossing. ``<name>.zones.csv``: one row whenever the count of a zone changes.
    ``<name>.counts.json``: the totals.

    Raises:
        InputError: a line or zone lies outside of the frame, or is shorter than two pixels.
    """

    def __init__(self, target: Target) -> None:
        outputs, self._size = target.outputs, target.size
        self._anchor = outputs.anchor
        self._margin = outputs.line_margin
        self._paths = target.paths
        self._lines = [line.in_pixels(self._size) for line in outputs.lines]
        self._zones = [zone.in_pixels(self._size) for zone in outputs.zones]
        self._crossings = [Crossings(line, self._size, outputs.line_margin) for line in self._lines]
        self._line_counts = [_LineCount() for _ in self._lines]
        self._zone_counts = [_ZoneCount() for _ in self._zones]
        self._frames = 0
        self._drawing = CountDrawing(self._size, self._lines, self._zones)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._line_rows = self._open(stack, "lines")
            self._row(self._line_rows, "frame", "seconds", "line", "id", "direction", "in", "out")
            self._zone_rows = self._open(stack, "zones")
            self._row(self._zone_rows, "frame", "seconds", "zone", "people")
            self._totals = self._open(stack, "counts")
            self._opened = stack.pop_all()
        return self

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Count the tracks of the next frame."""
        points = counted_points(tracks.boxes_xyxy, self._size, self._anchor)
        heights = tracks.boxes_xyxy[:, 3] - tracks.boxes_xyxy[:, 1]
        when = (frame.index + 1, f"{frame.seconds:.3f}")
        self._frames += 1
        for line, crossings, passed in zip(self._lines, self._crossings, self._line_counts, strict=True):
            crossed = crossings.update(tracks.ids, points, heights)
            # Several people in one frame are counted one by one.
            for direction in (1, -1):
                for identity in tracks.ids[crossed == direction].tolist():
                    passed.came_in += direction == 1
                    passed.went_out += direction == -1
                    word = "in" if direction == 1 else "out"
                    row = (line.name, identity, word, passed.came_in, passed.went_out)
                    self._row(self._line_rows, *when, *row)
        for zone, count in zip(self._zones, self._zone_counts, strict=True):
            inside = tracks.ids[_inside(zone, points)].tolist()
            if len(inside) != count.people:
                self._row(self._zone_rows, *when, zone.name, len(inside))
            count.people, count.most = len(inside), max(count.most, len(inside))
            count.total += len(inside)
            count.seen.update(inside)

    def draw(self, scene: ImageArray) -> ImageArray:
        """Draw lines and zones on ``scene``, under the tracks, and return it."""
        return self._drawing.draw_places(scene)

    def draw_above(self, scene: ImageArray) -> ImageArray:
        """Draw the names and counts on ``scene``, above the tracks, and return it."""
        lines = zip(self._lines, self._line_counts, strict=True)
        zones = zip(self._zones, self._zone_counts, strict=True)
        crossed = [f"{line.name}: {count.came_in} in, {count.went_out} out" for line, count in lines]
        stood = [f"{zone.name}: {max(0, count.people)} inside" for zone, count in zones]
        return self._drawing.draw_counts(scene, [*crossed, *stood])

    def totals(self) -> dict[str, Any]:
        """Return what ``<name>.counts.json`` holds."""
        return {
            "frames": self._frames,
            "size": list(self._size),
            "anchor": self._anchor,
            "line_margin": self._margin,
            "lines": [
                {"name": line.name, "points": line.points, "in": count.came_in, "out": count.went_out}
                for line, count in zip(self._lines, self._line_counts, strict=True)
            ],
            "zones": [
                {
                    "name": zone.name,
                    "points": zone.points,
                    "identities": len(count.seen),
                    "most_at_once": count.most,
                    "mean": round(count.total / max(1, self._frames), 4),
                }
                for zone, count in zip(self._zones, self._zone_counts, strict=True)
            ],
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._opened.__exit__(kind, error, trace)
            return
        with self._opened:
            assert self._totals is not None
            self._totals.write(json.dumps(self.totals(), indent=2, ensure_ascii=False) + "\n")

    def _open(self, stack: ExitStack, name: str) -> IO[str] | None:
        if name not in self._paths:
            return None
        path = stack.enter_context(replacing(self._paths[name]))
        return stack.enter_context(path.open("w", encoding="utf-8", newline=""))

    @staticmethod
    def _row(file: IO[str] | None, *values: Any) -> None:
        if file is not None:
            csv.writer(file, lineterminator="\n").writerow(values)


def _inside(zone: Zone, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points [N, 2] lie in the zone, or on its edge [N]."""
    polygon = np.array(zone.points, dtype=np.float32)
    return np.array([cv2.pointPolygonTest(polygon, point, False) >= 0 for point in points.tolist()], dtype=np.bool_)
