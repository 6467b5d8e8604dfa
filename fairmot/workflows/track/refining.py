"""Refine the rows of a source when it is tracked to its end; the online rows stay beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.formats.refined import ONLINE_SUFFIX, REFINED_SUFFIX
from fairmot.formats.rows import format_rows
from fairmot.tracking.interpolation import BOX, FRAME, IDENTITY, SCORE
from fairmot.tracking.refine import RefineConfig, refine
from fairmot.tracking.tracklets import TrackletMemory

SCORE_PART = 0.95
"""A track that starts, or is confirmed, at a score and falls below this part of it on average is noise."""


@dataclass(frozen=True, slots=True)
class RefinedCounts:
    """Counts after the refinement."""

    rows: int
    identities: int


def settings_for(tracker: TrackerConfig) -> RefineConfig:
    """Return the parameters that go with those of the tracker."""
    least = max(tracker.confidence, tracker.start_confidence, tracker.confirmation_score)
    return RefineConfig(min_score=SCORE_PART * least)


def memory_for(tracker: TrackerConfig) -> TrackletMemory:
    """Return an empty memory; detections that the tracker would not start from are not kept."""
    return TrackletMemory(tracker.confidence)


def refine_results(
    text: Path, memory: TrackletMemory, frame_rate: float, every: int, tracker: TrackerConfig
) -> RefinedCounts:
    """Replace a file of result rows by the refined ones; keep the online rows, and write what was done.

    Args:
        text: file of the online rows, ``NAME.txt``; they move to ``NAME.online.txt``.
        memory: what was tracked; frames are indices in the source.
        frame_rate: tracked frames per second.
        every: step from one tracked frame to the next: only tracked frames get rows.
        tracker: parameters of the tracker.

    Raises:
        InputError: a file cannot be written.
    """
    rows, free = memory.rows, memory.free
    first = min((table[:, FRAME].min() for table in (rows, free) if len(table)), default=0.0)
    for table in (rows, free):
        table[:, FRAME] = (table[:, FRAME] - first) / every
    config = settings_for(tracker)
    refined = refine(rows, frame_rate, config, free=free, embeddings=memory.embeddings)
    done = refined.rows
    numbers = np.rint(done[:, FRAME] * every + first + 1)
    classes = done[:, SCORE + 1]
    others = np.full((len(done), 3), -1)
    others[:, 0] = np.where(classes > 0, classes + 1, -1)  # as the online rows (fairmot.media.outputs.rows)
    written = format_rows(numbers, done[:, IDENTITY], done[:, BOX], done[:, SCORE], others)
    parents = {link.later: link.earlier for link in refined.links}
    scale = {"last_frame": every, "first_frame": every}
    note: dict[str, Any] = {
        "config": asdict(config),
        "extended": refined.extended_count,
        "filled": refined.filled_count,
        "shake_px": round(refined.shake_px, 2),
        "removed": [
            {"identity": one, "rows": count, "mean_score": round(score, 4)}
            for one, (count, score) in refined.removed.items()
        ],
        "links": [
            {"identity": _root(link.earlier, parents)}
            | {
                name: round(value * scale[name] + first + 1) if name in scale else _plain(value)
                for name, value in link._asdict().items()
            }
            for link in refined.links
        ],
    }
    try:
        with replacing(text.with_name(f"{text.stem}{ONLINE_SUFFIX}")) as temporary:
            temporary.write_bytes(text.read_bytes())
        with replacing(text) as temporary:
            temporary.write_text(written, encoding="ascii")
        with replacing(text.with_name(f"{text.stem}{REFINED_SUFFIX}")) as temporary:
            temporary.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{text}: cannot be written ({error.strerror})") from error
    return RefinedCounts(len(done), len(np.unique(done[:, IDENTITY])))


def _root(identity: int, parents: dict[int, int]) -> int:
    """Return the identity that a tracklet has after all links."""
    while identity in parents:
        identity = parents[identity]
    return identity


def _plain(value: float) -> float | int | None:
    """Return a JSON number; None for what was not computed."""
    if isinstance(value, int):
        return value
    return round(value, 4) if np.isfinite(value) else None
