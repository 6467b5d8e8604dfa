"""Two runs over the same video: which boxes are of the same person, and where the runs differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import choose_benchmark
from fairmot.evaluation.clear import match_clear
from fairmot.evaluation.preprocessing import compare
from fairmot.formats.rows import NO_CLASS, Rows
from fairmot.formats.seqinfo import SequenceInfo
from fairmot.formats.sequences import Sequence
from fairmot.report.content import TrackTable
from fairmot.report.errors import errors_by_kind, spans
from fairmot.report.run_folder import RunFolder, TrackedSource

ONLY_FIRST, ONLY_SECOND, IDENTITIES_DIFFER = range(3)
"""Kinds of differences."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs between the first and the second run."""

    partners: Ints
    """Of each row of the first run the track of the second that is the same person, -1: none [N]."""
    events: dict[str, Ints]
    """Columns by time: ``kind``; ``first`` and ``last`` moment; ``track``, an index into the identities of the first
    run, and ``second``, one into those of the second, -1: none; ``before``, the identity until then, and
    ``backward``, 1: a person of the second run has two identities in the first, so that ``before`` is one of those."""


def partner_sources(first: RunFolder, second: RunFolder) -> list[TrackedSource]:
    """Return the source of the second run for each of the first.

    Two runs of one source each belong together whatever their names.

    Raises:
        InputError: a source is missing in the second run, or a run hid the people whom the other shows.
    """
    if len(first.sources) == len(second.sources) == 1:
        found = second.sources
    else:
        named = {source.name: source for source in second.sources}
        missing = [source.name for source in first.sources if source.name not in named]
        if missing:
            raise InputError(f"{second.path}: no results for {', '.join(missing)}, which {first.path} has")
        found = [named[source.name] for source in first.sources]
    for one, other in zip(first.sources, found, strict=True):
        if (one.start, one.every) != (other.start, other.every):
            raise InputError(
                f"{second.path}: {other.name} was tracked from frame {other.start + 1} with step {other.every}, but in "
                f"{first.path} from {one.start + 1} with step {one.every}; compare runs over the same frames"
            )
    return found


def find_differences(first: Rows, first_table: TrackTable, second: Rows, second_table: TrackTable) -> Differences:
    """Match the boxes of two runs as CLEAR matches results with ground truth, each run once as the ground truth.

    Args:
        first: rows of the first run.
        first_table: the same by identity.
        second: rows of the second run.
        second_table: the same by identity.
    """
    one, other = _plain(first, first_table), _plain(second, second_table)
    moments = 1 + max(int(side.frames.max(initial=-1)) for side in (one, other))
    info = SequenceInfo("comparison", max(1, moments), None, None)
    sequence = Sequence(info, one, other)
    comparison = compare(sequence, choose_benchmark("none", []))
    matches = match_clear(comparison)
    partners = np.full(len(first), -1, dtype=np.int64)
    partners[comparison.truth.rows[matches.truths]] = second_table.numbers[comparison.results.rows[matches.results]]

    forward = errors_by_kind(sequence, [comparison])
    reversed_sequence = Sequence(info, other, one)
    backward = errors_by_kind(reversed_sequence, [compare(reversed_sequence, choose_benchmark("none", []))])
    missed = spans(first_table.numbers[forward.misses], one.frames[forward.misses])
    added = spans(second_table.numbers[forward.false_positives], other.frames[forward.false_positives])

    def none(count: int) -> Ints:
        return np.full(count, -1, dtype=np.int64)

    def constant(count: int, value: int) -> Ints:
        return np.full(count, value, dtype=np.int64)

    names = ("kind", "first", "last", "track", "second", "before", "backward")
    parts: list[tuple[Ints, ...]] = []
    for kind, found, columns in (
        (ONLY_FIRST, missed, (missed.ids, none(len(missed.ids)))),
        (ONLY_SECOND, added, (none(len(added.ids)), added.ids)),
    ):
        count = len(found.ids)
        times = (constant(count, kind), found.first_frames, found.last_frames)
        parts.append((*times, *columns, none(count), constant(count, 0)))
    for is_backward, errors, whole, part_table, whole_table in (
        (0, forward, one, second_table, first_table),
        (1, backward, other, first_table, second_table),
    ):
        persons, parts_of = whole_table.numbers[errors.switched_truths], part_table.numbers[errors.switches]
        at, count = whole.frames[errors.switched_truths], len(errors.switches)
        track, partner = (parts_of, persons) if is_backward else (persons, parts_of)
        before = np.searchsorted(part_table.ids, errors.identities_before)
        kinds = constant(count, IDENTITIES_DIFFER)
        parts.append((kinds, at, at, track, partner, before, constant(count, is_backward)))
    columns_of = {name: np.concatenate([part[place] for part in parts]) for place, name in enumerate(names)}
    order = np.lexsort((columns_of["kind"], columns_of["first"]))
    return Differences(partners, {name: column[order] for name, column in columns_of.items()})


def _plain(rows: Rows, table: TrackTable) -> Rows:
    """Return the rows in tracked frames from 0, all of them counting, whatever their scores and classes."""
    return replace(
        rows,
        frames=table.moments,
        confidences=np.ones(len(rows)),
        class_ids=np.full(len(rows), NO_CLASS, dtype=np.int64),
    )
