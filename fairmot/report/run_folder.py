"""The folder that a run of ``fairmot track`` or ``fairmot evaluate`` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from fairmot.errors import InputError
from fairmot.formats.refined import ONLINE_SUFFIX, load_refinement
from fairmot.formats.rows import Rows, load_rows
from fairmot.formats.run_file import RUN_FILE, finish_placing_of_a_killed_run, load_run
from fairmot.formats.scores import load_scores

_LAST_FRAME = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TrackedSource:
    """Results of one source."""

    name: str
    """Stem of the files."""
    rows: Rows
    """Its result rows."""
    drawn_video: Path | None
    """The video with the tracks drawn on it."""
    start: int = 0
    """Index of the first tracked frame, from ``run.json``."""
    every: int = 1
    """Step between tracked frames, from ``run.json``."""
    frame_count: int | None = None
    """Number of tracked frames, from ``run.json``; None: not recorded."""
    size: tuple[int, int] | None = None
    """Width and height of the tracked frames, from ``run.json``; None: not recorded."""
    is_blurred: bool = False
    """Whether people were hidden: then nothing but ``drawn_video`` may be shown."""
    counts: dict[str, Any] | None = None
    """What lines and zones counted, from ``run.json``; None: nothing was counted."""
    source: Path | None = None
    """The source that ``run.json`` names, if it is unchanged since the run, was read to its end, and people were not
    blurred."""
    file_name: str | None = None
    """Name of the file or folder that was tracked, from ``run.json``; None: not recorded, or a stream."""
    refinement: dict[str, Any] | None = None
    """Record of the refinement of these rows; None: they are online rows."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The results of a run."""

    path: Path
    sources: list[TrackedSource]
    """By name; at least one."""
    scores: dict[str, Any] | None
    """``scores.json`` of an evaluated run."""


def read_run(path: Path | str) -> RunFolder:
    """Read a run's folder, or a single result file with what lies beside it.

    Raises:
        InputError: no such folder, no results in it, or a file that cannot be read.
    """
    given = Path(path)
    if given.is_file():
        files, folder = [given], given.parent
    elif given.is_dir():
        files, folder = sorted(file for file in given.glob("[!.]*.txt") if not _has_refined(file)), given
    else:
        raise InputError(f"{given}: no such folder; give the folder of a run, for example runs/track/street")
    if not files:
        raise InputError(
            f"{given}: no results; expected NAME.txt, as fairmot track and fairmot evaluate write it"
            f"{_runs_within(given)}"
        )
    finish_placing_of_a_killed_run(folder)
    about = (load_run(folder) or {}).get("sources", {})
    return RunFolder(
        folder,
        [_source(file, about.get(file.stem, {})) for file in files],
        load_scores(folder / "scores.json") if (folder / "scores.json").exists() else None,
    )


def _has_refined(file: Path) -> bool:
    """Whether a file holds the online rows of a source whose refined rows lie beside it."""
    return file.name.endswith(ONLINE_SUFFIX) and file.with_name(f"{file.name[: -len(ONLINE_SUFFIX)]}.txt").is_file()


def _runs_within(folder: Path) -> str:
    """Return advice for a folder that holds runs in place of results."""
    runs = sorted(child.name for child in folder.glob("[!.]*/") if any(child.glob("[!.]*.txt")))
    return f"; its folders are runs: give one of them, for example {folder / runs[0]}" if runs else ""


def _source(file: Path, about: dict[str, Any]) -> TrackedSource:
    noted = file.with_name(RUN_FILE)
    video = file.with_name(f"{file.stem}.mp4")
    written = about.get("files")  # earlier versions did not note them
    # A video that this run did not write may be an older one, of people who are hidden now.
    is_drawn = video.is_file() and (not isinstance(written, list) or video.name in written)
    return TrackedSource(
        file.stem,
        load_rows(file, _LAST_FRAME),
        video if is_drawn else None,
        start=_whole(about, "start", 0, noted) or 0,
        every=_whole(about, "every", 1, noted) or 1,
        frame_count=_whole(about, "frames", 0, noted),
        size=_size(about, noted),
        is_blurred=about.get("blur") is True,
        counts=_counts(about),
        source=_unchanged(about, noted),
        file_name=_file_name(about),
        refinement=load_refinement(file),
    )


def _whole(about: dict[str, Any], name: str, least: int, noted: Path) -> int | None:
    value = about.get(name)
    if value is not None and (not isinstance(value, int) or not least <= value <= _LAST_FRAME):
        raise InputError(f"{noted}: {name} is {str(value)[:40]!r}, expected a whole number; track again")
    return value


def _size(about: dict[str, Any], noted: Path) -> tuple[int, int] | None:
    value = about.get("size")
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(side, int) and side > 0 for side in value)):
        raise InputError(f"{noted}: size is {str(value)[:40]!r}, expected width and height; track again")
    return value[0], value[1]


def _counts(about: dict[str, Any]) -> dict[str, Any] | None:
    counts = about.get("counts")
    return counts if isinstance(counts, dict) else None


def _file_name(about: dict[str, Any]) -> str | None:
    source = about.get("source")
    # The address of a stream may hold a password.
    return PurePath(source).name or None if isinstance(source, str) and "://" not in source else None


def _unchanged(about: dict[str, Any], noted: Path) -> Path | None:
    # A run.json without "blur" is from a version that did not record it.
    if about.get("blur") is not False or about.get("problem") is not None:
        return None
    path = Path(str(about.get("source", "")))
    try:
        is_older = path.is_absolute() and path.stat().st_mtime <= noted.stat().st_mtime
    except (OSError, ValueError):
        return None
    return path if is_older else None
