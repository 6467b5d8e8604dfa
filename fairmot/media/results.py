"""Files of one tracked source: result rows, drawn video and pictures, each of them whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from fairmot.detections import Tracks
from fairmot.errors import InputError
from fairmot.files import numbered_folder, replacing
from fairmot.geometry import ImageArray, xyxy_to_tlwh
from fairmot.media.drawing import Annotator
from fairmot.media.picture_folder import PictureFolder
from fairmot.media.source import Frame
from fairmot.media.video import VideoWriter


class ResultFiles:
    """Writes ``<name>.txt``, ``<name>.mp4`` and pictures of a source; the ``with`` block hands over its frames.

    Leaving the block by an exception leaves none of them, and no folder that would be empty.

    Args:
        folder: where the files go.
        name: their stem.
        size: width and height of the frames, pixels.
        frame_rate: frames/s of the video.
        video: also write the video.
        pictures: also write each drawn frame, ``<name>/<frame number>.jpg``.

    Attributes:
        text: the file of result rows.
        video: the video; None where none is wanted and, after the block, where there was no frame.
        encode_seconds: time that drawing and encoding took in a background thread; known after the block.

    Raises:
        InputError: on entering, on ``write`` and on leaving: a file cannot be written (full disk).
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        size: tuple[int, int],
        frame_rate: float,
        video: bool = True,
        pictures: bool = False,
    ) -> None:
        self.text = folder / f"{name}.txt"
        self.video = folder / f"{name}.mp4" if video else None
        self.encode_seconds = 0.0
        self._folder = folder
        self._writer = None if self.video is None else VideoWriter(self.video, size, frame_rate)
        self._pictures = PictureFolder(folder / name) if pictures else None
        self._annotator = Annotator(size, frame_rate) if video or pictures else None
        self._first_seconds: float | None = None

    def __enter__(self) -> Self:
        with self._left_tidy(), self._blamed_on_folder(), ExitStack() as stack:
            self._rows = stack.enter_context(stack.enter_context(replacing(self.text)).open("w", encoding="ascii"))
            if self._pictures is not None:
                # Before the writer, in whose thread they are drawn: it ends first.
                stack.enter_context(self._pictures)
            if self._writer is not None:
                stack.enter_context(self._writer)
            self._opened = stack.pop_all()
        return self

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """Take the tracks of one frame."""
        with self._blamed_on_folder():
            self._rows.write(format_rows(frame.index + 1, tracks))
            if self._first_seconds is None:
                self._first_seconds = frame.seconds
            if self._writer is not None:
                # Drawn in the writer's thread, while the network looks at the next picture.
                self._writer.write(partial(self._draw, frame, tracks), frame.seconds - self._first_seconds)
            elif self._pictures is not None:
                self._draw(frame, tracks)

    def _draw(self, frame: Frame, tracks: Tracks) -> ImageArray:
        assert self._annotator is not None
        drawn = self._annotator.draw(frame.image, tracks)
        if self._pictures is not None:
            self._pictures.write(frame.index + 1, drawn)
        return drawn

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An error of the block is not the folder's: only what goes wrong while the files end.
        with self._left_tidy(), self._blamed_on_folder():
            if kind is None:
                with self._opened:
                    self._rows.flush()  # rows that do not fit on the disk keep the video from being finished
            else:
                self._opened.__exit__(kind, error, trace)
        if self._writer is not None:
            self.encode_seconds = self._writer.busy_seconds
            self.video = self.video if self._writer.frame_count else None

    @contextmanager
    def _blamed_on_folder(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self._folder}: results cannot be written ({error.strerror})") from error

    @contextmanager
    def _left_tidy(self) -> Iterator[None]:
        try:
            yield
        finally:
            with suppress(OSError):  # it holds something, as it should
                self._folder.rmdir()


def format_rows(frame_number: int, tracks: Tracks) -> str:
    """Return the result rows of one frame (number from 1), each with its line end."""
    values = np.column_stack([xyxy_to_tlwh(tracks.boxes_xyxy), tracks.scores])
    return "".join(
        f"{frame_number},{identity},{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.3f},-1,-1,-1\n"
        for identity, (left, top, width, height, score) in zip(tracks.ids.tolist(), values.tolist(), strict=True)
    )


def result_folder(folder: Path, overwrite: bool) -> Path:
    """Make a folder for results; a numbered one beside it if it holds something, unless ``overwrite``.

    Raises:
        InputError: it cannot be made.
    """
    if folder.name in ("", ".."):  # "." has no name that could be numbered
        folder = folder.resolve()
    # An empty folder, made for the purpose, is taken as it is.
    reuse = overwrite or (folder.is_dir() and not any(folder.iterdir()))
    try:
        return numbered_folder(folder.parent, folder.name, reuse)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror})") from error


def different_names(names: list[str]) -> list[str]:
    """Sources of one name from different folders must not write one file: the second gets ``-2``."""
    taken: list[str] = []
    for name in names:
        count, candidate = 1, name
        while candidate in taken:
            count += 1
            candidate = f"{name}-{count}"
        taken.append(candidate)
    return taken
