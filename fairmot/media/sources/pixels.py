"""The pixels of a decoded frame: converted to BGR, turned as recorded, scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter

from fairmot.geometry import ImageArray, Scale

_UPRIGHT = (1, 0, 0, 1)
# Formats of devices, and those that hold the same values in three planes.
_PLANAR = {"nv12": "yuv420p", "nv16": "yuv422p"}


def upright(frame: Any) -> ImageArray:
    """Return the pixels of a decoded frame, BGR, turned and mirrored by the recorded display matrix."""
    image: ImageArray = planar(frame).to_ndarray(format="bgr24")
    return np.ascontiguousarray(_as_shown(image, *_display_matrix(frame)))


def planar(frame: Any) -> Any:
    """Return a frame that a device decoded in the layout of software, one plane for each component.

    FFmpeg converts interleaved colours to BGR by another rule (up to 25 levels apart) and in four times the time.
    """
    other = _PLANAR.get(frame.format.name)
    return frame if other is None else frame.reformat(format=other)


class DecodedFrame:
    """A decoded frame whose pixels are converted when they are asked for (``frame.Decoded``)."""

    def __init__(self, frame: Any, reformatter: VideoReformatter) -> None:
        self._frame, self._reformatter = frame, reformatter
        self._matrix = _display_matrix(frame)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as it is shown."""
        width, height = self._frame.width, self._frame.height
        return (height, width) if self._matrix[0] == 0 else (width, height)

    @property
    def scale(self) -> Scale | None:
        """See ``Decoded``; None: it must be turned."""
        return self._scaled if self._matrix == _UPRIGHT else None

    def image(self) -> ImageArray:
        """See ``Decoded``."""
        return upright(self._frame)

    def _scaled(self, size: tuple[int, int]) -> ImageArray:
        # The filter of areas, as of ``Letterbox``; one thread, since the network has the others.
        width, height = size
        reformat: Any = self._reformatter.reformat
        image: ImageArray = reformat(
            self._frame, width, height, format="bgr24", interpolation="AREA", threads=1
        ).to_ndarray()
        return image


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """Return a, b, c, d of the matrix that takes a pixel (x, y) to (a x + c y, b x + d y): each -1, 0 or 1."""
    data = frame.side_data.get("DISPLAYMATRIX") if frame.side_data else None
    if data is None:
        return _UPRIGHT
    values = np.frombuffer(bytes(data), dtype=np.int32)[[0, 1, 3, 4]].astype(np.float64)
    # 16.16 fixed point; cameras record multiples of 90 degrees. Any other angle becomes the nearest of them.
    a, b, c, d = values / max(1.0, float(np.abs(values).max()))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _sign(a), 0, 0, _sign(d)
    return 0, _sign(b), _sign(c), 0


def _sign(value: float) -> int:
    return -1 if value < 0 else 1


def _as_shown(image: ImageArray, a: int, b: int, c: int, d: int) -> ImageArray:
    """Return an image [H, W, 3] under a display matrix of -1, 0 and 1; see ``_display_matrix``."""
    if a == 0:  # x and y change places
        image = image.transpose(1, 0, 2)
        a, d = c, b
    return image[:: d or 1, :: a or 1]
