"""Things that stand on the street and hide people: cars, trees, lamp posts, bollards, bins, benches, planters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairmot.geometry import FloatArray
from fairmot.street.colour import linear, pick
from fairmot.street.mesh import Faces, box_faces, tube_faces, tube_vertices

_PAINT = "#b9bcbf #2b2d30 #e4e4e2 #8c1f22 #1f3a63 #5c6166 #3a5a4a #c7b28a #7d8790 #a8431f #d6d8d9 #26364a"
_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing, the box on the ground that it keeps free of people, and the bodies that cast its shadow."""

    faces: Faces
    low: tuple[float, float]
    """x and z of the footprint's lower corner, metres."""
    high: tuple[float, float]
    shadow_bodies: tuple[FloatArray, ...]
    """Points [N, 3] of convex bodies."""

    @property
    def centre(self) -> tuple[float, float]:
        """X and z in metres."""
        return (self.low[0] + self.high[0]) / 2, (self.low[1] + self.high[1]) / 2

    def hides(self, x: float, z: float, camera_x: float, camera_z: float) -> bool:
        """Whether the thing is in front of a person at x, z: an edge line of the footprint separates the two."""
        for place, low, high, eye in (
            (x, self.low[0], self.high[0], camera_x),
            (z, self.low[1], self.high[1], camera_z),
        ):
            if place >= high:
                return eye <= high
            if place <= low:
                return eye >= low
        return False


def _tube(
    start: FloatArray,
    end: FloatArray,
    side: FloatArray,
    rings: list[tuple[float, float, float, float]],
    albedo: FloatArray,
    segments: int,
    power: float = 2.0,
) -> tuple[Faces, FloatArray]:
    """One tube; a ring is (along, half width, half depth, shift). Returns its faces and its vertices [N, 3]."""
    along, wide, deep, shift = (np.array(column)[None] for column in zip(*rings, strict=True))
    vertices = tube_vertices(start[None], end[None], side[None], along, wide, deep, shift, np.array([power]), segments)
    colours = np.broadcast_to(albedo, (1, len(rings) - 1, segments, 3))
    return tube_faces(vertices, colours), vertices.reshape(-1, 3)


def _post(
    x: float, z: float, height: float, radii: tuple[float, float], albedo: FloatArray
) -> tuple[Faces, FloatArray]:
    rings = [(0.0, radii[0], radii[0], 0.0), (1.0, radii[1], radii[1], 0.0), (1.0, 0.0, 0.0, 0.0)]
    start = np.array([x, 0.0, z])
    return _tube(start, start + _UP * height, np.array([1.0, 0, 0]), rings, albedo, 10)


def car(rng: np.random.Generator, x: float, z: float, heading: int) -> Prop:
    """Return a parked car; ``heading`` 1 points along +x, -1 along -x."""
    length, width = rng.uniform(3.9, 4.7), rng.uniform(0.83, 0.92)
    roof = rng.uniform(1.42, 1.68)
    estate = rng.random() < 0.5
    colour = linear(pick(rng, _PAINT))
    start, end = np.array([x - heading * length / 2, 0, z]), np.array([x + heading * length / 2, 0, z])
    side = np.array([0.0, 0.0, -float(heading)])
    # Stations from tail to nose: along, half width, half height; the shift is the height of the ring's centre.
    body = [(0.0, 0.0, 0.0, 0.62), (0.0, 0.86, 0.24, 0.62), (0.03, 0.96, 0.31, 0.60), (0.16, 1.0, 0.35, 0.60)]
    body += [(0.5, 1.0, 0.34, 0.58), (0.72, 1.0, 0.33, 0.57), (0.9, 0.96, 0.27, 0.53), (0.98, 0.86, 0.2, 0.49)]
    body += [(1.0, 0.74, 0.14, 0.48), (1.0, 0.0, 0.0, 0.48)]
    rear = 0.02 if estate else 0.13
    rise = (roof - 0.9) / 2
    cabin = [(rear, 0.0, 0.0, 0.9), (rear, 0.84, 0.04, 0.9), (rear + 0.09, 0.8, rise, 0.88 + rise)]
    cabin += [(0.4, 0.8, rise + 0.02, 0.89 + rise), (0.55, 0.79, rise, 0.88 + rise), (0.72, 0.86, 0.04, 0.9)]
    cabin += [(0.72, 0.0, 0.0, 0.9)]
    parts, bodies = [], []
    for rings, power, name in ((body, 4.5, "body"), (cabin, 3.6, "cabin")):
        rows = [(t, w * width, d, s) for t, w, d, s in rings]
        faces, points = _tube(start, end, side, rows, colour, 32, power)
        albedo = np.array(faces.albedo)
        if name == "cabin":
            glass = (faces.normals[:, 1] < 0.86) & (
                np.abs(faces.corners[..., 1].mean(axis=1) - 0.9 - rise) < rise * 0.86
            )
            albedo[glass] = linear("#2b333a")
            sloping = glass & (np.abs(faces.normals[:, 0]) > 0.3)
            albedo[sloping] = linear("#4b5a66")
        else:
            low = faces.corners[..., 1].max(axis=1) < 0.42
            albedo[low] = linear("#1c1d1f")
            facing = faces.normals[:, 0] * heading
            middle = faces.corners[..., 1].mean(axis=1)
            aside = np.abs(faces.corners[..., 2].mean(axis=1) - z) > 0.45 * width
            albedo[(facing < -0.5) & aside & (middle > 0.6)] = linear("#a31d1a")
            albedo[(facing > 0.4) & aside & (middle > 0.46) & (middle < 0.62)] = linear("#f4f1e6")
        parts.append(Faces(faces.vertices, faces.index, albedo, faces.normals, faces.nearer))
        bodies.append(points)
    for along in (-0.31, 0.31):
        for across in (-1, 1):
            hub = np.array([x + along * length, 0.33, z + across * (width - 0.16)])
            outward = np.array([0.0, 0.0, 0.2 * across])
            rings = [(0.0, 0.33, 0.33, 0.0), (1.0, 0.33, 0.33, 0.0), (1.01, 0.2, 0.2, 0.0)]
            parts.append(_tube(hub, hub + outward, np.array([1.0, 0, 0]), rings, linear("#202122"), 20)[0])
            rings = [(1.01, 0.21, 0.21, 0.0), (1.06, 0.1, 0.1, 0.0), (1.06, 0.0, 0.0, 0.0)]
            parts.append(_tube(hub, hub + outward, np.array([1.0, 0, 0]), rings, linear("#9b9ea1"), 20)[0])
    low, high = (x - length / 2, z - width), (x + length / 2, z + width)
    return Prop(Faces.join(parts), low, high, tuple(bodies))


def tree(rng: np.random.Generator, x: float, z: float) -> Prop:
    """Return a street tree: trunk, branches, and leaves in clusters."""
    height = rng.uniform(5.0, 8.0)
    crown = rng.uniform(1.3, 2.1)
    bark = linear(pick(rng, "#4a3f36 #5a5047 #3f3a35"))
    fork = height - crown * rng.uniform(1.5, 2.0)
    parts, bodies = [], []
    faces, points = _post(x, z, fork + 0.6, (rng.uniform(0.11, 0.17), 0.07), bark)
    parts.append(faces)
    bodies.append(points)
    count = int(rng.integers(9, 14))
    centres = np.array([x, fork + crown, z]) + rng.normal(0, 1, (count, 3)) * [crown * 0.5, crown * 0.42, crown * 0.5]
    start = np.array([x, fork, z])
    for centre in centres[:6]:
        rings = [(0.0, 0.06, 0.06, 0.0), (1.0, 0.015, 0.015, 0.0)]
        parts.append(_tube(start, centre, np.array([0.3, 0.1, 0.9]), rings, bark, 6)[0])
    leaves = int(300 * crown)
    out = rng.normal(0, 1, (count, leaves, 3))
    out /= np.linalg.norm(out, axis=-1, keepdims=True)
    radii = crown * 0.55 * rng.uniform(0.35, 1.0, (count, leaves, 1)) ** 0.5
    places = (centres[:, None] + out * radii).reshape(-1, 3)
    first = rng.normal(0, 1, places.shape)
    second = np.cross(first, rng.normal(0, 1, places.shape))
    size = rng.uniform(0.05, 0.115, (len(places), 1))
    first *= size / np.linalg.norm(first, axis=-1, keepdims=True)
    second *= 0.7 * size / np.linalg.norm(second, axis=-1, keepdims=True)
    corners = np.stack([places - first, places + second, places + first, places - second], axis=1)
    green = linear(pick(rng, "#5d7a3a #4f6b35 #6f8a42 #7a8a3a #8a7a34 #58703f"))
    deep = np.clip(np.linalg.norm(places - centres.mean(axis=0), axis=-1, keepdims=True) / (crown * 1.1), 0.35, 1.15)
    albedo = green * deep * rng.uniform(0.7, 1.3, (len(places), 1)) * rng.uniform(0.92, 1.08, (len(places), 3))
    normals = places - centres.mean(axis=0) + out.reshape(-1, 3) * 0.6 + _UP * 0.3
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    # Leaves are seen from both sides: those that turn away are kept by pointing their normals at the crown's outside.
    parts.append(Faces.separate(corners, np.clip(albedo, 0, 1), normals))
    ball = rng.normal(0, 1, (40, 3))
    ball /= np.linalg.norm(ball, axis=-1, keepdims=True)
    bodies += [centre + ball * crown * 0.5 for centre in centres]
    return Prop(Faces.join(parts), (x - 0.2, z - 0.2), (x + 0.2, z + 0.2), tuple(bodies))


def lamp(rng: np.random.Generator, x: float, z: float, towards: float) -> Prop:
    """Return a lamp post; its arm reaches across in the direction ``towards`` (1 or -1) of z."""
    iron = linear(pick(rng, "#3b4145 #2f3a36 #5c6166"))
    height = rng.uniform(4.6, 6.5)
    parts = [_post(x, z, height, (0.075, 0.05), iron), _post(x, z, 0.9, (0.12, 0.1), iron)]
    top = np.array([x, height, z])
    reach = np.array([0, 0.25, 1.1 * towards])
    rings = [(0.0, 0.035, 0.035, 0.0), (1.0, 0.03, 0.03, 0.0)]
    parts.append(_tube(top, top + reach, np.array([1.0, 0, 0]), rings, iron, 8))
    head = box_faces(top + reach - [0.14, 0.08, 0.3], top + reach + [0.14, 0.05, 0.3], linear("#b9bcb8"))
    shadows = tuple(points for _, points in parts)
    return Prop(Faces.join([faces for faces, _ in parts] + [head]), (x - 0.15, z - 0.15), (x + 0.15, z + 0.15), shadows)


def bollard(rng: np.random.Generator, x: float, z: float) -> Prop:
    """Return a knee-high post with a light band."""
    iron = linear("#35393c") if rng.random() < 0.7 else linear("#8a8d8c")
    faces, points = _post(x, z, 0.95, (0.075, 0.065), iron)
    start = np.array([x, 0.72, z])
    band, _ = _tube(
        start, start + _UP * 0.12, np.array([1.0, 0, 0]), [(0.0, 0.074, 0.074, 0.0), (1.0, 0.073, 0.073, 0.0)],
        linear("#d9d9d4"), 10,
    )  # fmt: skip
    return Prop(Faces.join([faces, band]), (x - 0.1, z - 0.1), (x + 0.1, z + 0.1), (points,))


def bin_(rng: np.random.Generator, x: float, z: float) -> Prop:
    """Return a litter bin."""
    colour = linear(pick(rng, "#3f5a45 #b5562a #4a4d50 #2f4a66"))
    rings = [(0.0, 0.19, 0.19, 0.0), (0.85, 0.23, 0.23, 0.0), (0.87, 0.25, 0.25, 0.0), (1.0, 0.2, 0.2, 0.0)]
    rings.append((1.02, 0.0, 0.0, 0.0))
    start = np.array([x, 0.0, z])
    faces, points = _tube(start, start + _UP * 0.95, np.array([1.0, 0, 0]), rings, colour, 16)
    return Prop(faces, (x - 0.25, z - 0.25), (x + 0.25, z + 0.25), (points,))


def bench(rng: np.random.Generator, x: float, z: float, back: float) -> Prop:
    """Return a bench along the street whose back is on the side ``back`` (1 or -1) of z."""
    wood = linear(pick(rng, "#7a5a3c #6b4a30 #8a6a48"))
    boxes = [((-0.8, 0.42, -0.24 + 0.17 * k), (0.8, 0.46, -0.1 + 0.17 * k)) for k in range(3)]
    boxes += [((-0.8, h, back * 0.27 - 0.02), (0.8, h + 0.12, back * 0.27 + 0.02)) for h in (0.56, 0.74)]
    iron = [((side - 0.03, 0, -0.24), (side + 0.03, 0.42, 0.28)) for side in (-0.62, 0.62)]
    place = np.array([x, 0, z])
    parts = [box_faces(place + low, place + high, wood) for low, high in boxes]
    parts += [box_faces(place + low, place + high, linear("#33373a")) for low, high in iron]
    shadows = tuple(part.corners.reshape(-1, 3) for part in parts)
    return Prop(Faces.join(parts), (x - 0.85, z - 0.35), (x + 0.85, z + 0.35), shadows)


def planter(rng: np.random.Generator, x: float, z: float) -> Prop:
    """Return a box of shrubs."""
    half = rng.uniform(0.35, 0.6)
    stone = linear(pick(rng, "#8f8c86 #6f6a62 #a39a8c #5b4a3c"))
    place = np.array([x, 0.0, z])
    trough = box_faces(place - np.array([half, 0, 0.35]), place + np.array([half, 0.5, 0.35]), stone)
    count = 420
    out = np.clip(rng.normal(0, 1, (count, 3)), -1.7, 1.7) * [half * 0.5, 0.16, 0.2]
    places = place + _UP * 0.66 + out
    first = rng.normal(0, 0.05, (count, 3))
    second = np.cross(first, rng.normal(0, 1, (count, 3)))
    second *= 0.04 / np.maximum(np.linalg.norm(second, axis=-1, keepdims=True), 1e-6)
    corners = np.stack([places - first, places + second, places + first, places - second], axis=1)
    normals = out + _UP * 0.15
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    albedo = linear("#587a3c") * rng.uniform(0.5, 1.4, (count, 1))
    blossom = rng.random(count) < 0.12
    albedo[blossom] = linear(pick(rng, "#c9384a #e0b83a #d98ab0 #e8e4dc"))
    leaves = Faces.separate(corners, albedo, normals)
    ball = place + [0, 0.7, 0] + rng.normal(0, 1, (30, 3)) * [half * 0.45, 0.15, 0.18]
    shadows = (trough.corners.reshape(-1, 3), ball)
    return Prop(Faces.join([trough, leaves]), (x - half, z - 0.35), (x + half, z + 0.35), shadows)
