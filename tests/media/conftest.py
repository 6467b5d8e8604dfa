"""Videos and images made on the spot, by the real codecs; each frame carries its number."""

import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

_CELL = 16


def _image(index: int, width: int = 160, height: int = 120) -> np.ndarray:
    """A grey image with its number in binary squares along the top, a red and a blue patch at the sides."""
    image = np.full((height, width, 3), 90, np.uint8)
    for bit in range(8):
        image[:_CELL, bit * _CELL : (bit + 1) * _CELL] = 255 if index >> bit & 1 else 0
    image[40:80, :40] = (20, 30, 220)
    image[40:80, -40:] = (220, 40, 30)
    return image


def _number(image: np.ndarray) -> int:
    """The number that ``_image`` has put in."""
    middles = image[_CELL // 2, _CELL // 2 : 8 * _CELL : _CELL].mean(axis=-1)
    return int(((middles > 128) << np.arange(8)).sum())


def _encode(
    path: Path,
    count: int = 40,
    width: int = 160,
    height: int = 120,
    rate=25,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rotation: int = 0,
    milliseconds: list[int] | None = None,
) -> Path:
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.thread_count = 2  # else the file's size depends on the machine's cores
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(_image(index, width, height), format="bgr24")
            frame.pts = index if milliseconds is None else milliseconds[index]
            if milliseconds is not None:
                frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _cut(path: Path, share: float) -> Path:
    """The first part of a file, as an interrupted copy leaves it."""
    data = path.read_bytes()
    cut = path.with_stem(path.stem + "_cut")
    cut.write_bytes(data[: int(len(data) * share)])
    return cut


@pytest.fixture(scope="session")
def rendered():
    """Makers: ``image``, ``number``, ``encode``, ``cut``."""
    return SimpleNamespace(image=_image, number=_number, encode=_encode, cut=_cut)


@pytest.fixture
def small_disk(tmp_path):
    """Call with a size in kB: a folder on a file system of that size (skips where mounting is not allowed)."""
    mounted = []

    def make(kilobytes: int) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if (
            os.name != "posix"
            or shutil.which("mount") is None
            or subprocess.run(command, capture_output=True).returncode
        ):
            pytest.skip("a file system of a given size cannot be mounted here")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
