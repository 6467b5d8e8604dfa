"""Workflow ``explain``. Each error in results, as CLEAR counts it, and the costs and decisions behind it."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import check_classes, choose_benchmark
from fairmot.evaluation.errors import ERROR_KINDS, TrackingError, find_tracking_errors
from fairmot.evaluation.preprocessing import classes_apart
from fairmot.formats.halves import load_second_half
from fairmot.formats.refined import load_refinement
from fairmot.formats.sequences import find_results, find_sequences, load_sequence, sequence_name
from fairmot.tracking.matching import Stage
from fairmot.tracking.pair_costs import Reason, TrackState
from fairmot.tracking.record import Event, Fate, RecordTables, load_record

RECORD_SUFFIX = ".record.npz"

# A track or a detection is listed if it overlaps a box of the error by at least this much.
NEAR_IOU = 0.1


@dataclass(frozen=True, slots=True)
class Explanation:
    """One error, and the part of the tracker's record that belongs to it."""

    error: TrackingError
    tracks: list[dict[str, Any]]
    """Tracks near the error's boxes: predicted box, state, and the detection matched or the reason for none."""
    detections: list[dict[str, Any]]
    """Detections near the error's boxes: score and fate."""
    pairs: list[dict[str, Any]]
    """Costs of the competing matches among them, lowest first."""
    events: list[dict[str, Any]]
    """Events in this frame of the identities involved."""
    links: list[dict[str, Any]]
    """Links of the refinement that made the identities involved, where the results are refined."""

    def as_json(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""
        return {
            **self.error.as_json(),
            "tracks": self.tracks,
            "detections": self.detections,
            "pairs": self.pairs,
            "events": self.events,
            "links": self.links,
        }


def explain(
    ground_truth: str | Path,
    results: str | Path,
    benchmark: str = "auto",
    *,
    sequence: str | None = None,
    kinds: tuple[str, ...] = ERROR_KINDS,
    frame: int | None = None,
    identity: int | None = None,
    record: str | Path | None = None,
    every: int = 1,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
) -> dict[str, list[Explanation]]:
    """Find every switch, fragmentation, miss and false positive, with the tracker's costs and decisions there.

    Args:
        ground_truth: data set or sequence in MOTChallenge layout.
        results: folder of result files, or one file.
        benchmark: whose pre-processing, as for ``score``.
        sequence: only this one.
        kinds: which errors, of ``ERROR_KINDS``.
        frame: only errors in this frame number.
        identity: only errors of this identity in the results, or of this person in the ground truth.
        record: the tracker's record of the (one) sequence; default: ``SEQ.record.npz`` beside the result file, if it
            exists. Without a record errors come without costs.
        every: as for ``track``: step between tracked frames.
        half_val: results and ground truth are of the second half, as for ``score``.
        classes: compare each of these classes by itself, as ``score`` does; default: all boxes alike, or each class
            that occurs if the results hold more than people.

    Returns:
        Sequence name -> explanations, by frame.

    Raises:
        InputError: something is missing or a line is wrong, an unknown kind or sequence, or a record that does not
            belong to the results.
    """
    if wrong := [kind for kind in kinds if kind not in ERROR_KINDS]:
        raise InputError(f"no such error: {', '.join(wrong)}; there are {', '.join(ERROR_KINDS)}")
    folders = find_sequences(ground_truth)
    if sequence is not None:
        folders = [folder for folder in folders if sequence_name(folder) == sequence]
        if not folders:
            raise InputError(f"{ground_truth}: no sequence {sequence!r}")
    elif Path(results).is_file() and len(folders) > 1:
        folders = [folder for folder in folders if sequence_name(folder) == Path(results).stem] or folders
    files = find_results(results, folders)
    if record is not None and len(folders) > 1:
        raise InputError(f"{record}: one record for {len(folders)} sequences; choose one sequence")
    rules = choose_benchmark(benchmark, folders)
    pairs = [(load_second_half if half_val else load_sequence)(*both) for both in zip(folders, files, strict=True)]
    if classes is not None:
        check_classes(rules, classes)
    else:
        classes = classes_apart(rules, pairs)
    explained = {}
    for pair, file in zip(pairs, files, strict=True):
        errors = [
            error
            for error in find_tracking_errors(pair, rules, classes)
            if error.kind in kinds
            and frame in (None, error.frame)
            and (identity is None or identity in (error.identity, error.identity_before, error.person))
        ]
        path = Path(record) if record is not None else file.with_name(f"{file.stem}{RECORD_SUFFIX}")
        tables = load_record(path) if record is not None or path.is_file() else None
        if tables is None and every != 1:
            raise InputError(f"{path}: no such record; a step between frames means nothing without one")
        if tables is not None:
            _check_record(tables, path, pair.results.frames // every, file, half_val)
        links = (load_refinement(file) or {"links": []})["links"]
        explained[pair.info.name] = [_explained(error, tables, every, links) for error in errors]
    return explained


def _check_record(tables: RecordTables, path: Path, frames: Any, file: Path, half_val: bool) -> None:
    if half_val:
        raise InputError(
            f"{path}: a record numbers the frames of the whole video; explain results of the whole sequence"
        )
    strange = np.setdiff1d(frames, tables.frames["frame"])
    if len(strange):
        raise InputError(
            f"{path}: not the record of {file}: it has no frame {int(strange[0]) + 1}, which has rows there"
        )


def _explained(
    error: TrackingError, tables: RecordTables | None, every: int, links: list[dict[str, Any]]
) -> Explanation:
    own = [link for link in links if link["identity"] in (error.identity, error.identity_before)]
    if tables is None:
        return Explanation(error, [], [], [], [], own)
    index = (error.frame - 1) // every
    tracks, found, pairs, events = (
        table[table["frame"] == index] for table in (tables.tracks, tables.detections, tables.pairs, tables.events)
    )
    boxes = np.array([box for box in (error.true_box, error.box) if box is not None], dtype=np.float64)
    boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    identities = [one for one in (error.identity, error.identity_before) if one is not None]
    near_tracks = _overlaps(tracks["box_xyxy"], boxes) | np.isin(tracks["identity"], identities)
    near_found = _overlaps(found["box_xyxy"], boxes) | np.isin(found["identity"], identities)
    tracks, found = tracks[near_tracks], found[near_found]
    pairs = pairs[np.isin(pairs["identity"], tracks["identity"]) & np.isin(pairs["detection"], found["detection"])]
    pairs = pairs[np.lexsort((-pairs["iou"], pairs["cost"]))]
    involved = np.concatenate([np.array(identities, dtype=np.int64), tracks["identity"], found["identity"]])
    events = events[np.isin(events["identity"], involved)]
    return Explanation(
        error,
        [
            {
                "identity": int(row["identity"]),
                "box": _tlwh(row["box_xyxy"]),
                "state": TrackState(row["state"]).name.lower(),
                "detection": int(row["detection"]) if row["detection"] >= 0 else None,
                "stage": Stage(row["stage"]).name.lower() if row["detection"] >= 0 else None,
                "reason": Reason(row["reason"]).name.lower(),
            }
            for row in tracks
        ],
        [
            {
                "detection": int(row["detection"]),
                "box": _tlwh(row["box_xyxy"]),
                "score": round(float(row["score"]), 4),
                "fate": Fate(row["fate"]).name.lower(),
                "identity": int(row["identity"]) or None,
            }
            for row in found
        ],
        [
            {
                "identity": int(row["identity"]),
                "detection": int(row["detection"]),
                "appearance": _number(row["appearance"]),
                "motion": _number(row["motion"]),
                "iou": _number(row["iou"]),
                "in_gate": bool(row["in_gate"]),
                "cost": _number(row["cost"]),
                "matched_in": Stage(row["stage"]).name.lower() if row["stage"] else None,
            }
            for row in pairs
        ],
        [
            {
                "identity": int(row["identity"]),
                "event": Event(row["kind"]).name.lower(),
                "other": int(row["other"]) if row["other"] >= 0 else None,
            }
            for row in events
        ],
        own,
    )


def _overlaps(boxes: Any, others: Any) -> Any:
    """Mark the boxes [N, 4] that lie on one of the others [M, 4] by at least ``NEAR_IOU``."""
    a, b = np.asarray(boxes, dtype=np.float64)[:, None], others[None]
    inside = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (a, b)]
    return (inside >= NEAR_IOU * (areas[0] + areas[1] - inside)).any(axis=1) if len(boxes) else np.zeros(0, dtype=bool)


def _tlwh(box: Any) -> list[float]:
    left, top, right, bottom = (float(value) for value in box)
    return [round(value, 2) for value in (left, top, right - left, bottom - top)]


def _number(value: Any) -> float | None:
    """Return a JSON number; None for what is infinite or was not computed."""
    return round(float(value), 5) if np.isfinite(value) else None
