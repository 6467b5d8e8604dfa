"""The shapes of bodies, clothes, hair and bags: profiles of tubes around bones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairmot.street.wardrobe import Outfit


@dataclass(frozen=True, slots=True)
class Part:
    """A tube on a bone."""

    bone: str
    profile: NDArray[np.float64]
    """Rings [R, 4]: along the bone, half width, half depth, shift; metres at a stature of 1.75 m."""
    colour: str
    """Its colouring, a key of ``painting.py``."""
    power: float = 2.0
    nearer: float = 0.0
    """Metres by which it is drawn as if nearer to the camera, so that clothes hide what they cover."""
    loose: bool = False
    """Whether the hem widens with the stride: skirts and coats."""


def _rings(text: str) -> NDArray[np.float64]:
    return np.array([row.split() for row in text.split("|")], dtype=np.float64)


def _closed(rings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Close both ends of a tube with a ring of no size."""
    ends = rings[[0, -1]] * [1, 0, 0, 1]
    return np.concatenate([ends[:1], rings, ends[1:]])


def _tube(text: str) -> NDArray[np.float64]:
    """Rings ``along width depth shift``, closed at both ends."""
    return _closed(_rings(text))


def _limb(text: str, cloth: float) -> NDArray[np.float64]:
    """Round rings ``along radius shift cloth-factor``, closed at both ends."""
    along, radius, shift, factor = _rings(text).T
    radius = radius + cloth * factor
    return _closed(np.stack([along, radius, radius, shift], axis=1))


_HIPS = "0 .14 .10 0 | .45 .160 .115 .006 | .8 .155 .11 .008 | 1.05 .10 .085 0"
_THIGH = "-.06 .07 0 0 | .06 .09 0 .3 | .5 .076 0 .6 | .92 .058 0 1 | 1.03 .052 0 1"
_SHIN = "-.05 .05 0 1 | .22 .057 -.014 1 | .55 .047 -.008 1.25 | .86 .038 0 1.5 | .97 .037 0 1.6"
_FOOT = (
    "-.02 .026 .03 .012 | .1 .037 .046 .012 | .4 .039 .048 .012 | .68 .047 .032 -.006 | .95 .042 .023 -.014"
    " | 1.06 .024 .016 -.018"
)
_UPPER_ARM = "-.12 .03 0 1 | 0 .051 0 1 | .3 .05 0 1 | .75 .044 0 1 | 1.04 .04 0 1"
_FOREARM = "-.06 .038 0 1 | .25 .043 0 1 | .7 .035 0 1 | 1 .028 0 .8"
_HAND = "-.08 .024 .018 0 | .25 .038 .022 0 | .6 .04 .021 .006 | .9 .03 .018 .016 | 1.02 .016 .012 .02"
_TORSOS = {
    True: (
        "-.16 .172 .122 0 | .05 .165 .116 0 | .3 .13 .10 0 | .5 .142 .106 .012 | .68 .158 .122 .018 | .82 .165 .104 0"
        " | .91 .132 .084 -.006 | .97 .078 .068 -.004 | 1.03 .058 .055 0"
    ),
    False: (
        "-.16 .168 .122 0 | .05 .158 .115 .004 | .3 .15 .112 .006 | .5 .162 .117 .006 | .68 .178 .124 .006"
        " | .82 .188 .112 0 | .91 .15 .09 -.006 | .97 .085 .07 -.004 | 1.03 .06 .057 0"
    ),
}
_NECK = "-.3 .062 0 0 | .3 .055 0 0 | 1 .054 0 0"
_EGG = (
    "0 .030 .035 .030 | .08 .050 .062 .022 | .22 .065 .083 .010 | .4 .075 .096 .004 | .56 .080 .103 -.002"
    " | .72 .078 .101 -.006 | .86 .064 .083 -.008 | .95 .042 .054 -.008 | 1 .015 .02 -.008"
)
_HAIR = {
    "long": (
        ".92 .05 .04 -.05 | .6 .09 .054 -.062 | .2 .094 .048 -.066 | -.2 .098 .044 -.078 | -.6 .09 .036 -.098"
        " | -.78 .06 .02 -.1"
    ),
    "tail": ".72 .02 .03 -.1 | .6 .034 .04 -.135 | .2 .03 .032 -.14 | -.3 .02 .02 -.13 | -.5 .008 .008 -.125",
    "bun": ".98 .02 .02 -.085 | .9 .046 .046 -.1 | .76 .048 .048 -.105 | .66 .024 .024 -.1",
}
_PEAK = ".70 .066 .06 .075 | .68 .07 .075 .085 | .66 .07 .075 .085"
_BRIMMED = "1.14 .05 .06 0 | 1.12 .08 .098 0 | .88 .092 .11 0 | .86 .15 .165 0 | .82 .152 .168 0"
_BAGS = {
    "backpack": (
        "torso",
        ".22 .10 .05 -.17 | .26 .135 .085 -.185 | .5 .142 .095 -.19 | .75 .132 .078 -.18 | .86 .09 .04 -.155",
    ),
    "shopping": ("right_carry", "0 .03 .012 0 | .22 .115 .03 0 | .25 .135 .055 0 | .95 .135 .06 0"),
    "handbag": ("bag", "0 .03 .07 0 | .05 .045 .13 0 | .6 .055 .145 0 | .72 .04 .13 0"),
}


def body_parts(outfit: Outfit) -> list[Part]:
    """Return the body from the ground up, then what is worn over it; the feet are parts 3 and 6."""
    parts = [Part("hips", _tube(_HIPS), "legs_top", 2.3)]
    for side in ("left", "right"):
        parts += [
            Part(f"{side}_thigh", _limb(_THIGH, outfit.looseness), "thigh"),
            Part(f"{side}_shin", _limb(_SHIN, outfit.looseness), "shin", nearer=-0.01),
            Part(f"{side}_foot", _tube(_FOOT), "shoe", 2.5),
        ]
    torso = _rings(_TORSOS[outfit.feminine])
    torso[:-2, 1:3] += outfit.thickness
    parts.append(Part("torso", _closed(torso), "top", 2.3, nearer=0.09))
    for side in ("left", "right"):
        parts += [
            Part(f"{side}_upper", _limb(_UPPER_ARM, outfit.thickness), "sleeve_upper", nearer=0.12),
            Part(f"{side}_fore", _limb(_FOREARM, outfit.thickness), "sleeve_fore", nearer=0.12),
            Part(f"{side}_hand", _tube(_HAND), "hand", nearer=0.11),
        ]
    parts.append(Part("neck", _limb(_NECK, 0.0), "neck"))
    parts.append(Part("head", _head(1.0, 0.0), "head"))
    return parts + _hair_and_hat(outfit) + _worn_over(outfit)


def _head(size: float, lift: float) -> NDArray[np.float64]:
    """An egg with a chin; ``size`` scales its rings, ``lift`` shifts them along the bone."""
    egg = _rings(_EGG)
    egg[:, 0] = 0.5 + (egg[:, 0] - 0.5) * size + lift
    egg[:, 1:3] *= size
    return _closed(egg)


def _hair_and_hat(outfit: Outfit) -> list[Part]:
    parts = []
    if outfit.hair != "none":
        parts.append(Part("head", _head(1.11, 0.012), "hair", nearer=0.01))
    if outfit.hair in _HAIR:
        parts.append(Part("head", _tube(_HAIR[outfit.hair]), "strands"))
    if outfit.hat == "cap":
        parts.append(Part("head", _head(1.15, 0.03), "hat", nearer=0.02))
        parts.append(Part("head", _tube(_PEAK), "brim", nearer=0.02))
    if outfit.hat == "beanie":
        parts.append(Part("head", _head(1.2, 0.05), "hat", nearer=0.02))
    if outfit.hat == "brimmed":
        parts.append(Part("head", _tube(_BRIMMED), "brim", nearer=0.02))
    return parts


def _worn_over(outfit: Outfit) -> list[Part]:
    """Skirts, coats and bags."""
    parts = []
    if outfit.hem > 0:
        wide, deep = (0.16, 0.12) if outfit.feminine else (0.168, 0.125)
        flare, hem = outfit.flare, outfit.hem
        rings = np.array(
            [
                [0.0, wide - 0.012, deep - 0.01, 0.0],
                [0.25, wide + 0.02, deep + 0.016, 0.0],
                [0.125 + 0.5 * hem, wide + 0.026 + 0.5 * flare, deep + 0.024 + 0.45 * flare, 0.0],
                [hem, wide + 0.028 + flare, deep + 0.026 + 0.8 * flare, 0.0],
            ]
        )
        parts.append(Part("hang", _closed(rings), "hang", 2.2, nearer=0.10 if outfit.coat else 0.05, loose=True))
    if outfit.carries in _BAGS:
        bone, profile = _BAGS[outfit.carries]
        parts.append(Part(bone, _tube(profile), "bag", 3.4, nearer=0.10 if bone == "torso" else 0.12))
    return parts
