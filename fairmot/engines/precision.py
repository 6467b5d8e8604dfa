"""Precisions, and a shorter one that is taken only while it finds what float32 finds."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from fairmot.engines.interface import CanvasDetector, RawDetections
from fairmot.errors import InputError, closest_name
from fairmot.network.decoding import FOUND_LIMITS, fraction_found

PRECISIONS = ("auto", "f32", "bf16", "f16", "int8")
"""The vocabulary of all commands and settings; what an engine, a file format or training has of it is less."""

TRIAL_IMAGES = 8
_LEAST_SCORE = 0.2


def check_known(precision: str) -> None:
    """Raise unless this is a precision.

    Raises:
        InputError: it is not.
    """
    if precision not in PRECISIONS:
        closest = closest_name(precision, PRECISIONS)
        raise InputError(f"precision {precision!r} is unknown{closest}; known: {', '.join(PRECISIONS)}")


class OnTrial:
    """A detector in a short precision (``CanvasDetector``), which float32 watches over for the first images.

    Both see the first ``TRIAL_IMAGES`` images in which float32 finds something, and what float32 finds is returned.
    Then the short one goes on alone if it found the same in all of them, within the tolerance that an exported file
    of this precision must keep; else float32 does.

    Args:
        exact: the detector in float32.
        short: the same in the short precision.
        precision: its name.
    """

    def __init__(self, exact: CanvasDetector, short: CanvasDetector, precision: str) -> None:
        self.input_size = exact.input_size
        self._exact, self._short, self._name = exact, short, precision
        self._agreements: list[float] = []
        self._one_at_a_time = threading.Lock()

    @property
    def precision(self) -> str:
        """In what the next image is computed."""
        return self._name if len(self._agreements) >= TRIAL_IMAGES and self._agrees else "f32"

    @property
    def precision_note(self) -> str:
        """Why, in one line."""
        done, worst = len(self._agreements), min(self._agreements, default=1.0)
        if done < TRIAL_IMAGES and self._agrees:
            return f"f32, and {self._name} once it has found the same in {TRIAL_IMAGES} images ({done} so far)"
        least = f"{self._name} found at least {worst:.0%} of what f32 found in each of {done} images"
        return f"{self.precision}: {least}; {FOUND_LIMITS[self._name]:.0%} are needed"

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """See ``CanvasDetector``."""
        with self._one_at_a_time:
            if self.precision != "f32":
                return self._short(canvases)
            expected = self._exact(canvases)
            if self._agrees and (expected.scores > _LEAST_SCORE).any():
                found = self._short(canvases)
                for image in range(len(canvases)):
                    other = _of_image(expected, image)
                    if (other.scores > _LEAST_SCORE).any():
                        self._agreements.append(fraction_found(_of_image(found, image), other, self._name))
            return expected

    @property
    def _agrees(self) -> bool:
        return min(self._agreements, default=1.0) >= FOUND_LIMITS[self._name]


def _of_image(found: RawDetections, image: int) -> RawDetections:
    """Return the detections of one image as a batch of one."""
    own = slice(image, image + 1)
    return RawDetections(found.boxes_xyxy[own], found.scores[own], found.class_ids[own], found.embeddings[own])
