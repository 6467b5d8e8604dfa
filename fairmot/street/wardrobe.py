"""Clothes, hair and skin of people, chosen once for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairmot.street.colour import linear, pick

_SKIN = "#f0cfb4 #e3b894 #d3a17a #b5835a #8d5f3f #5f3f2c #e8c3a6 #c99873"
_HAIR = "#17130f #2a1d14 #3f2a1a #5d3f24 #8a6238 #b58d55 #8c8a86 #c9c6c0 #6e3218"
_TOPS = (
    "#1d1f24 #26282c #2c3446 #1f3a5f #3c3f45 #6b6e73 #a9abad #e8e6e0 #f0efe9 #7a1f24 #b3262b #d24a2e #e0b23a #2f5a3c "
    "#5d7a4a #2f7f86 #4a86b8 #8fb4d6 #6a4a7d #c98aa4 #8a6242 #b89c74 #d8c7a4 #4a3a2e #e07f3a"
)
_TROUSERS = "#1a1b1e #22262e #2b3a55 #2f4668 #47607f #6d86a4 #4a4c4f #75716a #a8997c #3f3a2f #5a4a3a #c9c2b2 #2a2f2a"
_SHOES = "#161616 #1f1b18 #4a3424 #6a4a30 #d9d8d4 #efeeea #2d3a52 #7a2a2a #8a8a88"
_BAGS = "#1c1d20 #2a3b55 #6a4a30 #8a2f2f #3f5a45 #b58a4a #5d5f63 #d8d2c4"


@dataclass(frozen=True, slots=True)
class Outfit:
    """Appearance of one person; colours are linear BGR [3]."""

    feminine: bool
    skin: NDArray[np.float32]
    hair_colour: NDArray[np.float32]
    hair: str
    """``short``, ``long``, ``tail``, ``bun`` or ``none``."""
    beard: bool
    hat: str
    hat_colour: NDArray[np.float32]
    top: NDArray[np.float32]
    second: NDArray[np.float32]
    """Second colour of a pattern, or the shirt under an open jacket."""
    pattern: str
    """``plain``, ``stripes``, ``checks``, ``block``, ``jacket`` or ``print``."""
    sleeves: str
    """``long``, ``short`` or ``none``."""
    thickness: float
    """Thickness of the clothes on the upper body, metres."""
    trousers: NDArray[np.float32]
    legs: str
    """``long``, ``short`` or ``bare``."""
    looseness: float
    """Width of the trouser legs beyond the leg, metres."""
    shoes: NDArray[np.float32]
    coat: bool
    hem: float
    """Length of a skirt or coat below the waist, in units of 64 cm; 0: none."""
    flare: float
    hem_colour: NDArray[np.float32]
    carries: str
    """``nothing``, ``backpack``, ``shopping`` or ``handbag``."""
    bag: NDArray[np.float32]

    @classmethod
    def choose(cls, rng: np.random.Generator) -> Outfit:
        """Choose the outfit of one person."""
        feminine = bool(rng.random() < 0.5)
        top, trousers = linear(pick(rng, _TOPS)), linear(pick(rng, _TROUSERS))
        coat = rng.random() < 0.2
        skirt = feminine and not coat and rng.random() < 0.32
        shorts = not coat and not skirt and rng.random() < 0.14
        hats = ("none", "cap", "beanie", "brimmed")
        hat = hats[int(rng.choice(4, p=(0.78, 0.1, 0.06, 0.06)))]
        styles, weights = ("short", "long", "tail", "bun", "none"), (0.22, 0.4, 0.23, 0.15, 0.0)
        hair = styles[int(rng.choice(5, p=weights if feminine else (0.84, 0.05, 0.02, 0.01, 0.08)))]
        patterns = ("plain", "stripes", "checks", "block", "jacket", "print")
        pattern = patterns[int(rng.choice(6, p=(0.44, 0.12, 0.08, 0.08, 0.2, 0.08)))]
        if coat:
            pattern = "jacket" if rng.random() < 0.4 else "plain"
        sleeves = ("long", "short", "none")[int(rng.choice(3, p=(0.55, 0.4, 0.05)))]
        if coat or pattern == "jacket":
            sleeves = "long"
        bags = ("nothing", "backpack", "shopping", "handbag")
        return cls(
            feminine=feminine,
            skin=linear(pick(rng, _SKIN)),
            hair_colour=linear(pick(rng, _HAIR)),
            hair=hair,
            beard=bool(not feminine and rng.random() < 0.25),
            hat=hat,
            hat_colour=linear(pick(rng, _TOPS)),
            top=top,
            second=linear(pick(rng, _TOPS)),
            pattern=pattern,
            sleeves=sleeves,
            thickness=float(rng.uniform(0.012, 0.022) if coat or pattern == "jacket" else rng.uniform(0.003, 0.012)),
            trousers=trousers,
            legs="bare" if skirt and rng.random() < 0.6 else "short" if shorts else "long",
            looseness=0.004 if skirt else float(rng.uniform(0.004, 0.022)),
            shoes=linear(pick(rng, _SHOES)),
            coat=bool(coat),
            hem=float(rng.uniform(0.62, 1.05) if coat else rng.uniform(0.6, 1.2) if skirt else 0.0),
            flare=float(rng.uniform(0.01, 0.04) if coat else rng.uniform(0.02, 0.1)),
            hem_colour=top if coat or rng.random() < 0.3 else trousers,
            carries=bags[int(rng.choice(4, p=(0.55, 0.2, 0.1, 0.15)))],
            bag=linear(pick(rng, _BAGS)),
        )
