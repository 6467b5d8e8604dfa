"""Colours and noise: light adds up in linear values, images store encoded ones."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import FloatArray, ImageArray

GAMMA = 2.2
_STEPS = 4096
_DECODE: NDArray[np.float32] = ((np.arange(256) / 255) ** GAMMA).astype(np.float32)


def _encoding_curve() -> NDArray[np.uint8]:
    """The image value of each linear value in 0..2; values above 0.8 are compressed as film does."""
    light = np.arange(_STEPS) / (_STEPS - 1) * 2
    knee = 0.8
    pressed = np.where(light > knee, knee + (1 - knee) * (1 - np.exp(-(light - knee) / (1 - knee) * 0.8)), light)
    return np.asarray(np.rint(255 * np.clip(pressed, 0, 1) ** (1 / GAMMA)), dtype=np.uint8)


_ENCODE = _encoding_curve()


def decode(image: ImageArray) -> NDArray[np.float32]:
    """Return the linear values 0..1 of an image."""
    return _DECODE[image]


def encode(light: FloatArray) -> ImageArray:
    """Return the image, uint8, of linear values."""
    return _ENCODE[(np.clip(light, 0, 2) * ((_STEPS - 1) / 2)).astype(np.int16)]


def linear(hexadecimal: str) -> NDArray[np.float32]:
    """Return the linear BGR values [3] of ``"#rrggbb"``."""
    return _DECODE[list(bytes.fromhex(hexadecimal[1:]))[::-1]]


def bgr(hexadecimal: str) -> NDArray[np.float32]:
    """Return the image values BGR [3], 0..255, of ``"#rrggbb"``."""
    return np.array(list(bytes.fromhex(hexadecimal[1:]))[::-1], dtype=np.float32)


def paint(colour: FloatArray, factor: float = 1.0) -> tuple[int, int, int]:
    """Return an image colour as OpenCV's drawing functions want it, made darker or brighter by ``factor``."""
    blue, green, red = np.clip(np.asarray(colour) * factor, 0, 255).astype(int).tolist()
    return blue, green, red


def fractal(
    rng: np.random.Generator, height: int, width: int, cell: float, octaves: int = 4, roughness: float = 0.55
) -> NDArray[np.float32]:
    """Return smooth noise [height, width] of mean 0 and standard deviation near 1.

    Args:
        rng: the source of chance.
        height: rows.
        width: columns.
        cell: size of the largest blobs, pixels.
        octaves: how many layers of blobs, each half the size of the one before.
        roughness: weight of a layer relative to the one before.
    """
    total = np.zeros((height, width), dtype=np.float32)
    power = 0.0
    for octave in range(octaves):
        size = max(cell / 2**octave, 1.0)
        rows, columns = math.ceil(height / size) + 2, math.ceil(width / size) + 2
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        scaled = cv2.resize(grid, (math.ceil(columns * size), math.ceil(rows * size)), interpolation=cv2.INTER_CUBIC)
        weight = roughness**octave
        total += weight * scaled[:height, :width]
        power += weight**2
    return total * np.float32(1.6 / math.sqrt(power))


def pick(rng: np.random.Generator, choices: str) -> str:
    """Return one of the words in ``choices``."""
    words = choices.split()
    return words[int(rng.integers(len(words)))]
