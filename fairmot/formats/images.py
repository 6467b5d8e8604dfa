"""Image files: the endings that are read everywhere, and their pixels."""

from __future__ import annotations

import errno
import os
import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif"}
)
"""What training data, sources and calibration images may end in."""


_PNG = b"\x89PNG\r\n\x1a\n"
MAX_IMAGE_PIXELS = 2**27
"""16384 x 8192: larger than any camera's."""


def read_image(path: Path) -> ImageArray | None:
    """Decode an image file, as ``decode_image`` does.

    Raises:
        OSError: it cannot be read, or is no file (a pipe would wait for whoever writes to it).
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    # Not cv2.imread: on Windows it fails on names outside ASCII.
    return decode_image(np.fromfile(path, dtype=np.uint8))


def decode_image(data: NDArray[np.uint8]) -> ImageArray | None:
    """Decode an image file to BGR [H, W, 3], turned as its EXIF entry says; None: not an image that can be decoded."""
    if data.size == 0 or _is_too_large(data):
        return None
    try:
        image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:  # such as a size in the header beyond its limit
        return None
    return _decode_by_pillow(data) if image is None else image


def _is_too_large(encoded: NDArray[np.uint8]) -> bool:
    """Whether the header of an image states a size that would fill the memory: a damaged one, before it is decoded."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(BytesIO(encoded.data)) as image:
                return image.width * image.height > MAX_IMAGE_PIXELS
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError, ArithmeticError, struct.error):
        # OpenCV believes the size in the header of a PNG even where its checksum is wrong. Others it may know better.
        return encoded[: len(_PNG)].tobytes() == _PNG


def _decode_by_pillow(data: NDArray[np.uint8]) -> ImageArray | None:
    """Decode what OpenCV's build may lack: GIF, AVIF; of several images in a file the first."""
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(data.tobytes())) as opened:
            turned = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, ArithmeticError, struct.error, Image.DecompressionBombError):
        return None
    return np.ascontiguousarray(np.asarray(turned)[:, :, ::-1])
