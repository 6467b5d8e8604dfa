"""Link tracklets over the whole video by motion, height, time and appearance.

Each round compares the end of every tracklet with the starts that follow within a longer time than before, and solves
one assignment over all of them. Both sides of a gap are known, so the velocities before and after it are fitted over
several boxes and must agree with the distance between. Near gaps are closed first: joined tracklets have better
velocities for the wider ones.

Sources of the ideas: Huang et al., "Robust Object Tracking by Hierarchical Association of Detection Responses", 2008
(rounds of growing gaps); Du et al., "StrongSORT", 2023 (linking finished tracks afterwards).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.tracking.sparse import assign_pairs

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]

FIT_SECONDS = 0.25
"""Boxes count for a velocity with weights that fall by e over this time."""
FIT_RIDGE = 2.0
"""Frames squared that pull the velocity of few boxes to 0."""
TOLERANCE, TOLERANCE_PER_SECOND = 0.15, 0.25
"""Distance, in box heights, at which the cost by motion is 1: at once, and more for each second of the gap."""
STANDING_WEIGHT = 0.3
"""Weight of the distance without any motion beside that of the fitted velocities."""
HEIGHT_WEIGHT = 2.0
"""Cost of a change of height by a factor of e."""
REACH = 2.0
"""Farther pairs, in box heights, are not compared."""
SAME_APPEARANCE = 0.25
"""Cosine distance that neither speaks for nor against a link."""
APPEARANCE_WEIGHT = 4.0
"""Cost of a cosine distance above ``SAME_APPEARANCE``; below it the cost falls."""


class Link(NamedTuple):
    """A link that was made: the tracklet of ``later`` continues that of ``earlier``."""

    earlier: int
    later: int
    last_frame: int
    """Of the earlier tracklet."""
    first_frame: int
    """Of the later one."""
    cost: float
    motion: float
    """The part of the distance in tolerances."""
    height: float
    """Absolute change of the logarithm of the height."""
    appearance: float
    """Cosine distance; NaN where one of them has no embedding."""
    round: int
    """Round that made it, from 1; 0: a return after a long absence, by appearance."""


class Ends(NamedTuple):
    """First and last frame of tracklets [T], and the line through each end: (cx, cy, log height), change per frame."""

    ids: NDArray[np.int64]
    first_frames: FloatRows
    last_frames: FloatRows
    counts: NDArray[np.int64]
    starts: FloatRows
    start_speeds: FloatRows
    ends: FloatRows
    end_speeds: FloatRows


def fitted_ends(ids: NDArray[Any], frames: FloatRows, boxes_tlwh: FloatRows, frame_rate: float) -> Ends:
    """Fit a line to the boxes [R] near both ends of each tracklet; rows are ordered by identity and frame."""
    reach = max(2.0, FIT_SECONDS * frame_rate)
    first = np.concatenate([[0], (np.diff(ids) != 0).nonzero()[0] + 1]) if len(ids) else np.empty(0, dtype=np.intp)
    counts = np.diff(np.concatenate([first, [len(ids)]]))
    last = first + counts - 1
    places = np.column_stack([boxes_tlwh[:, :2] + boxes_tlwh[:, 2:] / 2, np.log(np.maximum(boxes_tlwh[:, 3], 1e-6))])

    def line(at: IndexArray) -> tuple[FloatRows, FloatRows]:
        time = frames - np.repeat(frames[at], counts)
        weight = np.exp(-np.abs(time) / reach)
        total = np.add.reduceat(weight, first)
        mean_time = np.add.reduceat(weight * time, first) / total
        mean = np.add.reduceat(weight[:, None] * places, first) / total[:, None]
        late = time - np.repeat(mean_time, counts)
        spread = np.add.reduceat(weight * late * late, first) + FIT_RIDGE
        speed = np.add.reduceat((weight * late)[:, None] * (places - np.repeat(mean, counts, axis=0)), first)
        speed /= spread[:, None]
        return mean - speed * mean_time[:, None], speed

    if not len(ids):
        empty = np.empty((0, 3))
        return Ends(ids.astype(np.int64), np.empty(0), np.empty(0), counts, empty, empty, empty, empty)
    return Ends(ids[first].astype(np.int64), frames[first], frames[last], counts, *line(first), *line(last))


def following(ends: Ends, longest: float) -> tuple[IndexArray, IndexArray]:
    """Return the pairs [P] of tracklets of which the second begins after the first ends, at most ``longest`` frames."""
    order = np.argsort(ends.first_frames, kind="stable")
    begin = np.searchsorted(ends.first_frames[order], ends.last_frames, "right")
    end = np.searchsorted(ends.first_frames[order], ends.last_frames + longest, "right")
    counts = end - begin
    earlier = np.repeat(np.arange(len(begin)), counts)
    place = np.arange(len(earlier)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
    return earlier, order[place]


def link_round(
    ends: Ends, longest: float, frame_rate: float, limit: float, embeddings: FloatRows | None, number: int
) -> list[Link]:
    """Make the links of one round.

    Args:
        ends: all tracklets [T].
        longest: longest gap, frames.
        frame_rate: frames/s.
        limit: cost of a gap that stays open.
        embeddings: unit vector of each tracklet [T, D], zero where there is none; None: no appearance.
        number: number of the round.
    """
    first, second = following(ends, longest)
    height = np.exp((ends.ends[first, 2] + ends.starts[second, 2]) / 2)
    change = ends.starts[second] - ends.ends[first]
    near = (np.abs(change[:, :2]) < REACH * height[:, None]).all(axis=1)
    first, second, height, change = first[near], second[near], height[near], change[near]
    gap = ends.first_frames[second] - ends.last_frames[first]
    # The side with more boxes has the better velocity, up to those that the fit weighs.
    support = max(2.0, FIT_SECONDS * frame_rate)
    before, after = (np.minimum(ends.counts[side], support)[:, None] for side in (first, second))
    speed = (ends.end_speeds[first, :2] * before + ends.start_speeds[second, :2] * after) / (before + after)
    moved = np.linalg.norm(change[:, :2] - speed * gap[:, None], axis=1)
    stood = np.linalg.norm(change[:, :2], axis=1)
    tolerance = (TOLERANCE + TOLERANCE_PER_SECOND * gap / frame_rate) * height
    motion = (STANDING_WEIGHT * stood + (1 - STANDING_WEIGHT) * moved) / tolerance
    grown = np.abs(change[:, 2])
    cost = motion + HEIGHT_WEIGHT * grown
    appearance = np.full(len(cost), np.nan)
    if embeddings is not None:
        distance = 1.0 - np.einsum("pd,pd->p", embeddings[first], embeddings[second])
        known = embeddings.any(axis=1)
        has_both = known[first] & known[second]
        appearance[has_both] = distance[has_both]
        cost = cost + np.where(has_both, APPEARANCE_WEIGHT * (distance - SAME_APPEARANCE), 0.0)
    _, _, made = assign_pairs(first, second, cost, limit)
    return _links(ends, first[made], second[made], (cost[made], motion[made], grown[made], appearance[made]), number)


def return_round(ends: Ends, longest: float, limit: float, embeddings: FloatRows) -> list[Link]:
    """Link people who come back after up to ``longest`` frames, by cosine distance below ``limit`` alone."""
    first, second = following(ends, longest)
    known = embeddings.any(axis=1)
    has_both = known[first] & known[second]
    first, second = first[has_both], second[has_both]
    distance = 1.0 - np.einsum("pd,pd->p", embeddings[first], embeddings[second])
    _, _, made = assign_pairs(first, second, distance, limit)
    unknown = np.full(len(made), np.nan)
    return _links(ends, first[made], second[made], (distance[made], unknown, unknown, distance[made]), 0)


def _links(ends: Ends, first: IndexArray, second: IndexArray, values: tuple[FloatRows, ...], number: int) -> list[Link]:
    rows = zip(
        ends.ids[first].tolist(),
        ends.ids[second].tolist(),
        ends.last_frames[first].astype(int).tolist(),
        ends.first_frames[second].astype(int).tolist(),
        *(value.tolist() for value in values),
        strict=True,
    )
    return [Link._make((*row, number)) for row in rows]


def joined_ids(ends: Ends, links: list[Link]) -> NDArray[np.int64]:
    """Return the identity of each tracklet [T] after the links: that of the first tracklet of its chain."""
    earlier = {link.later: link.earlier for link in links}
    names: dict[int, int] = {}
    for place in np.argsort(ends.first_frames, kind="stable").tolist():
        own = int(ends.ids[place])
        before = earlier.get(own)
        names[own] = own if before is None else names[before]
    return np.array([names[one] for one in ends.ids.tolist()], dtype=np.int64)
