"""Image files: read pixels, or check size and integrity alone."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from fairmot.errors import InputError
from fairmot.formats import images
from fairmot.geometry import ImageArray

_ORIENTATION = 0x0112  # EXIF
_TURNED = (5, 6, 7, 8)  # these orientations exchange width and height


def read_image(path: Path) -> ImageArray:
    """Decode an image file to BGR [h, w, 3], turned as its EXIF entry says.

    Raises:
        InputError: no such file, or not an image.
    """
    try:
        image: ImageArray | None = images.read_image(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if image is None:
        raise InputError(f"{path}: not an image that can be decoded; replace it or remove it from the list")
    return image


def image_size(path: Path | BytesIO) -> tuple[int, int]:
    """Return width and height, turned as EXIF says, since that is how training reads images. Only the header is read.

    Raises:
        InputError: no such file, or not an image.
    """
    try:
        with Image.open(path) as image:
            return _turned_size(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not an image that can be read: {_reason(error)}") from error


def check_image(path: Path) -> tuple[tuple[int, int] | None, str | None]:
    """Decode an image to its end. Return its size, or None, and the problem with it, or None."""
    size = None
    try:
        with Image.open(path) as image:
            size = _turned_size(image)
            # JPEGs decode to an eighth of the size: all bytes are read, most of the arithmetic is saved.
            image.draft("RGB", (image.width // 8, image.height // 8))
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return size, _reason(error)
    return size, None


def _turned_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if image.getexif().get(_ORIENTATION) in _TURNED else (width, height)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "neither JPEG nor another known format"
    return str(getattr(error, "strerror", None) or error)
