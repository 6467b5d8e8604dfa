"""Where people walk: along the pavements, over the crossings, in pairs, or standing and talking."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray
from fairmot.street.camera import Camera
from fairmot.street.layout import HALF_LENGTH, Layout
from fairmot.street.props import Prop

_STEP_M = 0.1
_ATTEMPTS = 24


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one person through all frames."""

    places: NDArray[np.float64]
    """x and z [frames, 2], metres."""
    headings: NDArray[np.float64]
    """Radians [frames]; 0 along +z."""
    walked: NDArray[np.float64]
    """Metres since the first frame [frames]."""
    amount: float
    """1 for walking, 0 for standing."""


def choose_routes(
    rng: np.random.Generator,
    layout: Layout,
    camera: Camera,
    props: list[Prop],
    people: int,
    frames: int,
    frame_rate: float,
) -> list[Route]:
    """Choose a route for each person so that all are in view at some time and no one walks through an obstacle.

    Where a crowd leaves no free route, the one with the most room is taken.
    """
    times = np.arange(frames) / frame_rate
    routes: list[Route] = []
    while len(routes) < people:
        companion = routes[-1] if routes and rng.random() < 0.22 else None
        best, best_room = None, -math.inf
        for _ in range(_ATTEMPTS):
            route = _beside(rng, companion) if companion is not None else _propose(rng, layout, camera, times)
            room = _room(route, routes, props, camera)
            if room > best_room:
                best, best_room = route, room
            if room > 0.55:
                break
            companion = None
        assert best is not None
        routes.append(best)
    return routes


def _propose(rng: np.random.Generator, layout: Layout, camera: Camera, times: FloatArray) -> Route:
    moment = rng.uniform(0, max(float(times[-1]), 1e-6))
    x, z = _visible_place(rng, layout, camera)
    if rng.random() < 0.1:
        heading = rng.uniform(-math.pi, math.pi)
        drift = np.cumsum(rng.normal(0, 0.002, len(times)))
        places = np.broadcast_to([x, z], (len(times), 2)).copy()
        return Route(places, heading + 0.25 * np.sin(times * 0.4 + heading) + drift, np.zeros(len(times)), 0.0)
    speed = float(np.clip(rng.normal(1.28, 0.2), 0.75, 1.9))
    line, anchor = _line(rng, layout, x, z)
    distances = anchor + speed * (times - moment)
    steps = np.arange(len(line)) * _STEP_M
    places = np.stack([np.interp(distances, steps, line[:, axis]) for axis in (0, 1)], axis=1)
    ahead = np.stack([np.interp(distances + 0.25, steps, line[:, axis]) for axis in (0, 1)], axis=1)
    behind = np.stack([np.interp(distances - 0.25, steps, line[:, axis]) for axis in (0, 1)], axis=1)
    direction = ahead - behind
    return Route(places, np.unwrap(np.arctan2(direction[:, 0], direction[:, 1])), distances - distances[0], 1.0)


def _visible_place(rng: np.random.Generator, layout: Layout, camera: Camera) -> tuple[float, float]:
    """Return a place to walk on where the camera sees a person entirely and not too small."""
    width, height = camera.size
    count = 3000
    x = rng.uniform(-HALF_LENGTH * 0.6, HALF_LENGTH * 0.6, count)
    lanes = np.array(layout.lanes())
    widths = lanes[:, 1] - lanes[:, 0]
    lane = rng.choice(len(lanes), size=count, p=widths / widths.sum())
    z = lanes[lane, 0] + rng.random(count) * widths[lane]
    feet, depth = camera.project(np.stack([x, np.zeros(count), z], axis=1))
    heads, _ = camera.project(np.stack([x, np.full(count, 1.75), z], axis=1))
    tall = feet[:, 1] - heads[:, 1]
    inside = (feet[:, 0] > 0.04 * width) & (feet[:, 0] < 0.96 * width) & (feet[:, 1] < 1.02 * height)
    seen = inside & (heads[:, 1] > -0.05 * height) & (depth > 2.5) & (tall > 0.085 * height) & (tall < 0.8 * height)
    # Per metre of ground the far ones would outnumber the near ones; per image they should not.
    weights = np.where(seen, 1 / np.maximum(depth, 1) ** 1.3, 0)
    if weights.sum() == 0:
        weights = np.where(depth > 2.5, 1 / np.maximum(depth, 1) ** 4, 1e-12)
    chosen = int(rng.choice(count, p=weights / weights.sum()))
    return float(x[chosen]), float(z[chosen])


def _line(rng: np.random.Generator, layout: Layout, x: float, z: float) -> tuple[FloatArray, float]:
    """Return points 10 cm apart [N, 2] of a way through x, z, and how far along it that place is."""
    direction = float(rng.choice([-1, 1]))
    far_away = HALF_LENGTH - 2
    corners = [[-direction * far_away, z], [x, z], [direction * far_away, z]]
    crossing = _crossing(rng, layout, x)
    if crossing is not None:
        other = _other_side(rng, layout, z)
        turns = [[crossing, z], [crossing, other]]
        end = float(rng.choice([-1, 1])) * far_away
        if direction * (crossing - x) > 0:  # it lies ahead
            corners = [*corners[:2], *turns, [end, other]]
        else:
            corners = [[end, other], *turns[::-1], *corners[1:]]
    points = [np.array(corners[0])]
    for first, second in zip(np.array(corners[:-1]), np.array(corners[1:]), strict=True):
        count = max(1, round(float(np.linalg.norm(second - first)) / _STEP_M))
        points.extend(first + (second - first) * (np.arange(1, count + 1) / count)[:, None])
    line = np.array(points)
    line[:, 1] += 0.16 * np.sin(np.arange(len(line)) * _STEP_M / rng.uniform(2.0, 3.5) + rng.uniform(0, 6))
    kernel = 25  # corners are rounded over 2.5 m
    padded = np.concatenate([np.repeat(line[:1], kernel // 2, 0), line, np.repeat(line[-1:], kernel // 2, 0)])
    line = np.asarray(cv2.blur(padded, (1, kernel)))[kernel // 2 : -(kernel // 2)]
    anchor = int(np.argmin(np.sum((line - [x, z]) ** 2, axis=1)))
    return line, anchor * _STEP_M


def _crossing(rng: np.random.Generator, layout: Layout, x: float) -> float | None:
    """Return where a person at x crosses the street, if they do."""
    if layout.pedestrian:
        return float(x + rng.uniform(-5, 5)) if rng.random() < 0.4 else None
    if not layout.crossings or rng.random() > 0.42:
        return None
    nearest = min(layout.crossings, key=lambda place: abs(place - x))
    return nearest + float(rng.uniform(-1.5, 1.5)) if abs(nearest - x) < 16 else None


def _other_side(rng: np.random.Generator, layout: Layout, z: float) -> float:
    lanes = layout.lanes()
    low, high = lanes[0] if len(lanes) == 1 or z > layout.far_kerb else lanes[1]
    return float(rng.uniform(low, high))


def _beside(rng: np.random.Generator, other: Route) -> Route:
    """Return the route of a person who accompanies ``other``, or who stands facing them."""
    gap = rng.uniform(0.58, 0.75) * rng.choice([-1, 1])
    if other.amount == 0:
        heading = other.headings[0]
        shift = np.array([math.sin(heading), math.cos(heading)]) * abs(gap) * 1.3
        return Route(other.places + shift, other.headings + math.pi, other.walked, 0.0)
    across = np.stack([np.cos(other.headings), -np.sin(other.headings)], axis=1)
    return Route(other.places + gap * across, other.headings.copy(), other.walked.copy(), other.amount)


def _room(route: Route, others: list[Route], props: list[Prop], camera: Camera) -> float:
    """Return the smallest distance to any person, thing or the camera over all frames, metres."""
    rooms = [float(np.linalg.norm(route.places - camera.position[[0, 2]], axis=1).min()) / 4]
    if others:
        places = np.stack([other.places for other in others])
        rooms.append(float(np.linalg.norm(places - route.places, axis=-1).min()))
    for prop in props:
        outside = np.maximum(np.array(prop.low) - route.places, route.places - np.array(prop.high))
        rooms.append(float(np.linalg.norm(np.maximum(outside, 0), axis=1).min()) + 0.2)
    return min(rooms)
