"""Who crosses a line: by identity, from the side on which each was last, with a margin against jitter."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.media.outputs.outputs import Anchor
from fairmot.media.outputs.places import SHORTEST_PX, Line


def counted_points(boxes_xyxy: NDArray[Any], size: tuple[int, int], anchor: Anchor) -> NDArray[np.float64]:
    """Return the point of each box [N, 4] that counts [N, 2], pixels; beyond the image's edge it is moved to it.

    Args:
        boxes_xyxy: corners [N, 4], pixels.
        size: width and height of the image, pixels.
        anchor: which point.
    """
    across = (boxes_xyxy[:, 0] + boxes_xyxy[:, 2]) / 2
    down = boxes_xyxy[:, 3] if anchor == "feet" else (boxes_xyxy[:, 1] + boxes_xyxy[:, 3]) / 2
    # The last column and row, not the ones behind them: a zone over the image may end at either.
    edge = np.array(size) - 1
    points: NDArray[np.float64] = np.stack([across, down], axis=1).astype(np.float64).clip(0, edge)
    return points


class Crossings:
    """Finds crossings of one line.

    Somebody has crossed when they are beyond the line by the margin, and their path went through the line itself and
    not round one of its ends. Between two frames in which an identity was seen, the path is straight, however many
    frames lie between: who is hidden at the line is counted when they are seen again. Within the margin nobody changes
    sides; near the image's edge it is at most half of what the image leaves on that side.

    supervision's ``LineZone`` is not used: it forgets an identity after as many unseen frames as its threshold has, so
    that hidden people and jitter cannot both be served.

    Args:
        line: the line, pixels.
        size: width and height of the image, pixels.
        margin: the margin as a fraction of a box's height.
    """

    def __init__(self, line: Line, size: tuple[int, int], margin: float) -> None:
        self._start = np.array(line.start)
        self._length = float(np.hypot(*np.subtract(line.end, line.start)))
        self._along = np.subtract(line.end, line.start) / self._length
        self._margin = margin
        corners = self._place(np.array(list(product((0, size[0] - 1), (0, size[1] - 1)))))[:, 0]
        self._reach = {1: float(corners.max(initial=0)), -1: float(-corners.min(initial=0))}
        # Of every identity seen, sorted: its side (1: in, -1: out), its last place, and passages since it was there.
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._sides: NDArray[np.int64] = np.empty(0, np.int64)
        self._last: NDArray[np.float64] = np.empty((0, 2))
        self._passed: NDArray[np.int64] = np.empty(0, np.int64)

    def update(self, ids: NDArray[np.int64], points: NDArray[np.float64], heights: NDArray[Any]) -> NDArray[np.int64]:
        """Take the next frame; return who crosses in it [N]: 1 to the *in* side, -1 to the *out* side, 0 not.

        Args:
            ids: identities [N], each once.
            points: the point of each that counts [N, 2], pixels.
            heights: heights of their boxes [N], pixels.
        """
        crossed = np.zeros(len(ids), np.int64)
        places = self._place(points)
        seen = np.flatnonzero(places[:, 0] != 0)  # on the line itself somebody is on neither side
        ids, places, heights = ids[seen], places[seen], np.asarray(heights, np.float64)[seen]
        sides = np.sign(places[:, 0]).astype(np.int64)
        self._add(ids, places, sides)
        rows = np.searchsorted(self._ids, ids)
        before = self._last[rows]
        changes = np.sign(before[:, 0]) != sides
        share = np.divide(before[:, 0], before[:, 0] - places[:, 0], where=changes, out=np.zeros(len(ids)))
        where = before[:, 1] + share * (places[:, 1] - before[:, 1])
        self._passed[rows] += np.where(changes & (where >= 0) & (where <= self._length), sides, 0)
        self._last[rows] = places
        away = np.abs(places[:, 0]) > self._margins(sides, heights)
        arrives = away & (sides != self._sides[rows])
        crossed[seen[arrives & (self._passed[rows] != 0)]] = sides[arrives & (self._passed[rows] != 0)]
        self._sides[rows[arrives]] = sides[arrives]
        self._passed[rows[away]] = 0
        return crossed

    def _place(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Return distance from the line, positive on its left-hand side, and the way along it [N, 2], pixels."""
        x, y = np.asarray(points - self._start, np.float64).T
        return np.stack([x * self._along[1] - y * self._along[0], x * self._along[0] + y * self._along[1]], axis=1)

    def _margins(self, sides: NDArray[np.int64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
        reach = np.where(sides > 0, self._reach[1], self._reach[-1])
        wanted = np.maximum(self._margin * heights, SHORTEST_PX if self._margin else 0)
        margins: NDArray[np.float64] = np.minimum(wanted, reach / 2)
        return margins

    def _add(self, ids: NDArray[np.int64], places: NDArray[np.float64], sides: NDArray[np.int64]) -> None:
        new = np.flatnonzero(~np.isin(ids, self._ids))
        if len(new):
            joined = np.concatenate([self._ids, ids[new]])
            order = np.argsort(joined)
            self._ids = joined[order]
            self._sides = np.concatenate([self._sides, sides[new]])[order]
            self._last = np.concatenate([self._last, places[new]])[order]
            self._passed = np.concatenate([self._passed, np.zeros(len(new), np.int64)])[order]
