"""Bodies and clothes: a person is a set of tubes around bones, with colours that stay the same in all frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray
from fairmot.street.anatomy import body_parts
from fairmot.street.gait import BONES, STRIDE_M, Posture, bones
from fairmot.street.mesh import Faces, tube_faces, tube_vertices
from fairmot.street.painting import colour_parts
from fairmot.street.wardrobe import Outfit

DETAILS = ((6, 10), (8, 14), (13, 24))
"""Rings and segments of a tube, coarse to fine; see ``Walker.faces``."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The arrays of all parts at one level of detail."""

    bone: NDArray[np.int64]
    along: FloatArray
    wide: FloatArray
    deep: FloatArray
    shift: FloatArray
    power: FloatArray
    loose: NDArray[np.bool_]
    albedo: FloatArray
    keep: NDArray[np.bool_]
    nearer: FloatArray


class Walker:
    """A person with a build, clothes and a way of walking; each call gives the pose."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.outfit = Outfit.choose(rng)
        self.scale = float(np.clip(rng.normal(1.69 if self.outfit.feminine else 1.79, 0.07), 1.5, 2.0)) / 1.75
        self.girth = float(np.clip(rng.normal(1.0, 0.09), 0.84, 1.3))
        self.posture = _choose_posture(rng, self.outfit)
        self.phase = float(rng.random())
        self._grain_seed = int(rng.integers(2**31))
        self._parts = tuple(body_parts(self.outfit))
        self._prepared: dict[int, _Prepared] = {}

    @property
    def stature(self) -> float:
        """Metres, without hat and heels."""
        return 1.75 * self.scale

    def faces(
        self, walked: float, amount: float, heading: float, place: tuple[float, float], detail: int
    ) -> tuple[Faces, FloatArray]:
        """Return the faces of the body in a pose, and points of its convex parts [P, N, 3] for the shadow.

        Args:
            walked: metres walked so far; drives the stride.
            amount: 1 walks, 0 stands.
            heading: radians, 0 along +z.
            place: x and z on the ground.
            detail: index into ``DETAILS``.
        """
        if detail not in self._prepared:
            self._prepared[detail] = self._prepare(*DETAILS[detail])
        kit = self._prepared[detail]
        phase = self.phase + walked / (STRIDE_M * self.scale)
        starts, ends, sides, gap = bones(phase, amount, self.posture, heading, place, self.scale)
        deep = kit.deep
        if kit.loose.any():
            hem = np.clip(kit.along, 0, 1) * kit.loose[:, None]
            deep = deep + hem * 0.42 * gap
        vertices = tube_vertices(
            starts[kit.bone], ends[kit.bone], sides[kit.bone], kit.along, kit.wide, deep, kit.shift, kit.power,
            DETAILS[detail][1],
        )  # fmt: skip
        bodies = vertices[:, ::2, :: detail + 1]
        return tube_faces(vertices, kit.albedo, kit.keep, kit.nearer), bodies.reshape(len(bodies), -1, 3)

    def _prepare(self, rings: int, segments: int) -> _Prepared:
        columns: list[list[FloatArray]] = [[], [], [], []]
        for part in self._parts:
            profile = np.array(part.profile)
            knots = np.linspace(0, 1, len(profile))
            wanted = np.linspace(0, 1, rings)
            girth = self.scale * (self.girth if part.bone not in ("head", "neck") else 1.0)
            for index, factor in enumerate((1.0, girth, girth, self.scale)):
                columns[index].append(np.interp(wanted, knots, profile[:, index]) * factor)
        along, wide, deep, shift = (np.array(column, dtype=np.float32) for column in columns)
        rng = np.random.default_rng(self._grain_seed)
        albedo, keep = colour_parts(rng, self.outfit, [part.colour for part in self._parts], along, segments)
        return _Prepared(
            bone=np.array([BONES.index(part.bone) for part in self._parts]),
            along=along,
            wide=wide,
            deep=deep,
            shift=shift,
            power=np.array([part.power for part in self._parts], dtype=np.float32),
            loose=np.array([part.loose for part in self._parts]),
            albedo=albedo.astype(np.float32),
            keep=keep,
            nearer=np.array([part.nearer for part in self._parts], dtype=np.float32),
        )


def _choose_posture(rng: np.random.Generator, outfit: Outfit) -> Posture:
    kind = ("swing", "pockets", "phone", "bag")[int(rng.choice(4, p=(0.62, 0.14, 0.12, 0.12)))]
    lean = float(rng.uniform(0, 6))
    if outfit.carries == "shopping" or kind == "bag":
        return Posture(0.4, (10.0, 8.0), (0.0, 0.0), lean, 8.0)
    if kind == "pockets":
        return Posture(0.15, (38.0, 38.0), (-14.0, -14.0), lean, 11.0)
    if kind == "phone":
        return Posture(0.5, (14.0, 105.0), (0.0, 18.0), lean + 3, 8.0)
    return Posture(float(rng.uniform(0.7, 1.25)), (16.0, 16.0), (0.0, 0.0), lean, float(rng.uniform(4, 9)))


def detail_for(height_px: float) -> int:
    """Return the level of detail for a person of this height in the image."""
    return 0 if height_px < 100 else 1 if height_px < 250 else 2
