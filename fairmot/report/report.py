"""``fairmot report``: one HTML page about a run's folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.files import folder_name
from fairmot.formats.seqinfo import image_folder
from fairmot.media.sources.frames import read_frames
from fairmot.progress import Progress
from fairmot.report.content import score_content
from fairmot.report.differences import partner_sources
from fairmot.report.footage import Footage, all_frames, drawn_footage, is_playable, source_footage
from fairmot.report.judged import judge
from fairmot.report.page import link, write_page
from fairmot.report.run_folder import RunFolder, TrackedSource, read_run
from fairmot.report.source_model import build_source

PAGE_NAME = "report.html"
EMBED_BYTES = 24 * 2**20
"""Videos of a page up to this size together become part of it."""
_MOST_EMBED_BYTES = 256 * 2**20  # browsers limit strings to about half a gigabyte


@dataclass(frozen=True, slots=True)
class Report:
    """The page that was written."""

    page: Path
    byte_count: int
    sources: list[str]
    linked: list[Path] = field(default_factory=list)
    """Videos that must stay where they are for the page to show them."""


def report(
    run: str | Path,
    *,
    output: str | Path | None = None,
    source: str | Path | None = None,
    ground_truth: str | Path | None = None,
    benchmark: str = "auto",
    embed: bool | None = None,
    compare: str | Path | None = None,
    start: int | None = None,
    every: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Write one HTML page about a run of ``track`` or ``evaluate``; it needs no network and no server.

    Args:
        run: the run's folder, or one result file.
        output: the page; left out: ``report.html`` in the run's folder.
        source: what was tracked (video, folder of images), to show it without drawn boxes; for several sources the
            folder that holds each under its name. Left out, the first of these that exists: the images of the ground
            truth; the source that ``run.json`` names, if it is unchanged and, beside a drawn video, browsers play it
            and the page can embed it; the run's drawn video; no video. Where people were blurred, nothing but the
            run's drawn video is shown.
        ground_truth: data set or sequence in MOTChallenge layout: adds errors, and scores if the run has none.
        benchmark: as for ``score``; ``auto`` takes that of the run's scores.
        compare: folder of another run over the same video, or a result file: its boxes stand beside those of ``run``,
            and the timeline shows where the two differ.
        embed: embed videos in the page, or link to them; left out: embed up to 24 MiB.
        start: index of the first tracked frame, as for ``track``; left out: that of ``run.json``, else 0.
        every: step between tracked frames, as for ``track``; left out: that of ``run.json``, else 1.
        progress: called for every frame that is read.

    Returns:
        The page, its size and the videos that it links to.

    Raises:
        InputError: there are no results, a file cannot be read, ``source`` would show people that the run hid, or the
            page cannot be written.
    """
    if (start is not None and start < 0) or (every is not None and every < 1):
        raise InputError(f"start {start}, every {every}: expected start >= 0 and every >= 1")
    tracked = read_run(run)
    selections = [
        (each.start if start is None else start, each.every if every is None else every) for each in tracked.sources
    ]
    if ground_truth is not None and set(selections) != {(0, 1)}:
        raise InputError("ground truth covers every frame: track all of them, from the first and with step 1")
    page = Path(output) if output is not None else tracked.path / PAGE_NAME
    if page.is_dir():
        raise InputError(f"{page}: a folder; give the name of the page, for example {page / PAGE_NAME}")
    for part in (each.rows.path for each in tracked.sources), (each.drawn_video for each in tracked.sources), (source,):
        if page.exists() and any(path is not None and Path(path).exists() and page.samefile(path) for path in part):
            raise InputError(f"{page}: the page would replace a file that it shows; choose another output")
    judged = None if ground_truth is None else judge(tracked, ground_truth, benchmark)
    scores = tracked.scores if judged is None else judged.scores

    second = None if compare is None else read_run(compare)
    others = [None] * len(tracked.sources) if second is None else partner_sources(tracked, second)
    labels = ("", "") if second is None else _labels(tracked, second)
    contents: list[dict[str, Any]] = []
    videos: list[Footage | None] = []
    linked: list[Path] = []
    try:
        for each, other, (first, step) in zip(tracked.sources, others, selections, strict=True):
            truth = None if judged is None else judged.sources[each.name]
            if source is not None and each.is_blurred:
                raise InputError(
                    f"{source}: people are hidden in this run of {each.name}; its page shows its own video"
                )
            original = None if source is None else _given_source(Path(source), each.name, len(tracked.sources))
            if each.is_blurred:
                pass  # no images but the run's own
            elif original is None and truth is not None and image_folder(truth.folder).is_dir():
                original = truth.folder
            if original is None and embed is not False and not each.is_blurred:
                original = _recorded_source(each, first, step)
            footage = _footage(each, original, page, first, step, progress)
            videos.append(footage)
            content = build_source(each, footage, truth, first, step, progress, other)
            contents.append({**content, "label": labels[0]})
            if other is not None:
                contents[-1]["other"] |= {"label": labels[1]}
        embedded, links = _place_videos(videos, contents, page, embed)
        model = {
            "title": f"{folder_name(tracked.path)} - fairmot report",
            "run": folder_name(tracked.path),
            "sources": contents,
            "scores": None if scores is None else score_content(scores),
        }
        write_page(page, model, embedded)
        linked = links
    finally:
        # A video made for the page stays only where the page needs it.
        for made in videos:
            if made is not None and made.made and made.path not in linked:
                made.path.unlink(missing_ok=True)
    return Report(page, page.stat().st_size, [each.name for each in tracked.sources], linked)


def _footage(
    each: TrackedSource,
    original: Path | None,
    page: Path,
    start: int,
    every: int,
    progress: Progress | None,
) -> Footage | None:
    if original is None:
        return None if each.drawn_video is None else drawn_footage(each.drawn_video, each.size)
    frames = all_frames(start, every)
    if each.drawn_video is not None:  # it has as many frames as were tracked
        frames = range(start, start + every * len(drawn_footage(each.drawn_video).seconds), every)
    elif each.frame_count and (start, every) == (each.start, each.every):
        frames = range(start, start + every * each.frame_count, every)
    return source_footage(original, frames, page.with_name(f"{page.stem}.{each.name}.mp4"), progress)


def _recorded_source(each: TrackedSource, start: int, every: int) -> Path | None:
    """Return the source that the run recorded; beside a drawn video, only if the page can show it unchanged."""
    path = each.source
    if path is None or (start, every) != (each.start, each.every):
        return None
    if each.drawn_video is not None:
        return path if is_playable(path) and path.stat().st_size <= EMBED_BYTES else None
    try:
        reader = read_frames(path, start, None, every)
    except InputError:
        return None
    # The run may have tracked only a part of a folder.
    return None if path.is_dir() and reader.frame_count != each.frame_count else path


def _labels(first: RunFolder, second: RunFolder) -> tuple[str, str]:
    """Return a short name of each run that tells them apart."""
    names = folder_name(first.path), folder_name(second.path)
    if names[0] != names[1]:
        return names
    if first.path.resolve() != second.path.resolve():
        return str(first.path), str(second.path)
    return first.sources[0].rows.path.name, second.sources[0].rows.path.name


def _given_source(source: Path, name: str, source_count: int) -> Path:
    if not source.exists():
        raise InputError(f"{source}: no such file or folder; give what was tracked")
    if source_count == 1:
        return source
    found = [path for path in sorted(source.glob("[!.]*")) if name in (path.name, path.stem)] if source.is_dir() else []
    if not found:
        raise InputError(f"{source}: no {name} in it; for several sources give the folder that holds them")
    return found[0]


def _place_videos(
    videos: list[Footage | None], contents: list[dict[str, Any]], page: Path, embed: bool | None
) -> tuple[dict[int, Footage], list[Path]]:
    present = {number: footage for number, footage in enumerate(videos) if footage is not None}
    total = sum(footage.path.stat().st_size for footage in present.values())
    if embed and total > _MOST_EMBED_BYTES:
        raise InputError(f"{page}: videos of {total / 2**20:.0f} MiB are too large to embed; link to them instead")
    inside = total <= EMBED_BYTES if embed is None else embed
    for number, footage in present.items():
        place = {"element": f"video-{number}"} if inside else {"href": link(page, footage.path)}
        contents[number]["video"] = {"type": footage.media_type, **place}
    return (present, []) if inside else ({}, [footage.path for footage in present.values()])
