"""Count people who cross lines and people in zones, draw the counts, write them as CSV and JSON."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from fairmot.detections import Detections, Tracks
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.geometry import ImageArray
from fairmot.media.outputs.places import Line, Zone
from fairmot.media.outputs.writer import Overlay, Target
from fairmot.media.sources.frame import Frame


@dataclass(slots=True)
class _ZoneCount:
    """What was counted in one zone so far."""

    people: int = -1  # in the last frame; before the first, a number that differs from all others
    most: int = 0
    total: int = 0  # over all frames, for the mean
    seen: set[int] = field(default_factory=set)


class Counting(Overlay):
    """Counts by people's feet: the middle of the box's lower side.

    ``<name>.lines.csv``: one row for each crossing. ``<name>.zones.csv``: one row whenever the count of a zone changes.
    ``<name>.counts.json``: the totals.

    Raises:
        InputError: a line or zone lies outside of the frame.
    """

    def __init__(self, target: Target) -> None:
        import supervision as sv

        size, lines, zones = target.size, target.outputs.lines, target.outputs.zones
        places: tuple[Line | Zone, ...] = (*lines, *zones)
        for place in places:
            _check_inside(place, size)
        feet = (sv.Position.BOTTOM_CENTER,)
        self._paths = target.paths
        self._places = (lines, zones)
        self._lines = [
            sv.LineZone(sv.Point(*line.start), sv.Point(*line.end), triggering_anchors=feet) for line in lines
        ]
        self._zones = [
            sv.PolygonZone(np.round(zone.points).astype(np.int64), triggering_anchors=feet) for zone in zones
        ]
        self._counts = [_ZoneCount() for _ in zones]
        self._frames = 0
        thickness = sv.calculate_optimal_line_thickness(resolution_wh=size)
        scale = max(0.35, sv.calculate_optimal_text_scale(resolution_wh=size))
        self._line_annotator = sv.LineZoneAnnotator(
            thickness=thickness, text_scale=scale, text_thickness=max(1, thickness // 2)
        )
        colors = sv.ColorPalette.DEFAULT
        self._zone_annotators = [
            sv.PolygonZoneAnnotator(
                zone,
                color=colors.by_idx(number),
                thickness=thickness,
                text_scale=scale,
                text_thickness=max(1, thickness // 2),
                opacity=0.15,
            )
            for number, zone in enumerate(self._zones)
        ]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._crossings = self._open(stack, "lines")
            self._row(self._crossings, "frame", "seconds", "line", "id", "direction", "in", "out")
            self._changes = self._open(stack, "zones")
            self._row(self._changes, "frame", "seconds", "zone", "people")
            self._totals = self._open(stack, "counts")
            self._opened = stack.pop_all()
        return self

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Count the tracks of the next frame."""
        found = tracks.to_supervision()
        when = (frame.index + 1, f"{frame.seconds:.3f}")
        self._frames += 1
        for place, line in zip(self._places[0], self._lines, strict=True):
            before = (line.in_count, line.out_count)
            went_in, went_out = line.trigger(found)
            for came, direction in ((went_in, 0), (went_out, 1)):
                for identity in tracks.ids[came].tolist():
                    # Several people in one frame are counted one by one.
                    before = (before[0] + (direction == 0), before[1] + direction)
                    self._row(self._crossings, *when, place.name, identity, ("in", "out")[direction], *before)
        for area, zone, count in zip(self._places[1], self._zones, self._counts, strict=True):
            inside = tracks.ids[zone.trigger(found)].tolist()
            if len(inside) != count.people:
                self._row(self._changes, *when, area.name, len(inside))
            count.people, count.most = len(inside), max(count.most, len(inside))
            count.total += len(inside)
            count.seen.update(inside)

    def draw(self, scene: ImageArray) -> ImageArray:
        """Draw lines, zones and counts on ``scene`` and return it."""
        for annotator, count in zip(self._zone_annotators, self._counts, strict=True):
            scene = annotator.annotate(scene, label=str(max(0, count.people)))
        for line in self._lines:
            scene = self._line_annotator.annotate(scene, line)
        return scene

    def totals(self) -> dict[str, Any]:
        """Return what ``<name>.counts.json`` holds."""
        lines, zones = self._places
        return {
            "frames": self._frames,
            "lines": [
                {"name": line.name, "points": line.points, "in": counter.in_count, "out": counter.out_count}
                for line, counter in zip(lines, self._lines, strict=True)
            ],
            "zones": [
                {
                    "name": zone.name,
                    "points": zone.points,
                    "identities": len(count.seen),
                    "most_at_once": count.most,
                    "mean": round(count.total / max(1, self._frames), 4),
                }
                for zone, count in zip(zones, self._counts, strict=True)
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


def _check_inside(place: Line | Zone, size: tuple[int, int]) -> None:
    points = np.array(place.points)
    if (points.max(axis=0) < 0).any() or (points.min(axis=0) > size).any():
        raise InputError(f"{place.name}: lies outside of the frame, which has {size[0]} x {size[1]} pixels")
