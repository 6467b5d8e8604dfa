"""Refine tracks afterwards, when the whole video is known.

1. *Extension*: a track begins where the person was first detected, not where the tracker confirmed it, and takes up
   detections before and after it that no other track has.
2. *Linking* of tracklets by motion, height and appearance (see ``linking``), and of people who come back by appearance.
3. *Removal* of tracklets that are noise: short, or of low scores on average.
4. *Gaps* are filled and every box is smoothed over time (see ``interpolation``).

Where the camera shakes, all of this happens in coordinates in which it does not (see ``shake``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError
from fairmot.tracking.extension import extended
from fairmot.tracking.interpolation import FRAME, IDENTITY, SCORE, interpolate
from fairmot.tracking.linking import Link, fitted_ends, joined_ids, link_round, return_round
from fairmot.tracking.shake import shake_of

FloatRows = NDArray[np.float64]

BOX = slice(2, 6)


@dataclass(frozen=True, slots=True)
class RefineConfig:
    """Parameters of the refinement; times in seconds."""

    extension_seconds: float = 0.5
    """Time before and after a track in which it takes up free detections; 0: none."""
    link_seconds: float = 1.0
    """Longest gap that motion may close; 0: no links."""
    link_cost: float = 0.8
    """Cost of a gap that stays open (see ``linking``)."""
    return_seconds: float = 60.0
    """Longest absence after which somebody is known again by appearance; 0: off."""
    return_distance: float = 0.15
    """Maximum cosine distance of the mean embeddings of a return."""
    min_rows: int = 5
    """Tracks with fewer rows are removed; in a video of fewer than twice as many frames, those with less than half."""
    min_score: float = 0.0
    """Tracks with a lower mean score are removed. 0: none."""
    fill_seconds: float = 0.8
    """Longest gap that is filled."""
    smoothing_seconds: float = 0.12
    """Standard deviation of the Gaussian filter over time; 0: no smoothing."""


@dataclass(frozen=True, slots=True)
class Refined:
    """Refined rows, and what was done."""

    rows: FloatRows
    """Rows [R, columns of the given ones], by frame and identity."""
    links: list[Link]
    """All links that were made, also of tracks that were removed later."""
    removed: dict[int, tuple[int, float]]
    """Identity of each removed track -> number of rows and mean score."""
    extended_count: int
    """Number of free detections that tracks took up."""
    filled_count: int
    """Number of rows in gaps."""
    shake_px: float
    """Standard deviation of the camera's shake from frame to frame that was left out of account; 0: none was seen."""


def refine(
    rows: NDArray[np.floating[Any]],
    frame_rate: float,
    config: RefineConfig | None = None,
    *,
    free: NDArray[np.floating[Any]] | None = None,
    embeddings: Mapping[int, NDArray[np.floating[Any]]] | None = None,
) -> Refined:
    """Refine the tracks of a whole video.

    Args:
        rows: [R, 7 or more], in any order: frame, identity, left, top, width, height, score; further columns are kept.
        frame_rate: tracked frames per second.
        config: parameters.
        free: detections without a track, with the same columns (identity 0); left out: tracks are not extended.
        embeddings: identity -> its embedding [D]; left out: links by motion alone, and no returns.

    Raises:
        InputError: too few columns, an identity twice in a frame, or a frame rate that is not positive.
    """
    settings = RefineConfig() if config is None else config
    table = np.array(rows, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] <= SCORE:
        raise InputError(f"rows {list(table.shape)}: expected frame, identity, left, top, width, height, score")
    if not (np.isfinite(frame_rate) and frame_rate > 0):
        raise InputError(f"frame_rate {frame_rate}: expected a positive number of frames per second")
    before = len(table)
    loose = np.empty((0, table.shape[1])) if free is None else np.array(free, dtype=np.float64)
    frames = np.concatenate([table[:, FRAME], loose[:, FRAME]])
    first = float(frames.min()) if len(frames) else 0.0
    frame_count = int(frames.max() - first) + 1 if len(frames) else 0
    shake = shake_of(table, first, frame_count, frame_rate)
    for given in (table, loose):
        _move(given, first, -shake)
    if settings.extension_seconds > 0:
        table = extended(table, loose, max(1, round(settings.extension_seconds * frame_rate)), frame_rate)
    extended_count = len(table) - before
    table, links = _linked(table, frame_rate, settings, dict(embeddings or {}))
    table, removed = _without_noise(table, settings, frame_count)
    kept = len(table)
    method = "gaussian" if settings.smoothing_seconds > 0 else "linear"
    table = interpolate(
        table,
        round(settings.fill_seconds * frame_rate),
        "gaussian" if method == "gaussian" else "linear",
        max(settings.smoothing_seconds * frame_rate, 1e-3),
    )
    _move(table, first, shake)
    shaken = float(np.sqrt(np.diff(shake, axis=0).var(axis=0).sum())) if frame_count > 1 else 0.0
    return Refined(table, links, removed, extended_count, len(table) - kept, shaken)


def _move(table: FloatRows, first: float, places: FloatRows) -> None:
    """Move the boxes of each frame, in place, by the place of its frame [F, 2]."""
    table[:, 2:4] += places[np.rint(table[:, FRAME] - first).astype(np.intp)]


def _linked(
    table: FloatRows, frame_rate: float, config: RefineConfig, embeddings: dict[int, Any]
) -> tuple[FloatRows, list[Link]]:
    table = table[np.lexsort((table[:, FRAME], table[:, IDENTITY]))]
    made: list[Link] = []
    longest = max(1.0, config.link_seconds * frame_rate)
    reaches = []
    reach = 2.0
    while reach < longest:
        reaches.append(reach)
        reach *= 2
    reaches.append(longest)
    for number, reach in enumerate(reaches if config.link_seconds > 0 else [], start=1):
        ends = fitted_ends(table[:, IDENTITY], table[:, FRAME], table[:, BOX], frame_rate)
        links = link_round(ends, reach, frame_rate, config.link_cost, _vectors(ends.ids, embeddings), number)
        table = _renamed(table, ends, links, embeddings)
        made += links
    if embeddings and config.return_seconds > 0:
        ends = fitted_ends(table[:, IDENTITY], table[:, FRAME], table[:, BOX], frame_rate)
        vectors = _vectors(ends.ids, embeddings)
        if vectors is not None:
            links = return_round(ends, config.return_seconds * frame_rate, config.return_distance, vectors)
            table = _renamed(table, ends, links, embeddings)
            made += links
    return table, made


def _renamed(table: FloatRows, ends: Any, links: list[Link], embeddings: dict[int, Any]) -> FloatRows:
    """Give linked tracklets one identity; in place, the embeddings of both become their sum."""
    names = joined_ids(ends, links)
    for old, new in zip(ends.ids.tolist(), names.tolist(), strict=True):
        if old != new and old in embeddings:
            both = embeddings[old] + embeddings.get(new, 0.0)
            embeddings[new] = both / max(float(np.linalg.norm(both)), 1e-12)
    table = table.copy()
    table[:, IDENTITY] = np.repeat(names, ends.counts)
    ordered: FloatRows = table[np.lexsort((table[:, FRAME], table[:, IDENTITY]))]
    return ordered


def _vectors(ids: NDArray[np.int64], embeddings: dict[int, Any]) -> FloatRows | None:
    """Return the embedding of each identity [T, D], zero where there is none; None without any."""
    known = [vector for vector in embeddings.values() if vector is not None]
    if not known:
        return None
    vectors = np.zeros((len(ids), len(known[0])))
    for row, identity in enumerate(ids.tolist()):
        if identity in embeddings:
            vectors[row] = embeddings[identity]
    return vectors


def _without_noise(
    table: FloatRows, config: RefineConfig, frame_count: int
) -> tuple[FloatRows, dict[int, tuple[int, float]]]:
    ids, place, counts = np.unique(table[:, IDENTITY], return_inverse=True, return_counts=True)
    means = np.bincount(place, table[:, SCORE], len(ids)) / np.maximum(counts, 1)
    is_noise = (counts < min(config.min_rows, frame_count / 2)) | (means < config.min_score)
    removed = {int(ids[row]): (int(counts[row]), float(means[row])) for row in is_noise.nonzero()[0].tolist()}
    return table[~is_noise[place]], removed
