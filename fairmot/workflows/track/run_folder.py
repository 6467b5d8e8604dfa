"""The folder of a run of ``track``: held for this run alone, and replaced as a whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from fairmot.errors import InputError
from fairmot.files import PARTS, FolderInUseError, is_unused, locked
from fairmot.formats.recordings import SUFFIX
from fairmot.formats.run_file import RUN_FILE, finish_placing, load_run, put_in_place
from fairmot.formats.scores import FILE as SCORES_FILE
from fairmot.media.outputs.table import OUTPUTS
from fairmot.workflows.track.run_notes import SourceNote, save_run
from fairmot.workflows.track.source_run import RECORD_SUFFIX

_ENDINGS = (*(output.ending for output in OUTPUTS if output.ending is not None), SUFFIX, RECORD_SUFFIX)
_OF_THE_RUN = (RUN_FILE, SCORES_FILE, "report.html")
_DRAWN = re.compile(r"\d{6,}\.jpg")


class RunFolder:
    """Where the files of a run go.

    Attributes:
        path: the folder.
        parts: where its files are written; ``publish`` brings them to their places.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.parts = path, path / PARTS
        self._notes: list[SourceNote] = []

    def publish(self, notes: Sequence[SourceNote], tracked: Sequence[str | Path]) -> None:
        """Give all files in ``parts`` their places, with a ``run.json`` of these and of earlier sources.

        The first time, every file of the run that the folder held is removed.

        Args:
            notes: of the sources whose files these are.
            tracked: what is tracked, which is never removed.

        Raises:
            InputError: the folder cannot be written.
        """
        names = [note.name for note in notes if (self.path / f"{note.name}.txt").is_file()]
        gone = [] if self._notes else _of_the_run_before(self.path, names, tracked)
        for note in notes:
            own = (f"{note.name}{ending}" for ending in _ENDINGS)
            note.about["files"] = [name for name in own if (self.parts / name).exists()]
        self._notes += notes
        save_run(self.parts, self._notes)
        try:
            put_in_place(self.parts, self.path, gone)
        except OSError as error:
            raise InputError(f"{self.path}: results cannot be written ({error.strerror})") from error


@contextmanager
def run_folder(folder: Path, overwrite: bool) -> Iterator[RunFolder]:
    """Hold a folder for results; if it holds something, or another run, a numbered one beside it, unless ``overwrite``.

    What killed runs left in it is swept. A folder that stays empty is removed.

    Raises:
        InputError: the folder cannot be made or written; another run writes into it; or it holds something and is the
            current folder or one around it.
    """
    if folder.name in ("", ".."):  # "." has no name
        folder = folder.resolve()
    with ExitStack() as stack:
        try:
            path = _held(folder, stack) if overwrite else _numbered(folder, stack)
            run = RunFolder(path)
            finish_placing(path)
            run.parts.mkdir()
        except OSError as error:
            raise InputError(f"{folder}: this folder cannot be made or written ({error.strerror})") from error
        stack.callback(shutil.rmtree, run.parts, ignore_errors=True)
        yield run


def _held(folder: Path, stack: ExitStack) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stack.callback(_remove_if_empty, folder)
    stack.enter_context(locked(folder))
    return folder


def _numbered(folder: Path, stack: ExitStack) -> Path:
    for number in count(1):
        path = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        # An empty folder, made for the purpose, is taken as it is.
        if not path.exists() or (path.is_dir() and is_unused(path)):
            with ExitStack() as attempt, suppress(FolderInUseError):
                held = _held(path, attempt)
                # Meanwhile another run may have come and gone.
                if is_unused(held):
                    stack.push(attempt.pop_all())
                    return held
        if number == 1 and Path.cwd().is_relative_to(folder.resolve()):
            # A numbered one would lie outside of the current folder, where people do not look for it.
            raise InputError(f"{folder}: you are in this folder, and it holds something; name a new one, or overwrite")
    raise AssertionError


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # raised where the folder holds something, as it should
        folder.rmdir()


def _of_the_run_before(folder: Path, names: Sequence[str], tracked: Sequence[str | Path]) -> list[str]:
    """Return the names of all files of the run that a folder holds; only what is certainly a run's.

    Without a ``run.json`` these are files of the given names, if there are rows of that name.
    """
    noted = (load_run(folder) or {}).get("sources")
    found = [] if noted is None else [name for name in _OF_THE_RUN if (folder / name).is_file()]
    kept = [Path(path) for path in tracked]
    for name, about in ({name: {} for name in names} if noted is None else noted).items():
        written = about.get("files")
        found += written if isinstance(written, list) else [f"{name}{ending}" for ending in _ENDINGS]
        found += [] if noted is None else [f"report.{name}.mp4"]
        kept.append(Path(str(about.get("source", ""))))
    return [
        name for name in dict.fromkeys(map(str, found)) if _is_result(folder, name) and not _holds(folder / name, kept)
    ]


def _is_result(folder: Path, name: str) -> bool:
    # run.json may come from anywhere: nothing outside of the folder is a result, and no folder of other files.
    if name in ("", ".", "..") or set(name) & set("/\\\0"):
        return False
    path = folder / name
    if path.is_symlink() or not path.is_dir():
        return path.is_file()
    return all(file.is_dir() or _DRAWN.fullmatch(file.name) for file in path.rglob("*"))


def _holds(path: Path, sources: Sequence[Path]) -> bool:
    """Whether a path is one of these sources, or a folder around one."""
    for source in sources:
        try:
            if source.name and any(path.samefile(each) for each in (source, *source.resolve().parents)):
                return True
        except (OSError, ValueError):
            continue
    return False
