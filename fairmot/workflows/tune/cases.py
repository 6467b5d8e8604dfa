"""Sequences to tune on: saved detections and ground truth, tracked and counted with any configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.errors import InputError, closest_name
from fairmot.evaluation.benchmarks import Benchmark, choose_benchmark
from fairmot.evaluation.scores import SequenceCounts, combined_scores
from fairmot.evaluation.scoring import count_sequence
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.recordings import SUFFIX, Recording, load_recording
from fairmot.formats.rows import NO_CLASS, Rows, load_rows
from fairmot.formats.seqinfo import SequenceInfo
from fairmot.formats.sequences import Sequence as ScoredSequence
from fairmot.formats.sequences import find_sequences, sequence_name
from fairmot.geometry import xyxy_to_tlwh
from fairmot.workflows.track.replay import replay, tracked_frames


@dataclass(frozen=True, slots=True)
class TuningCase:
    """One sequence: its detections and its ground truth."""

    recording: Recording
    folder: Path
    """Of the ground truth."""
    info: SequenceInfo
    truth: Rows


def load_cases(
    ground_truth: str | Path, detections: str | Path, held_out: Sequence[str], benchmark: str
) -> tuple[list[TuningCase], list[TuningCase], Benchmark]:
    """Return the sequences to tune on, those held out, and the pre-processing; arguments as for ``tune``.

    Raises:
        InputError: detections or ground truth are missing or do not belong together, or nothing is left to tune on.
    """
    folders = find_sequences(ground_truth)
    names = [sequence_name(folder) for folder in folders]
    for name in held_out:
        if name not in names:
            raise InputError(f"held-out sequence {name}: not in {ground_truth}{closest_name(name, names)}")
    if set(held_out) == set(names):
        raise InputError("every sequence is held out: nothing is left to tune on")
    rules = choose_benchmark(benchmark, folders)
    cases = [_load_case(detections, folder, len(folders) == 1) for folder in folders]
    return (
        [case for case in cases if case.info.name not in held_out],
        [case for case in cases if case.info.name in held_out],
        rules,
    )


def _load_case(detections: str | Path, folder: Path, is_only: bool) -> TuningCase:
    place, name = Path(detections), sequence_name(folder)
    candidates = [place / f"{name}{SUFFIX}", place / f"{name}.txt", place / name / "det" / "det.txt"]
    if is_only:
        candidates = [place, place / "det" / "det.txt", *candidates]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        raise InputError(f"{place}: no detections of {name}; expected {name}{SUFFIX}, {name}.txt or {name}/det/det.txt")
    recording = load_recording(path)
    info, rows = load_ground_truth(folder)
    last = int(recording.frame_indices[-1]) + 1 if len(recording) else 0
    if last > info.frame_count:
        raise InputError(f"{path}: frame {last}, but {folder} has {info.frame_count}: not this sequence's detections")
    return TuningCase(recording, folder, info, rows)


def count_case(case: TuningCase, config: TrackerConfig, rules: Benchmark) -> SequenceCounts:
    """Track one sequence and count, without files."""
    frames, ids, boxes, scores = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty((0, 4))], [np.empty(0)]
    for index, tracks in tracked_frames(case.recording, config):
        frames.append(np.full(len(tracks), index))
        ids.append(tracks.ids)
        boxes.append(xyxy_to_tlwh(tracks.boxes_xyxy))
        scores.append(tracks.scores)
    count = sum(map(len, ids))
    rows = Rows(
        path=case.recording.path,
        lines=np.arange(count),
        frames=np.concatenate(frames),
        ids=np.concatenate(ids),
        boxes_tlwh=np.concatenate(boxes).round(3),  # as in result files
        confidences=np.concatenate(scores),
        class_ids=np.full(count, NO_CLASS),
        others=np.empty((count, 0)),
    )
    return count_sequence(ScoredSequence(case.info, case.truth, rows), rules).counts[None]


def score_cases(cases: list[TuningCase], config: TrackerConfig, rules: Benchmark, folder: Path) -> dict[str, float]:
    """Write result files and return HOTA, MOTA, IDF1 and IDSW of all together, as ``fairmot score`` does.

    Raises:
        KeyboardInterrupt: a signal arrived.
    """
    runs = replay([case.recording for case in cases], config, output=folder, overwrite=True)
    if runs[-1].interrupted:
        raise KeyboardInterrupt  # the results of a tuning are written with all scores or not at all
    counts = []
    for case, run in zip(cases, runs, strict=True):
        sequence = ScoredSequence(case.info, case.truth, load_rows(run.text, case.info.frame_count))
        counts.append(count_sequence(sequence, rules).counts[None])
    scores = combined_scores(counts)
    return {name: scores[name] for name in ("HOTA", "MOTA", "IDF1", "IDSW")}
