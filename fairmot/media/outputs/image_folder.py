"""A folder of images, whole or not there."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from fairmot.geometry import ImageArray


class ImageFolder:
    """Writes ``000001.jpg`` ... into a folder; leaving the ``with`` block by an exception leaves what was there before.

    Args:
        folder: the folder; one of that name is replaced when the block ends well.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._part = folder.with_name(f".{folder.name}.part")

    def __enter__(self) -> Self:
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(parents=True)
        return self

    def write(self, number: int, image: ImageArray, folder: str = "") -> None:
        """Write the image of frame ``number``, from 1, into this folder or into one of the name ``folder`` within it.

        Raises:
            OSError: it cannot be written.
        """
        # Encoded in memory, since OpenCV's own writing does not report a full disk.
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        place = self._part / folder
        if folder:
            place.mkdir(exist_ok=True)
        (place / f"{number:06d}.jpg").write_bytes(data.tobytes())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                shutil.rmtree(self.folder, ignore_errors=True)
                self._part.replace(self.folder)
        finally:
            shutil.rmtree(self._part, ignore_errors=True)
