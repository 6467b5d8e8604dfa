"""Everything that the page shows, as one JSON model: plain numbers, and packed columns for long lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.evaluation.hota import ALPHAS
from fairmot.evaluation.tables import CLASSIC, FAMILIES, format_score
from fairmot.formats.rows import Rows
from fairmot.formats.scores import COMBINED
from fairmot.media.outputs.drawing import identity_color
from fairmot.media.outputs.outputs import Outputs
from fairmot.report.errors import spans
from fairmot.report.footage import Footage
from fairmot.report.judged import JudgedSource
from fairmot.report.packing import pack

# Boxes are only drawn: an eighth of a pixel is enough. Scores have three decimals in the files.
BOX_STEPS_PER_PX = 8
SCORE_STEPS = 1000
TIME_STEPS_PER_SECOND = 10_000
# Far outside any frame, and within 32 bits.
_FARTHEST_PX = 1e6

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrackTable:
    """The rows of one source by identity."""

    ids: Ints
    """Identity of each track [T], ascending."""
    order: Ints
    """Rows of the file [N], by track and then by frame."""
    numbers: Ints
    """Track of each row of the file [N], an index into ``ids``."""
    moments: Ints
    """Tracked frame of each row of the file [N], from 0."""
    starts: Ints
    """First place in ``order`` of each track, and N at the end [T + 1]."""


def track_table(rows: Rows, selected: range) -> TrackTable:
    """Sort rows by identity.

    Args:
        rows: result rows.
        selected: index in the source of each tracked frame.

    Raises:
        InputError: a row lies in a frame that was not tracked.
    """
    moments, rest = np.divmod(rows.frames - selected.start, selected.step)
    wrong = (rest != 0) | (moments < 0) | (moments >= len(selected))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise rows.problem(
            row,
            f"frame {rows.frames[row] + 1} is not among the {len(selected)} tracked ones; "
            "give the start, the step between frames and the source with which it was tracked",
        )
    ids, numbers = np.unique(rows.ids, return_inverse=True)
    order = np.lexsort((moments, numbers))
    starts = np.searchsorted(numbers[order], np.arange(len(ids) + 1))
    return TrackTable(ids, order, numbers.astype(np.int64), moments, starts)


def source_content(
    name: str,
    rows: Rows,
    table: TrackTable,
    selected: range,
    *,
    size: tuple[int, int],
    frame_rate: float,
    footage: Footage | None,
    thumbnails: list[str | None],
    scene: str | None,
    judged: JudgedSource | None,
    counts: dict[str, Any] | None = None,
    partners: Ints | None = None,
) -> dict[str, Any]:
    """Return the model of one source.

    Args:
        name: of the source.
        rows: its result rows.
        table: the same by identity.
        selected: index in the source of each tracked frame.
        size: width and height of the frames, pixels.
        frame_rate: tracked frames/s.
        footage: its video.
        thumbnails: data URI of each identity.
        scene: data URI of the first tracked frame.
        judged: its errors.
        counts: what lines and zones counted.
        partners: of each row of the file the track of another run that is the same person, -1: none [N].
    """
    order = table.order
    columns = _row_columns(rows, table)
    if judged is not None:
        wrong = np.zeros(len(rows), dtype=np.int64)
        wrong[judged.errors.false_positives] = 1
        columns["wrong"] = wrong[order]
    if partners is not None:
        columns["partner"] = partners[order]
    content: dict[str, Any] = {
        "name": name,
        "frames": len(selected),
        "start": selected.start,
        "every": selected.step,
        "rate": frame_rate,
        "size": list(size),
        "drawn": footage is not None and footage.drawn,
        "sound": footage is not None and footage.has_sound,
        "video": None,
        "times": None,
        "scene": scene,
        "tracks": _tracks(rows, table, thumbnails),
        "rows": pack(columns),
        "places": _places(counts),
        "truth": None,
    }
    if footage is not None:
        content["times"] = pack({"time": np.rint(footage.seconds * TIME_STEPS_PER_SECOND)})
    if judged is not None:
        content["truth"] = _truth_content(judged, table.ids, len(selected))
    return content


def _row_columns(rows: Rows, table: TrackTable) -> dict[str, Any]:
    order = table.order
    return {
        "track": table.numbers[order],
        "moment": table.moments[order],
        "score": np.rint(rows.confidences[order].clip(-_FARTHEST_PX, _FARTHEST_PX) * SCORE_STEPS),
        **_box_columns(rows.boxes_tlwh[order]),
    }


def _tracks(rows: Rows, table: TrackTable, thumbnails: list[str | None]) -> dict[str, Any]:
    order, first, last = table.order, table.starts[:-1], table.starts[1:] - 1
    lengths = np.diff(table.starts)
    means = np.add.reduceat(rows.confidences[order], first) / lengths if len(lengths) else np.empty(0)
    return {
        "ids": table.ids.tolist(),
        "colors": identity_colors(table.ids),
        "first": (rows.frames[order][first] + 1).tolist(),
        "last": (rows.frames[order][last] + 1).tolist(),
        "lengths": lengths.tolist(),
        "scores": [round(float(mean), 6) for mean in means],
        "thumbnails": thumbnails,
    }


def second_run_content(rows: Rows, table: TrackTable) -> dict[str, Any]:
    """Return what differs between the models of a source in one run and in another: tracks and their rows."""
    return {
        "tracks": _tracks(rows, table, [None] * len(table.ids)),
        "rows": pack(_row_columns(rows, table)),
    }


def refinement_content(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a refinement did: its links by frame, with their costs, and a line of counts."""
    removed, filled, extended = len(record.get("removed", ())), record.get("filled", 0), record.get("extended", 0)
    names = ("identity", "earlier", "later", "last_frame", "first_frame", "round", "cost", "motion", "height")
    links = [{name: link.get(name) for name in (*names, "appearance")} for link in record["links"]]
    shake = f"; a shake of {record['shake_px']:.1f} px left out of account" if record.get("shake_px") else ""
    return {
        "links": sorted(links, key=lambda link: (link["first_frame"], link["identity"])),
        "text": f"{len(links)} links, {removed} tracks removed as noise, {extended} detections taken up, "
        f"{filled} boxes filled in{shake}",
    }


def _places(counts: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return lines and zones, each with its points and with what the run counted there."""
    if counts is None:
        return None
    lines = [(line, f"{line['in']} in, {line['out']} out") for line in counts.get("lines", [])]
    zones = [
        (
            zone,
            f"{zone['identities']} {'identity' if zone['identities'] == 1 else 'identities'}, "
            f"at most {zone['most_at_once']} at once, {zone['mean']:.2f} on average",
        )
        for zone in counts.get("zones", [])
    ]
    return {
        "anchor": counts.get("anchor", "feet"),
        "margin": counts.get("line_margin", Outputs().line_margin),
        **{
            name: [{"name": place["name"], "points": place["points"], "text": text} for place, text in places]
            for name, places in (("lines", lines), ("zones", zones))
        },
    }


def score_content(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the tables as printed by ``fairmot evaluate``, and the curves over alpha."""
    families = [_family(title, scores, names) for title, names in FAMILIES.items()]
    if "classic" in scores:
        families += [_family(title, scores["classic"], names) for title, names in CLASSIC.items()]
    curves = {
        name: {curve: values[f"{curve}_alpha"] for curve in ("HOTA", "DetA", "AssA") if f"{curve}_alpha" in values}
        for name, values in _sequences(scores)
    }
    return {
        "benchmark": scores["benchmark"],
        "families": families,
        "alphas": [round(float(alpha), 2) for alpha in ALPHAS],
        "curves": curves,
    }


def identity_colors(ids: Ints) -> list[str]:
    """Return the colour of each identity, as in the drawn videos: ``#rrggbb``."""
    return ["#{:02x}{:02x}{:02x}".format(*identity_color(identity)) for identity in ids.tolist()]


def _truth_content(judged: JudgedSource, identities: Ints, moments: int) -> dict[str, Any]:
    truth, errors = judged.sequence.truth, judged.errors
    missed = errors.misses
    people = np.unique(truth.ids)
    return {
        "people": people.tolist(),
        "counts": pack({"count": np.bincount(judged.true_frames, minlength=moments)[:moments]}),
        "missed": pack(
            {
                "person": np.searchsorted(people, truth.ids[missed]),
                "moment": truth.frames[missed],
                **_box_columns(truth.boxes_tlwh[missed]),
            }
        ),
        "events": pack(_events(judged, people, identities)),
    }


def _events(judged: JudgedSource, people: Ints, identities: Ints) -> dict[str, Ints]:
    """Every error as an event: kind 0 switch, 1 fragmentation, 2 miss, 3 false positive.

    Misses and false positives in consecutive frames are one event of ``last - first + 1`` errors. People and
    identities are indices into their lists; -1: none.
    """
    truth, results, errors = judged.sequence.truth, judged.sequence.results, judged.errors
    missed = spans(np.searchsorted(people, truth.ids[errors.misses]), truth.frames[errors.misses])
    false = spans(
        np.searchsorted(identities, results.ids[errors.false_positives]), results.frames[errors.false_positives]
    )

    def sightings(result_rows: Ints, true_rows: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        at = results.frames[result_rows]
        person = np.searchsorted(people, truth.ids[true_rows])
        return at, at, person, np.searchsorted(identities, results.ids[result_rows])

    def none(like: Ints) -> Ints:
        return np.full(len(like), -1, dtype=np.int64)

    before = np.searchsorted(identities, errors.identities_before)
    parts = [
        (*sightings(errors.switches, errors.switched_truths), before),
        (*sightings(errors.fragmentations, errors.fragmented_truths), none(errors.fragmentations)),
        (missed.first_frames, missed.last_frames, missed.ids, none(missed.ids), none(missed.ids)),
        (false.first_frames, false.last_frames, none(false.ids), false.ids, none(false.ids)),
    ]
    kinds = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    columns = [np.concatenate([part[place] for part in parts]) for place in range(5)]
    order = np.lexsort((kinds, columns[0]))
    names = ("first", "last", "person", "track", "before")
    return {"kind": kinds[order], **{name: column[order] for name, column in zip(names, columns, strict=True)}}


def _box_columns(boxes_tlwh: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    steps = np.rint(boxes_tlwh.clip(-_FARTHEST_PX, _FARTHEST_PX) * BOX_STEPS_PER_PX)
    return {name: steps[:, place] for place, name in enumerate(("left", "top", "width", "height"))}


def _sequences(scores: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [*scores["sequences"].items(), (COMBINED, scores["combined"])]


def _family(title: str, scores: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return one family of scores as a table; columns that the run's file lacks stay empty."""
    rows = [
        [name, *(format_score(column, values[column]) if column in values else "" for column in names)]
        for name, values in _sequences(scores)
    ]
    return {"title": title, "columns": list(names), "rows": rows}
