"""Files of one tracked source: result rows, drawn video and all else that is wanted, each whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from fairmot.detections import Detections, Tracks
from fairmot.errors import InputError
from fairmot.files import numbered_folder, replacing
from fairmot.geometry import ImageArray
from fairmot.media.outputs.counting import Counting
from fairmot.media.outputs.crops import CropFolder
from fairmot.media.outputs.image_folder import ImageFolder
from fairmot.media.outputs.rows import CSV_HEADER, format_csv, format_json_line, format_rows
from fairmot.media.outputs.scene import FrameDrawing
from fairmot.media.outputs.video import VideoWriter
from fairmot.media.outputs.wanted import Outputs
from fairmot.media.outputs.window import Window
from fairmot.media.sources.source import Frame


class ResultFiles:
    """Writes ``<name>.txt`` and what else is wanted of a source; the ``with`` block hands over its frames.

    Leaving the block by an exception leaves none of them, and no folder that would be empty.

    Args:
        folder: where the files go.
        name: their stem.
        size: width and height of the frames, pixels.
        frame_rate: frames/s of the video.
        video: also write the video.
        images: also write each drawn frame, ``<name>/<frame number>.jpg``.
        outputs: everything that is wanted, in place of ``video`` and ``images``.

    Attributes:
        text: the file of result rows.
        outputs: everything that is wanted.
        video: the video; None where none is wanted and, after the block, where there was no frame.
        encode_seconds: time that drawing and encoding took in a background thread; known after the block.

    Raises:
        InputError: on entering, on ``write`` and on leaving: a file cannot be written (full disk); a line or zone
            lies outside of the image.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        size: tuple[int, int],
        frame_rate: float,
        video: bool = True,
        images: bool = False,
        outputs: Outputs | None = None,
    ) -> None:
        wanted = outputs or Outputs(video=video, images=images)
        self.text = folder / f"{name}.txt"
        self.video = folder / f"{name}.mp4" if wanted.video else None
        self.encode_seconds = 0.0
        self.outputs = wanted
        self._name = name
        self._folder = folder
        self._writer = None if self.video is None else VideoWriter(self.video, size, frame_rate)
        self._images = ImageFolder(folder / name) if wanted.images else None
        self._crops = CropFolder(folder / f"{name}-crops") if wanted.crops else None
        self._counting = (
            Counting(folder, name, size, wanted.lines, wanted.zones) if wanted.lines or wanted.zones else None
        )
        self._scene = FrameDrawing(size, frame_rate, wanted, self._counting) if wanted.draws else None
        self._window: Window | None = None
        self._first_seconds: float | None = None

    def __enter__(self) -> Self:
        with self._left_tidy(), self._blamed_on_folder(), ExitStack() as stack:
            self._rows: list[tuple[IO[str], Callable[[Frame, Tracks], str]]] = []
            self._open_rows(stack, self.text, lambda frame, tracks: format_rows(frame.index + 1, tracks))
            if self.outputs.jsonl:
                self._open_rows(stack, self._folder / f"{self._name}.jsonl", format_json_line)
            if self.outputs.csv:
                self._open_rows(stack, self._folder / f"{self._name}.csv", format_csv).write(CSV_HEADER)
            # All that is filled in the writer's thread comes before the writer: that ends first.
            for part in (self._crops, self._counting, self._images, self._writer):
                if part is not None:
                    stack.enter_context(part)
            if self.outputs.show:
                self._window = Window(self._name)
                stack.callback(self._window.close)
            self._opened = stack.pop_all()
        return self

    @property
    def counts(self) -> dict[str, Any] | None:
        """What lines and zones have counted so far, as in ``<name>.counts.json``; None where nothing is counted."""
        return None if self._counting is None else self._counting.totals()

    def _open_rows(self, stack: ExitStack, path: Path, form: Callable[[Frame, Tracks], str]) -> IO[str]:
        file = stack.enter_context(stack.enter_context(replacing(path)).open("w", encoding="ascii", newline="\n"))
        self._rows.append((file, form))
        return file

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Take the tracks of one frame, and for the blur all that was detected in it.

        Raises:
            WindowClosed: the user closed the window.
        """
        with self._blamed_on_folder():
            if self._first_seconds is None:
                self._first_seconds = frame.seconds
            for file, form in self._rows:
                file.write(form(frame, tracks))
            if self._crops is not None:
                self._crops.write(frame, tracks)
            if self._writer is not None:
                # Drawn in the writer's thread, while the network looks at the next image.
                self._writer.write(partial(self._draw, frame, tracks, detections), frame.seconds - self._first_seconds)
            elif self._scene is not None:
                self._draw(frame, tracks, detections)
            elif self._counting is not None:
                self._counting.update(frame, tracks)
        if self._window is not None and self._scene is not None and self._scene.last is not None:
            self._window.show(self._scene.last)

    def _draw(self, frame: Frame, tracks: Tracks, detections: Detections | None) -> ImageArray:
        assert self._scene is not None
        drawn = self._scene.draw(frame, tracks, detections)
        if self._images is not None:
            self._images.write(frame.index + 1, drawn)
        return drawn

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An error of the block is not the folder's: only what goes wrong while the files end.
        with self._left_tidy(), self._blamed_on_folder():
            if kind is None:
                with self._opened:
                    for file, _ in self._rows:
                        file.flush()  # rows that do not fit on the disk keep the video from being finished
                if self._scene is not None and self._scene.heat is not None:
                    self._scene.heat.save(self._folder / f"{self._name}.heatmap.jpg")
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


def result_folder(folder: Path, overwrite: bool) -> Path:
    """Make a folder for results; a numbered one beside it if it holds something, unless ``overwrite``.

    Raises:
        InputError: it cannot be made, or it is the current folder, or one around it, and holds something.
    """
    # An empty folder, made for the purpose, is taken as it is.
    reuse = overwrite or (folder.is_dir() and not any(folder.iterdir()))
    if folder.name in ("", ".."):  # "." has no name
        folder = folder.resolve()
    if not reuse and Path.cwd().is_relative_to(folder.resolve()):
        # A numbered one would lie outside, where nobody looks.
        raise InputError(f"{folder}: you are in this folder, and it holds something; name a new one, or overwrite")
    try:
        return numbered_folder(folder.parent, folder.name, reuse)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror})") from error


def check_sources_stay(folder: Path, names: Sequence[str], sources: Sequence[str | Path], outputs: Outputs) -> None:
    """Check that no result takes the place of what is tracked; a folder of images would be replaced as a whole.

    Args:
        folder: where results go.
        names: stems of their files.
        sources: what is tracked: paths, addresses.
        outputs: what is written.

    Raises:
        InputError: a file or folder of that name is a source, or holds one.
    """
    endings = [".txt", ".mp4" if outputs.video else "", ".jsonl" if outputs.jsonl else ""]
    endings += [".csv" if outputs.csv else "", ".heatmap.jpg" if outputs.heatmap else ""]
    targets = [folder / f"{name}{ending}" for name in names for ending in endings if ending]
    targets += [folder / name for name in names if outputs.images]
    targets += [folder / f"{name}-crops" for name in names if outputs.crops]
    for path in (Path(source) for source in sources if Path(source).exists()):
        holders = [path, *path.resolve().parents]
        for target in targets:
            if target.exists() and any(target.samefile(holder) for holder in holders):
                raise InputError(f"{target}: the results would replace what is tracked; choose another output folder")


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
