"""Lines that people cross and zones in which they stand, parsed from what the user gives."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairmot.errors import InputError

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line from ``start`` to ``end``, image pixels.

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


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon, image pixels; its last point is joined to its first."""

    name: str
    points: tuple[Point, ...]


def parse_lines(texts: list[str]) -> tuple[Line, ...]:
    """Parse lines ``x1,y1,x2,y2``; their names are line 1, line 2 ...

    Raises:
        InputError: not four numbers, or both ends are the same point.
    """
    return tuple(_parse_line(text, number) for number, text in enumerate(texts, start=1))


def _parse_line(text: str, number: int) -> Line:
    try:
        x1, y1, x2, y2 = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"line {text}: expected x1,y1,x2,y2 in pixels, for example 0,400,854,400") from None
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or (x1, y1) == (x2, y2):
        raise InputError(f"line {text}: expected two different points x1,y1,x2,y2 in pixels")
    return Line(f"line {number}", (x1, y1), (x2, y2))


def read_zones(path: Path) -> tuple[Zone, ...]:
    """Read polygons from a JSON file: ``{"name": [[x, y], ...], ...}``, or a list of them without names.

    Raises:
        InputError: no such file, not JSON, or not polygons of three points or more.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from error
    if isinstance(content, list):
        content = {f"zone {number}": points for number, points in enumerate(content, start=1)}
    if not isinstance(content, dict) or not content:
        raise InputError(f'{path}: expected polygons, {{"door": [[x, y], [x, y], [x, y]]}}')
    return tuple(Zone(name, _points(points, f"{path}: {name}")) for name, points in content.items())


def _points(points: Any, where: str) -> tuple[Point, ...]:
    try:
        polygon = tuple((float(x), float(y)) for x, y in points)
    except (TypeError, ValueError):
        raise InputError(f"{where}: expected points [[x, y], ...] in pixels") from None
    twice_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True))
    if len(polygon) < 3 or not math.isfinite(twice_area) or twice_area == 0:
        raise InputError(f"{where}: expected three points or more that enclose an area")
    return polygon
