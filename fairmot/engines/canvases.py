"""Which canvas an image gets, and the network for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fairmot.engines.interface import CanvasDetector
from fairmot.geometry import fitted_canvas

SIZE_MULTIPLE_PX = 32
"""The coarsest map of every network has this stride."""


class CanvasBuilder:
    """Networks for canvases: one for all images or, with ``build``, one for each shape of image, built when needed."""

    def __init__(
        self,
        network: CanvasDetector,
        build: Callable[[tuple[int, int]], CanvasDetector] | None = None,
    ) -> None:
        self.input_size = network.input_size
        self.fits_images = build is not None
        self._build = build
        self._built = {network.input_size: network}
        self._one_at_a_time = threading.Lock()

    def canvas_for(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Return the canvas, width and height, for images of this size."""
        return fitted_canvas(self.input_size, image_size, SIZE_MULTIPLE_PX) if self._build else self.input_size

    def network(self, canvas_size: tuple[int, int]) -> CanvasDetector:
        """Return the network for a canvas."""
        with self._one_at_a_time:
            if canvas_size not in self._built:
                assert self._build is not None
                self._built[canvas_size] = self._build(canvas_size)
            return self._built[canvas_size]
