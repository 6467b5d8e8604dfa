"""Lines that people cross and zones in which they stand, parsed from what the user gives.

Points are pixels of the image, or fractions of its width and height: where all numbers of a line or zone lie in 0 to 1,
they are fractions, since no useful line is shorter than two pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.files import read_json

Point = tuple[float, float]
_FARTHEST_FRAMES = 4
SHORTEST_PX = 2.0
"""A line that is shorter, or a zone that is narrower, is a mistake: most likely fractions that were meant as such."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line from ``start`` to ``end``.

    A person who walks to its left-hand side, seen from ``start`` towards ``end``, counts as *in*; the other way, as
    *out*.
    """

    name: str
    start: Point
    end: Point

    @property
    def points(self) -> tuple[Point, ...]:
        """Both ends."""
        return (self.start, self.end)

    def in_pixels(self, size: tuple[int, int]) -> Line:
        """Return the line in pixels of images of ``size`` (width, height).

        Raises:
            InputError: it lies outside of the image, or is shorter than two pixels.
        """
        start, end = _in_pixels(self.name, self.points, size)
        return Line(self.name, start, end)


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon; its last point is joined to its first."""

    name: str
    points: tuple[Point, ...]

    def in_pixels(self, size: tuple[int, int]) -> Zone:
        """Return the zone in pixels of images of ``size`` (width, height).

        Raises:
            InputError: it lies outside of the image, or is narrower than two pixels.
        """
        return Zone(self.name, _in_pixels(self.name, self.points, size))


def _in_pixels(name: str, points: tuple[Point, ...], size: tuple[int, int]) -> tuple[Point, ...]:
    if all(0 <= value <= 1 for point in points for value in point):
        points = tuple((x * size[0], y * size[1]) for x, y in points)
    if max(abs(value) for point in points for value in point) > _FARTHEST_FRAMES * max(size):
        raise InputError(f"{name}: a point lies far outside of the frame, which has {size[0]} x {size[1]} pixels")
    lows, highs = ([limit(point[axis] for point in points) for axis in (0, 1)] for limit in (min, max))
    if max(high - low for low, high in zip(lows, highs, strict=True)) < SHORTEST_PX:
        raise InputError(
            f"{name}: less than {SHORTEST_PX:g} pixels long; give pixels, or fractions of the image from 0 to 1"
        )
    if min(highs) < 0 or lows[0] > size[0] or lows[1] > size[1]:
        raise InputError(f"{name}: lies outside of the frame, which has {size[0]} x {size[1]} pixels")
    return points


def parse_lines(texts: list[str]) -> tuple[Line, ...]:
    """Parse lines ``x1,y1,x2,y2`` or ``name=x1,y1,x2,y2``; without names they are line 1, line 2 ...

    Raises:
        InputError: not four numbers, both ends are the same point, or two lines of one name.
    """
    lines = tuple(_parse_line(text, number) for number, text in enumerate(texts, start=1))
    names = [line.name for line in lines]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"line {name}: two lines have this name; give each its own, as in door=0,400,854,400")
    return lines


def _parse_line(text: str, number: int) -> Line:
    name, is_named, numbers = text.rpartition("=")
    example = "for example 0,400,854,400 (pixels), 0,0.5,1,0.5 (fractions of the image) or door=0,400,854,400"
    try:
        x1, y1, x2, y2 = (float(part) for part in numbers.split(","))
    except ValueError:
        raise InputError(f"line {text}: expected x1,y1,x2,y2, {example}") from None
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or (x1, y1) == (x2, y2):
        raise InputError(f"line {text}: expected two different points x1,y1,x2,y2, {example}")
    if is_named and not name.strip():
        raise InputError(f"line {text}: expected a name before =, {example}")
    return Line(name.strip() or f"line {number}", (x1, y1), (x2, y2))


def read_zones(path: Path) -> tuple[Zone, ...]:
    """Read polygons from a JSON file: ``{"name": [[x, y], ...], ...}``, or a list of them without names.

    Raises:
        InputError: no such file, not JSON, or not polygons of three points or more.
    """
    return parse_zones(read_json(path), str(path))


def parse_zones(content: Any, where: str) -> tuple[Zone, ...]:
    """Return the polygons in the content of such a file; ``where`` is its name in messages.

    Raises:
        InputError: not polygons of three points or more.
    """
    if isinstance(content, list):
        content = {f"zone {number}": points for number, points in enumerate(content, start=1)}
    if not isinstance(content, dict) or not content:
        raise InputError(f'{where}: expected polygons, {{"door": [[x, y], [x, y], [x, y]]}}')
    return tuple(Zone(name, _points(points, f"{where}: {name}")) for name, points in content.items())


def _points(points: Any, where: str) -> tuple[Point, ...]:
    try:
        polygon = tuple((float(x), float(y)) for x, y in points)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: expected points [[x, y], ...], pixels or fractions of the image") from None
    twice_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True))
    if len(polygon) < 3 or not math.isfinite(twice_area) or twice_area == 0:
        raise InputError(f"{where}: expected three points or more that enclose an area")
    return polygon
