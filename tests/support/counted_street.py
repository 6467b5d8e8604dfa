"""A rendered street with lines on its ground, and who crosses them: known from the routes in metres, not pixels."""

import itertools
from dataclasses import dataclass

import numpy as np

from fairmot.geometry import tlwh_to_xyxy
from fairmot.media.outputs.crossings import Crossings, counted_points
from fairmot.media.outputs.places import Line
from fairmot.street.compose import Finish, compose_frame
from fairmot.street.render import CAMERA_HEIGHT_M, cast_crowd
from fairmot.street.scene import build_scene

ANGLES = np.radians([0, 40, 90, 140])
LENGTH_M = 7.0
CLOSE_M = 0.8
HIDDEN = 0.6
"""Who is less visible has no box in the tests of occlusion."""


@dataclass(frozen=True)
class CountedStreet:
    size: tuple[int, int]
    lines: list[Line]
    expected: np.ndarray
    """In and out of each line [L, 2]."""
    everybody: np.ndarray
    """The same with those who are doubtful [L, 2]."""
    doubtful: list[set[int]]
    """Of each line those who do not count: see ``is_doubtful``."""
    frames: list
    """Of each frame identities [n], corners [n, 4] and visible fractions [n]."""


def ground_lines(camera, size):
    """Lines on the ground at several places and angles that lie well inside the image: metres [L, 2, 2] and pixels."""
    metres, pixels = [], []
    for x in (-4.0, 0.0, 4.0):
        for distance in (7.0, 11.0, 16.0):
            forward, right = camera.axes[2][[0, 2]], camera.axes[0][[0, 2]]
            middle = camera.position[[0, 2]] + distance * forward / np.hypot(*forward) + x * right
            for angle in ANGLES:
                way = LENGTH_M / 2 * np.array([np.cos(angle), np.sin(angle)])
                ends = np.stack([middle - way, middle + way])
                seen, depth = camera.project(np.insert(ends, 1, 0.0, axis=1))
                if (depth > 2).all() and (seen > 0).all() and (seen < size).all():
                    metres.append(ends)
                    pixels.append(seen)
    return np.array(metres), np.array(pixels)


def passages(path, ends):
    """In and out of a path [n, 2] over the line between two points [2, 2], metres: each step that meets it."""
    start, way = ends[0], ends[1] - ends[0]
    beside = way[0] * (path[:, 1] - start[1]) - way[1] * (path[:, 0] - start[0])
    along = (path - start) @ way / (way @ way)
    counted = np.zeros(2, int)
    for i in range(len(path) - 1):
        if (beside[i] > 0) != (beside[i + 1] > 0):
            share = beside[i] / (beside[i] - beside[i + 1])
            if 0 <= along[i] + share * (along[i + 1] - along[i]) <= 1:
                counted[0 if beside[i + 1] > 0 else 1] += 1
    return counted


def is_doubtful(path, ends):
    """Whether a path [n, 2] begins or ends at the line, or passes one of its ends so closely that a box cannot tell."""
    way = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    across = np.array([-way[1], way[0]])
    near_line = (np.abs((path[[0, -1]] - ends[0]) @ across) < CLOSE_M).any()
    fine = np.concatenate([np.linspace(a, b, 8) for a, b in itertools.pairwise(path)] or [path])
    return bool(near_line or min(np.linalg.norm(fine - end, axis=1).min() for end in ends) < CLOSE_M)


def render_counted(seed=3, people=30, frames=100, size=(320, 180), frame_rate=5.0, images=None):
    """Render the street and count its crossings while each person's box meets the image; ``images`` gets the frames.

    The parts of ``render_street``: scene and routes are needed for the truth too, and are made once.
    """
    scene = build_scene(seed, size, CAMERA_HEIGHT_M)
    crowd = cast_crowd(scene, people, frames, seed, frame_rate)
    metres, pixels = ground_lines(scene.camera, size)
    rendered = []
    finish = Finish(size, seed)
    for index in range(frames):
        frame = compose_frame(scene, crowd, index, finish)
        rendered.append((frame.ids, tlwh_to_xyxy(frame.boxes_tlwh), frame.visibility))
        if images is not None:
            images.append(frame.image)
    expected, everybody = np.zeros((2, len(metres), 2), int)
    everybody: np.ndarray
    """The same with those who are doubtful [L, 2]."""
    doubtful: list[set[int]] = [set() for _ in metres]
    for identity, (_, route) in enumerate(crowd, 1):
        path = route.places[[index for index, (ids, _, _) in enumerate(rendered) if identity in ids]]
        for number, ends in enumerate(metres):
            everybody[number] += passages(path, ends)
            if len(path) and is_doubtful(path, ends):
                doubtful[number].add(identity)
            else:
                expected[number] += passages(path, ends)
    lines = [Line(f"line {n}", tuple(a), tuple(b)) for n, (a, b) in enumerate(pixels.tolist(), 1)]
    return CountedStreet(size, lines, expected, everybody, doubtful, rendered)


def count(street, frames, margin=0.05):
    """In and out of each line [L, 2] as the product counts tracks: identities and corners of each frame."""
    counted = np.zeros((len(street.lines), 2), int)
    for number, line in enumerate(street.lines):
        crossings = Crossings(line, street.size, margin)
        left_out = list(street.doubtful[number])
        for ids, boxes in frames:
            known = ~np.isin(ids, left_out)
            ids, boxes = np.asarray(ids, np.int64)[known], boxes[known]
            points = counted_points(boxes, street.size, "feet")
            crossed = crossings.update(ids, points, boxes[:, 3] - boxes[:, 1])
            counted[number] += [(crossed == 1).sum(), (crossed == -1).sum()]
    return counted
