"""Image files: the endings that are read everywhere, and their pixels."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif"}
)
"""What training data, sources and calibration images may end in."""


def decode_image(data: NDArray[np.uint8]) -> ImageArray | None:
    """Decode an image file to BGR [H, W, 3], turned as its EXIF entry says; None: not an image that can be decoded."""
    if data.size == 0:
        return None
    try:
        image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return _decode_by_pillow(data) if image is None else image


def _decode_by_pillow(data: NDArray[np.uint8]) -> ImageArray | None:
    """Decode what OpenCV's build may lack: GIF, AVIF; of several images in a file the first."""
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(data.tobytes())) as opened:
            turned = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return np.ascontiguousarray(np.asarray(turned)[:, :, ::-1])
