"""How people walk: joint angles over a stride, and the bones that follow from them.

The angles are those of normal level walking as textbooks of gait analysis plot them (hip, knee and ankle in the
sagittal plane, per cent of the cycle from heel strike).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray

STRIDE_M = 1.42
"""Metres that a person 1.75 m tall walks in one cycle, two steps, at an easy pace."""

_CYCLE = np.linspace(0, 1, 21)
_HIP = [29, 28, 26, 22, 17, 12, 6, 1, -3, -7, -10, -10, -6, 2, 12, 21, 28, 32, 32, 30, 29]
_KNEE = [4, 10, 16, 18, 17, 14, 11, 8, 6, 6, 10, 20, 36, 52, 61, 60, 48, 30, 13, 4, 4]
_ANKLE = [0, -5, -4, 0, 3, 5, 7, 9, 10, 8, 2, -9, -17, -14, -8, -3, 0, 1, 1, 0, 0]

_THIGH, _SHIN, _UPPER_ARM, _FOREARM = 0.435, 0.42, 0.30, 0.26
_SOLE = 0.075  # from the ankle down to the ground


@dataclass(frozen=True, slots=True)
class Posture:
    """How a person holds arms and trunk."""

    arm_swing: float = 1.0
    """1 is normal; 0 for hands in pockets."""
    elbows: tuple[float, float] = (14.0, 14.0)
    """Bend of the left and right elbow at rest, degrees."""
    shoulders: tuple[float, float] = (0.0, 0.0)
    """Forward lift of the left and right upper arm, degrees."""
    lean: float = 3.0
    """Forward lean of the trunk, degrees."""
    spread: float = 7.0
    """Angle of the arms away from the body, degrees."""


def _at(left: float, up: float, forward: float) -> NDArray[np.float64]:
    return np.array([left, up, forward])


def _cyclic(table: list[int], phase: float) -> float:
    return math.radians(float(np.interp(phase % 1.0, _CYCLE, table)))


def _leg(phase: float, amount: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]:
    """Return knee, ankle, heel and toe relative to the hip (up, forward), and the lowest height of the foot."""
    hip, knee, ankle = (_cyclic(table, phase) * amount for table in (_HIP, _KNEE, _ANKLE))
    knee += math.radians(3)
    shin = hip - knee
    knee_at = np.array([-math.cos(hip), math.sin(hip)]) * _THIGH
    ankle_at = knee_at + np.array([-math.cos(shin), math.sin(shin)]) * _SHIN
    pitch = shin + ankle + math.radians(3) * amount
    forward = np.array([math.sin(pitch), math.cos(pitch)])
    down = np.array([-math.cos(pitch), math.sin(pitch)])
    heel = ankle_at - 0.065 * forward + (_SOLE - 0.045) * down
    toe = ankle_at + 0.185 * forward + (_SOLE - 0.045) * down
    lowest = min((ankle_at + _SOLE * down - 0.065 * forward)[0], (ankle_at + _SOLE * down + 0.17 * forward)[0])
    return knee_at, ankle_at, heel, toe, float(lowest)


def bones(
    phase: float, amount: float, posture: Posture, heading: float, place: tuple[float, float], scale: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], float]:
    """Return where the bones are, and how far apart the knees are.

    Args:
        phase: place in the cycle, 1 is a whole stride.
        amount: 1 walks, 0 stands, between them steps are shorter.
        posture: arms and trunk.
        heading: radians, 0 along +z, a quarter turn along +x.
        place: x and z.
        scale: stature / 1.75 m.

    Returns:
        Starts, ends and side vectors [B, 3] in world metres, in the order of ``BONES``; and the distance between
        the knees in the direction of walking, metres.
    """
    left, right = _leg(phase, amount), _leg(phase + 0.5, amount)
    rise = -min(left[4], right[4])
    # Local coordinates are (left, up, forward).
    sway = 0.018 * math.sin(2 * math.pi * phase) * amount
    pelvis = np.array([sway, rise + 0.02, 0.0])
    twist = math.radians(6) * math.cos(2 * math.pi * phase) * amount
    lean = math.radians(posture.lean)
    trunk = np.array([0.0, math.cos(lean), math.sin(lean)])
    neck = pelvis + trunk * 0.53
    neck[0] *= 0.5
    across_hips = np.array([math.cos(twist), 0, -math.sin(twist)])
    across_shoulders = np.array([math.cos(twist), 0, math.sin(twist)])
    head_low = neck + np.array([0, 0.055, 0.022])
    head_top = head_low + np.array([0, 0.235, 0.012])
    side = np.array([1.0, 0, 0])
    rows = {
        "torso": (pelvis, neck, across_shoulders),
        "hips": (pelvis + _at(0, 0.07, 0), pelvis - _at(0, 0.12, 0), -across_hips),
        "neck": (neck - _at(0, 0.03, 0), head_low + _at(0, 0.05, 0.01), side),
        "head": (head_low, head_top, side),
        "bag": (pelvis + _at(0.225, 0.10, 0.02), pelvis + _at(0.235, -0.30, 0.02 + 0.05 * twist), -side),
        "hang": (pelvis + _at(0, 0.14, 0), pelvis - _at(0, 0.50, 0), -across_hips),
    }
    for name, sign, leg in (("left", 1.0, left), ("right", -1.0, right)):
        hip = pelvis + across_hips * (0.088 * sign) - _at(0, 0.02, 0)
        knee = hip + _at(0, *leg[0])
        ankle, heel = hip + _at(-0.02 * sign, *leg[1]), hip + _at(-0.02 * sign, *leg[2])
        toe = hip + _at(0.015 * sign, *leg[3])
        rows[f"{name}_thigh"] = (hip, knee, -side)
        rows[f"{name}_shin"] = (knee, ankle, -side)
        rows[f"{name}_foot"] = (heel, toe, -side)
    for name, sign, index, shift in (("left", 1.0, 0, 0.5), ("right", -1.0, 1, 0.0)):
        # An arm swings with the leg of the other side.
        swing = _cyclic(_HIP, phase + shift) * amount * posture.arm_swing * 0.85
        upper = swing - math.radians(7) * amount * posture.arm_swing + math.radians(posture.shoulders[index])
        elbow = math.radians(posture.elbows[index]) + max(swing, 0) * 0.7
        out = math.radians(posture.spread) * sign
        shoulder = neck - trunk * 0.085 + across_shoulders * (0.172 * sign)
        elbow_at = shoulder + _UPPER_ARM * np.array([math.sin(out), -math.cos(upper), math.sin(upper)])
        bent = upper + elbow
        wrist = elbow_at + _FOREARM * np.array([-0.06 * sign, -math.cos(bent), math.sin(bent)])
        hand = wrist + 0.17 * np.array([-0.05 * sign, -math.cos(bent + 0.15), math.sin(bent + 0.15)])
        rows[f"{name}_upper"] = (shoulder, elbow_at, -side)
        rows[f"{name}_fore"] = (elbow_at, wrist, -side)
        rows[f"{name}_hand"] = (wrist, hand, np.array([-0.3, 0, 0.95]))
        rows[f"{name}_carry"] = (hand - _at(0, 0.02, 0), hand - _at(0, 0.42, 0), np.array([0.1, 0, -1.0]))
    local = np.array([rows[name] for name in BONES])
    sine, cosine = math.sin(heading), math.cos(heading)
    basis = np.array([[-cosine, 0, sine], [0, 1, 0], [sine, 0, cosine]])  # left, up, forward in the world
    world = local @ basis
    world[:, :2] = world[:, :2] * scale + np.array([place[0], 0.0, place[1]])
    gap = abs(float(left[0][1] - right[0][1])) * scale
    world = world.astype(np.float32)
    return world[:, 0], world[:, 1], world[:, 2], gap


BONES = (
    "torso", "hips", "neck", "head", "bag", "hang",
    "left_thigh", "left_shin", "left_foot", "right_thigh", "right_shin", "right_foot",
    "left_upper", "left_fore", "left_hand", "left_carry", "right_upper", "right_fore", "right_hand", "right_carry",
)  # fmt: skip
