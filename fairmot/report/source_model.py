"""The model of one source of a run: its rows, thumbnails and errors, and the second run beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fairmot.progress import Progress
from fairmot.report.content import TrackTable, refinement_content, second_run_content, source_content, track_table
from fairmot.report.differences import Differences, find_differences
from fairmot.report.footage import Footage
from fairmot.report.judged import JudgedSource
from fairmot.report.packing import pack
from fairmot.report.run_folder import TrackedSource
from fairmot.report.thumbnails import best_rows, cut_thumbnails

_DEFAULT_RATE = 25.0
# A thumbnail takes about 3 kB.
_MOST_THUMBNAILS = 400


def build_source(
    each: TrackedSource,
    footage: Footage | None,
    judged: JudgedSource | None,
    start: int,
    every: int,
    progress: Progress | None,
    other: TrackedSource | None = None,
) -> dict[str, Any]:
    """Return the model of one source.

    Args:
        each: the source.
        footage: its video.
        judged: its errors.
        start: index of the first tracked frame.
        every: step between tracked frames.
        progress: called for every frame that is read.
        other: the same source in a second run, to be compared with.

    Raises:
        InputError: rows lie in frames that were not tracked, or the video cannot be read.
    """
    frame_count = None if judged is None else judged.sequence.info.frame_count
    if frame_count is None and footage is not None:
        frame_count = len(footage.seconds)
    rows = each.rows
    if frame_count is None:
        # The number of frames is unknown: count up to the last one with a box.
        last = max(int(side.frames.max(initial=start)) for side in (rows, rows if other is None else other.rows))
        frame_count = (last - start) // every + 1
    selected = range(start, start + max(1, frame_count) * every, every)
    table = track_table(rows, selected)

    size = None if footage is None else footage.size
    if size is None and judged is not None:
        size = judged.sequence.info.image_size
    if size is None:
        corners = rows.boxes_tlwh[:, :2] + rows.boxes_tlwh[:, 2:]
        size = (round(float(corners[:, 0].max())), round(float(corners[:, 1].max()))) if len(rows) else (16, 9)
    thumbnails: list[str | None] = [None] * len(table.ids)
    scene = None
    if footage is not None:
        best = best_rows(table.numbers, rows.boxes_tlwh, rows.confidences, size)
        longest = np.argsort(-np.diff(table.starts), kind="stable")[:_MOST_THUMBNAILS]
        chosen = best[longest]
        cut, scene = cut_thumbnails(footage, table.moments[chosen], rows.boxes_tlwh[chosen], each.name, progress)
        for number, thumbnail in zip(longest.tolist(), cut, strict=True):
            thumbnails[number] = thumbnail
    differences: Differences | None = None
    second: TrackTable | None = None
    if other is not None:
        second = track_table(other.rows, selected)
        differences = find_differences(rows, table, other.rows, second)
    content = source_content(
        each.name,
        rows,
        table,
        selected,
        size=(max(1, size[0]), max(1, size[1])),
        frame_rate=_frame_rate(footage, judged),
        footage=footage,
        thumbnails=thumbnails,
        scene=scene,
        judged=judged,
        counts=each.counts,
        partners=None if differences is None else differences.partners,
    )
    content["file"] = each.file_name
    content["refinement"] = None if each.refinement is None else refinement_content(each.refinement)
    content["other"] = content["differences"] = None
    if other is not None and second is not None and differences is not None:
        content["other"] = second_run_content(other.rows, second)
        content["differences"] = pack(differences.events)
    return content


def _frame_rate(footage: Footage | None, judged: JudgedSource | None) -> float:
    """Tracked frames/s."""
    if footage is not None and len(footage.seconds) > 1 and footage.seconds[-1] > footage.seconds[0]:
        return float((len(footage.seconds) - 1) / (footage.seconds[-1] - footage.seconds[0]))
    stated = None if judged is None else judged.sequence.info.frame_rate
    return stated or _DEFAULT_RATE
