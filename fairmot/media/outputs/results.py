"""Files of one tracked source, each whole or not there; and the folders that they go to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

from fairmot.detections import Detections, Tracks
from fairmot.errors import InputError
from fairmot.files import numbered_folder
from fairmot.geometry import ImageArray
from fairmot.media.outputs.counting import Counting
from fairmot.media.outputs.drawn_video import DrawnVideo
from fairmot.media.outputs.frame_drawing import FrameDrawing
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.table import Output, Stage, endings, requested
from fairmot.media.outputs.text_file import TextFile
from fairmot.media.outputs.writer import Overlay, Target, Writer
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.sound import Sound


class ResultFiles:
    """Writes ``<name>.txt`` and all other requested outputs of a source; call ``write`` within the ``with`` block.

    Leaving the block by an exception leaves none of them, and no empty folder.

    Args:
        folder: where the files go.
        name: their stem.
        size: width and height of the frames, pixels.
        frame_rate: frames/s of the video.
        video: also write the video.
        images: also write each drawn frame, ``<name>/<frame number>.jpg``.
        outputs: everything that is requested, in place of ``video`` and ``images``.
        shown: the folder that messages name; left out: ``folder``.
        sound: the sound of the source, for the video.

    Attributes:
        text: the file of result rows.
        outputs: everything that is requested.
        needs_images: whether an output shows pixels of the frames.
        video: the video; None where none is requested and, after the block, where there was no frame.
        video_encoder: what encoded the video, ``software`` or a device; known after the block. None: nothing.
        encoder_fallback: why software encoded although a device was named; None: what was named did.
        encode_seconds: time that drawing and encoding took in a background thread; known after the block.

    Raises:
        InputError: a line or zone lies outside of the frame. On entering, on ``write`` and on leaving: a file cannot
            be written (full disk).
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
        shown: Path | None = None,
        sound: Sound | None = None,
    ) -> None:
        self.outputs = outputs or Outputs(video=video, images=images)
        lines = requested(self.outputs)
        paths = {line.name: folder / f"{name}{line.ending}" for line in lines if line.ending is not None}
        self.text = paths["rows"]
        self.video = paths.get("video")
        self.encode_seconds = 0.0
        self.video_encoder: str | None = None
        self.encoder_fallback: str | None = None
        self.needs_images = any(line.needs_images for line in lines)
        self._folder, self._shown = folder, shown or folder
        self._made = _writers(lines, Target(name, size, frame_rate, self.outputs, paths, self._draw, sound))
        self._stages: dict[Stage, list[Writer]] = {
            stage: [writer for writer, own in self._made if own == stage] for stage in get_args(Stage)
        }
        overlays = [writer for writer in self._stages["overlay"] if isinstance(writer, Overlay)]
        self._drawing = FrameDrawing(size, frame_rate, overlays, self._stages["drawn"]) if self.outputs.draws else None

    def __enter__(self) -> Self:
        with self._left_tidy(), self._blamed_on_folder(), ExitStack() as stack:
            for writer, _ in self._made:
                stack.enter_context(writer)
            self._opened = stack.pop_all()
        return self

    @property
    def counts(self) -> dict[str, Any] | None:
        """What lines and zones have counted so far, as in ``<name>.counts.json``; None where nothing is counted."""
        counting = next((writer for writer, _ in self._made if isinstance(writer, Counting)), None)
        return None if counting is None else counting.totals()

    @property
    def drawn(self) -> ImageArray | None:
        """The frame drawn last, which may be a few behind; do not change it. None: none yet, or nothing is drawn."""
        return None if self._drawing is None else self._drawing.last

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Take the tracks of one frame, and for the blur all detections in it.

        Raises:
            WindowClosed: the user closed the window.
        """
        with self._blamed_on_folder():
            for writer in self._stages["tracked"]:
                writer.write(frame, tracks, detections)
            if self._drawing is None:
                for writer in self._stages["overlay"]:
                    writer.write(frame, tracks, detections)
            elif self._stages["video"]:
                for writer in self._stages["video"]:
                    writer.write(frame, tracks, detections)
            else:
                self._draw(frame, tracks, detections)
        if self._drawing is not None and self._drawing.last is not None:
            for writer in self._stages["shown"]:
                writer.write(replace(frame, image=self._drawing.last), tracks, detections)

    def _draw(self, frame: Frame, tracks: Tracks, detections: Detections | None) -> ImageArray:
        assert self._drawing is not None
        return self._drawing.draw(frame, tracks, detections)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An exception of the block is not the folder's: only what goes wrong while the files end.
        with self._left_tidy(), self._blamed_on_folder():
            if kind is None:
                with self._opened:
                    for writer, _ in self._made:
                        if isinstance(writer, TextFile):
                            writer.flush()  # before the video is finished: rows may not fit on the disk
            else:
                self._opened.__exit__(kind, error, trace)
        for writer, _ in self._made:
            if isinstance(writer, DrawnVideo):
                self.encode_seconds = writer.busy_seconds
                self.video_encoder, self.encoder_fallback = writer.encoder, writer.fallback
                self.video = self.video if writer.frame_count else None

    @contextmanager
    def _blamed_on_folder(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self._shown}: results cannot be written ({error.strerror})") from error

    @contextmanager
    def _left_tidy(self) -> Iterator[None]:
        try:
            yield
        finally:
            with suppress(OSError):  # raised where the folder holds something, as it should
                self._folder.rmdir()


def _writers(lines: list[Output], target: Target) -> list[tuple[Writer, Stage]]:
    """Make each writer once, in the order of the table."""
    stages = {line.writer: line.stage for line in lines}
    return [(make(target), stage) for make, stage in stages.items()]


def result_folder(folder: Path, overwrite: bool) -> Path:
    """Make a folder for results; if it holds something, a numbered one beside it, unless ``overwrite``.

    Raises:
        InputError: the folder cannot be made; or it holds something and is the current folder or one around it.
    """
    # An empty folder, made for the purpose, is taken as it is.
    reuse = overwrite or (folder.is_dir() and not any(folder.iterdir()))
    if folder.name in ("", ".."):  # "." has no name
        folder = folder.resolve()
    if not reuse and Path.cwd().is_relative_to(folder.resolve()):
        # A numbered one would lie outside of the current folder, where people do not look for it.
        raise InputError(f"{folder}: you are in this folder, and it holds something; name a new one, or overwrite")
    try:
        return numbered_folder(folder.parent, folder.name, reuse)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror})") from error


def check_sources_stay(folder: Path, names: Sequence[str], sources: Sequence[str | Path], outputs: Outputs) -> None:
    """Check that no result replaces what is tracked. A folder of images would be replaced as a whole.

    Args:
        folder: where results go.
        names: stems of their files.
        sources: what is tracked: paths, addresses.
        outputs: what is written.

    Raises:
        InputError: a file or folder of that name is a source, or holds one.
    """
    targets = [folder / f"{name}{ending}" for name in names for ending in endings(outputs)]
    for path in (Path(source) for source in sources if Path(source).exists()):
        holders = [path, *path.resolve().parents]
        for target in targets:
            if target.exists() and any(target.samefile(holder) for holder in holders):
                raise InputError(f"{target}: the results would replace what is tracked; choose another output folder")


def different_names(names: list[str]) -> list[str]:
    """Return a name for each source: of several that share a name, the second gets ``-2``, the third ``-3``."""
    taken: list[str] = []
    for name in names:
        count, candidate = 1, name
        while candidate in taken:
            count += 1
            candidate = f"{name}-{count}"
        taken.append(candidate)
    return taken
