"""Journey: evaluate. Sequences to scores: of result files (``score``), or of a detector (``evaluate``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import Benchmark, choose_benchmark
from fairmot.evaluation.classic import classic_scores, combined_classic_scores, count_classic
from fairmot.evaluation.detection import average_precision
from fairmot.evaluation.motchallenge import (
    Sequence,
    SequenceInfo,
    find_results,
    find_sequences,
    load_ground_truth,
    load_sequence,
)
from fairmot.evaluation.pairs import frame_starts
from fairmot.evaluation.preprocessing import compare, true_boxes_that_count
from fairmot.evaluation.rows import Rows, load_rows
from fairmot.evaluation.scores import combined_scores, count, sequence_scores
from fairmot.evaluation.tables import write_json
from fairmot.geometry import tlwh_to_xyxy
from fairmot.media.frames import read_frames
from fairmot.track import Detector, Progress, TrackRun, track


def score(
    ground_truth: str | Path,
    results: str | Path,
    benchmark: str = "auto",
    *,
    classic: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Score text files of any tracker: CLEAR, identity and HOTA, equal to TrackEval's numbers.

    Every frame of a sequence counts, also those without output; rows of the ground truth marked 0 do not.

    Args:
        ground_truth: folder in MOTChallenge layout (``SEQ/gt/gt.txt``, ``SEQ/seqinfo.ini``), or one sequence of it.
        results: folder with ``SEQ.txt`` for each sequence; for a single sequence the file itself will do.
        benchmark: whose pre-processing: ``MOT15``, ``MOT16``, ``MOT17``, ``MOT20``, ``none``; ``auto`` takes it
            from the names of sequences or folders.
        classic: also count the classic table (motmetrics' numbers; it names its columns as printed).
        progress: called with the name of each sequence before it is scored.

    Returns:
        ``{"benchmark": name, "sequences": {name: {field: value}}, "combined": {field: value}}``, plain numbers and
        lists. Fields are TrackEval's; ratios are fractions of 1, counts are integers; of fields that TrackEval gives
        for each overlap threshold, ``NAME_alpha`` is the list and ``NAME`` the mean. With ``classic`` the entry
        ``"classic"`` holds ``sequences`` and ``combined`` of that table.

    Raises:
        InputError: something is missing or a line is wrong (file and line are named), or the benchmark is unclear.
    """
    folders = find_sequences(ground_truth)
    files = find_results(results, folders)
    rules = choose_benchmark(benchmark, folders)
    sequences = (load_sequence(folder, file) for folder, file in zip(folders, files, strict=True))
    return _report(sequences, rules, classic, progress)


def _report(
    sequences: Iterable[Sequence], rules: Benchmark, classic: bool, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    counts, classic_counts = {}, {}
    for sequence in sequences:
        if progress:
            progress(sequence.info.name)
        comparison = compare(sequence, rules)
        counts[sequence.info.name] = count(comparison)
        if classic:
            classic_counts[sequence.info.name] = count_classic(comparison)
    report: dict[str, Any] = {
        "benchmark": rules.name,
        "sequences": {name: sequence_scores(counted) for name, counted in counts.items()},
        "combined": combined_scores(list(counts.values())),
    }
    if classic:
        report["classic"] = {
            "sequences": {name: classic_scores(counted) for name, counted in classic_counts.items()},
            "combined": combined_classic_scores(list(classic_counts.values())),
        }
    return report


def evaluate(
    dataset: str | Path,
    detector: Detector,
    tracker_config: TrackerConfig | None = None,
    *,
    output: str | Path,
    benchmark: str = "auto",
    video: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Track the sequences of a labelled data set and score the result.

    All ground truth is read and checked before the first picture is. Every frame that ``seqinfo.ini`` announces counts:
    one without a picture that can be read is a frame in which nothing was found. Result files, videos if wanted and
    ``scores.json`` land in ``output``.

    Args:
        dataset: folder of sequences in MOTChallenge layout, or one sequence.
        detector: hands over everything above a low score; the tracker decides.
        tracker_config: constants of the tracker; left out: the published ones.
        output: folder for the results; a numbered one beside it if it holds something, unless ``overwrite``.
        benchmark: as for ``score``.
        video: also write a video of each sequence.
        overwrite: replace earlier results.
        progress: told about every frame.

    Returns:
        What ``score`` returns, with the classic table, and ``"detection"``: AP at IoU 0.5 of the detections alone
        (``AP50``), ``"speed"``: frames and frames/s over all sequences, ``"output"``: the folder, and ``"problems"``:
        a line for each sequence of which something could not be read.

    Raises:
        InputError: as ``score`` and ``track``; or a sequence has more pictures than frames.
    """
    folders = find_sequences(dataset)
    rules = choose_benchmark(benchmark, folders)
    truths = [_load_truth(folder, rules) for folder in folders]
    found: dict[str, dict[int, Detections]] = defaultdict(dict)

    def observe(name: str, index: int, detections: Detections) -> None:
        # Without embeddings, which take most of the memory.
        found[name][index] = Detections(detections.boxes_xyxy, detections.scores)

    runs = track(
        folders,
        detector,
        tracker_config,
        output=output,
        overwrite=overwrite,
        video=video,
        observe=observe,
        progress=progress,
    )
    if runs[-1].interrupted:
        raise KeyboardInterrupt
    pairs = list(zip(truths, runs, strict=True))
    sequences = (Sequence(truth.info, truth.rows, load_rows(run.text, truth.info.frame_count)) for truth, run in pairs)
    report = _report(sequences, rules, classic=True)
    detections = [_in_every_frame(found[run.name], truth.info.frame_count) for truth, run in pairs]
    report["detection"] = {
        "sequences": {
            truth.info.name: {"AP50": _average_precision(each, [truth])}
            for truth, each in zip(truths, detections, strict=True)
        },
        "combined": {"AP50": _average_precision([one for each in detections for one in each], truths)},
    }
    frames, seconds = sum(run.frame_count for run in runs), sum(run.seconds for run in runs)
    report["speed"] = {"frames": frames, "frames_per_second": frames / seconds}
    folder = runs[0].text.parent
    report["output"] = str(folder)
    report["problems"] = [problem for truth, run in pairs if (problem := _problem(truth, run))]
    write_json(report, folder / "scores.json")
    return report


_Boxes = list[NDArray[np.float64]]
"""Corners [M, 4] for each frame."""


@dataclass(frozen=True, slots=True)
class _Truth:
    """What is known of a sequence before it is tracked."""

    folder: Path
    info: SequenceInfo
    rows: Rows
    counted: _Boxes
    """The true boxes that count, for each frame that the sequence has."""
    ignored: _Boxes
    """The others."""


def _load_truth(folder: Path, rules: Benchmark) -> _Truth:
    info, rows = load_ground_truth(folder)
    pictures = read_frames(folder).frame_count
    if pictures is not None and pictures > info.frame_count:
        raise InputError(
            f"{folder}: {pictures} pictures, but seqLength in seqinfo.ini is {info.frame_count}; "
            "correct it or take the others away"
        )
    counts = true_boxes_that_count(rows, rules)
    return _Truth(
        folder,
        info,
        rows,
        _boxes_of_frames(rows, counts, info.frame_count),
        _boxes_of_frames(rows, ~counts, info.frame_count),
    )


def _boxes_of_frames(rows: Rows, chosen: NDArray[np.bool_], frame_count: int) -> _Boxes:
    starts = frame_starts(rows.frames[chosen], frame_count)
    boxes: _Boxes = np.split(tlwh_to_xyxy(rows.boxes_tlwh[chosen]), starts[1:-1])
    return boxes


def _in_every_frame(found: dict[int, Detections], frame_count: int) -> list[Detections]:
    """Detections by frame index; none where there was no picture."""
    nothing = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    return [found.get(index, nothing) for index in range(frame_count)]


def _average_precision(found: list[Detections], truths: list[_Truth]) -> float:
    return average_precision(
        [each.boxes_xyxy for each in found],
        [each.scores for each in found],
        [boxes for truth in truths for boxes in truth.counted],
        [boxes for truth in truths for boxes in truth.ignored],
    )


def _problem(truth: _Truth, run: TrackRun) -> str | None:
    if run.problem or run.frame_count == truth.info.frame_count:
        return run.problem
    return (
        f"{truth.folder}: {run.frame_count} pictures for {truth.info.frame_count} frames (seqLength in seqinfo.ini); "
        "the others count as frames without results"
    )
