"""A street with people, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fairmot.errors import InputError
from fairmot.street.body import Walker
from fairmot.street.compose import Finish, StreetFrame, compose_frame
from fairmot.street.routes import Route, choose_routes
from fairmot.street.scene import Scene, build_scene

CAMERA_HEIGHT_M = (2.3, 5.0)
"""Default heights of the camera, metres: above the heads, below a surveillance camera."""

MOST_PEOPLE = 200


def render_street(
    people: int = 12,
    frames: int = 250,
    seed: int = 0,
    size: tuple[int, int] = (960, 540),
    frame_rate: float = 25,
    camera_height: tuple[float, float] = CAMERA_HEIGHT_M,
) -> Iterator[StreetFrame]:
    """Render a street with people, frame by frame.

    The same arguments give the same pixels on the same machine. Each seed is a street of its own: plan, camera,
    weather, houses and people differ.

    Args:
        people: identities in the whole sequence; each is in view at some time.
        frames: length of the sequence.
        seed: a whole number from 0.
        size: width and height of the image, pixels.
        frame_rate: frames a second.
        camera_height: lowest and highest place of the camera, metres, inside 1.2 to 15; about 1.5 is eye level, 6 to
            10 is the view of a surveillance camera. Twice the same number fixes it.

    Raises:
        InputError: an argument is out of range; raised by the call, not by the first frame.
    """
    check_arguments(people, frames, seed, size, frame_rate, camera_height)
    return _frames(people, frames, seed, size, frame_rate, camera_height)


def check_arguments(
    people: int,
    frames: int,
    seed: int,
    size: tuple[int, int],
    frame_rate: float,
    camera_height: tuple[float, float],
) -> None:
    """Raise ``InputError`` for arguments that cannot be rendered."""
    low, high = camera_height
    for good, problem in (
        (1 <= people <= MOST_PEOPLE, f"people: {people} cannot be rendered, choose 1 to {MOST_PEOPLE}"),
        (frames >= 1, f"frames: {frames} is no length, choose 1 or more"),
        (seed >= 0, f"seed: {seed} is negative, choose a whole number from 0"),
        (min(size) >= 128 and max(size) <= 4096, f"size: {size[0]} x {size[1]} px, choose sides from 128 to 4096"),
        (0 < frame_rate <= 1000, f"frame rate: {frame_rate} frames/s, choose more than 0 and at most 1000"),
        (1.2 <= low <= high <= 15, f"camera height: {low} to {high} m, choose a range inside 1.2 to 15"),
    ):
        if not good:
            raise InputError(problem)


def _frames(
    people: int,
    frames: int,
    seed: int,
    size: tuple[int, int],
    frame_rate: float,
    camera_height: tuple[float, float],
) -> Iterator[StreetFrame]:
    scene = build_scene(seed, size, camera_height)
    crowd = cast_crowd(scene, people, frames, seed, frame_rate)
    finish = Finish(size, seed)
    for index in range(frames):
        yield compose_frame(scene, crowd, index, finish)


def cast_crowd(scene: Scene, people: int, frames: int, seed: int, frame_rate: float) -> list[tuple[Walker, Route]]:
    """Choose the people of a scene and their routes."""
    rng = np.random.default_rng([seed, 2, people])
    walkers = [Walker(rng) for _ in range(people)]
    props = [prop for prop, _ in scene.props]
    routes = choose_routes(rng, scene.layout, scene.camera, props, people, frames, frame_rate)
    return list(zip(walkers, routes, strict=True))
