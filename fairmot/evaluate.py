"""Journey: evaluate. Sequences to scores: of result files (``score``), or of a detector (``evaluate``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.evaluation.benchmarks import PEDESTRIAN, choose_benchmark
from fairmot.evaluation.classic import classic_scores, combined_classic_scores, count_classic
from fairmot.evaluation.detection import average_precision
from fairmot.evaluation.motchallenge import find_results, find_sequences, load_ground_truth, load_sequence
from fairmot.evaluation.preprocessing import compare
from fairmot.evaluation.rows import NO_CLASS
from fairmot.evaluation.scores import combined_scores, count, sequence_scores
from fairmot.evaluation.tables import write_json
from fairmot.geometry import tlwh_to_xyxy
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
    counts, classic_counts = {}, {}
    for folder, file in zip(folders, files, strict=True):
        sequence = load_sequence(folder, file)
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

    Result files, videos if wanted and ``scores.json`` land in ``output``.

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
        (``AP50``), ``"speed"``: frames and frames/s over all sequences, and ``"output"``: the folder.

    Raises:
        InputError: as ``score`` and ``track``.
    """
    folders = find_sequences(dataset)
    choose_benchmark(benchmark, folders)  # before hours of tracking, not after
    recorder = _Recorder(detector)
    precision: dict[str, dict[str, float]] = {}
    runs: list[TrackRun] = []
    found: list[Detections] = []
    true: _Boxes = []
    folder = Path(output)
    for sequence in folders:
        recorder.found.clear()
        runs += track(
            [sequence],
            recorder,
            tracker_config,
            output=folder,
            overwrite=overwrite or bool(runs),
            video=video,
            progress=progress,
        )
        folder = runs[-1].text.parent
        if runs[-1].interrupted:
            raise KeyboardInterrupt
        boxes = _true_boxes(sequence, len(recorder.found))
        precision[runs[-1].name] = {"AP50": _average_precision(recorder.found, boxes)}
        found += recorder.found
        true += boxes
    report = score(dataset, folder, benchmark, classic=True)
    report["detection"] = {"sequences": precision, "combined": {"AP50": _average_precision(found, true)}}
    frames, seconds = sum(run.frame_count for run in runs), sum(run.seconds for run in runs)
    report["speed"] = {"frames": frames, "frames_per_second": frames / seconds}
    report["output"] = str(folder)
    write_json(report, folder / "scores.json")
    return report


class _Recorder:
    """A detector that remembers what it found, for the score of the detections alone."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.found: list[Detections] = []

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        detections = self.detector(image)
        self.found.append(detections)
        return detections


_Boxes = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
"""For each frame the boxes that count and those to ignore, corners [M, 4]."""


def _true_boxes(sequence: Path, frame_count: int) -> _Boxes:
    _, rows = load_ground_truth(sequence)
    corners = tlwh_to_xyxy(rows.boxes_tlwh)
    counts = (rows.confidences != 0) & np.isin(rows.class_ids, (PEDESTRIAN, NO_CLASS))
    at = [rows.frames == frame for frame in range(frame_count)]
    return [(corners[here & counts], corners[here & ~counts]) for here in at]


def _average_precision(found: list[Detections], boxes: _Boxes) -> float:
    return average_precision(
        [each.boxes_xyxy for each in found],
        [each.scores for each in found],
        [counted for counted, _ in boxes],
        [ignored for _, ignored in boxes],
    )
