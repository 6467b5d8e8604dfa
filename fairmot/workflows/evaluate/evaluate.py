"""Workflow ``evaluate``. Track the sequences of a data set with a detector, and score the results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import choose_benchmark
from fairmot.evaluation.scoring import count_sequence, report_of
from fairmot.evaluation.truth import detection_report
from fairmot.files import replacing
from fairmot.formats.rows import format_rows, load_rows
from fairmot.formats.run_file import RUN_FILE
from fairmot.formats.scores import FILE as SCORES_FILE
from fairmot.formats.scores import write_scores
from fairmot.formats.seqinfo import load_info
from fairmot.formats.sequences import Sequence, find_sequences, find_test_sequences
from fairmot.media.outputs.results import result_folder
from fairmot.media.sources.frames import read_frames
from fairmot.progress import Progress
from fairmot.workflows.evaluate.run import EvaluationRun, archive, classes_and_detector, problems, speed
from fairmot.workflows.evaluate.truth import load_truth
from fairmot.workflows.track.track import ImageDetector, TrackRun


def evaluate(
    dataset: str | Path,
    detector: ImageDetector,
    run: EvaluationRun,
    tracker_config: TrackerConfig | None = None,
    *,
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
    zipped: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Track the sequences of a labelled data set and score the result.

    All ground truth is read and checked before the first image. Every frame counts, up to ``seqLength`` in
    ``seqinfo.ini``: a frame without a readable image is one without detections. Result files, videos if requested and
    ``scores.json`` land in ``run.output``.

    Args:
        dataset: folder of sequences in MOTChallenge layout, or one sequence.
        detector: returns everything above a low score; the tracker applies its own score thresholds.
        run: what is written, and where.
        tracker_config: the tracker's parameters; default: as for ``track``.
        half_val: track and score the second half of each sequence; its result rows count frames from 1 in it.
        classes: score each of these classes by itself, and together, as ``score`` does; class 1 of the ground truth is
            the network's class 0. Default: people where the benchmark has no other class, else all of the network's.
        zipped: also zip the result files for the benchmark's server.
        progress: called as ``progress(sequence, frames done, frames)`` after every frame.

    Returns:
        What ``score`` returns, with the classic table, and ``"detection"``: AP at IoU 0.5 of the detections alone
        (``AP50``), ``"speed"``: frames, seconds and frames/s over all sequences, ``"output"``: the folder,
        ``"archive"``: the zip if requested, and ``"problems"``: a line for each sequence that could not be read whole.

    Raises:
        InputError: as ``score`` and ``track``; or a sequence has more images than frames.
    """
    folders = find_sequences(dataset)
    rules = choose_benchmark(run.benchmark, folders)
    classes, detector = classes_and_detector(classes, rules, detector)
    for folder in folders:
        _check_images(folder)
    truths = [load_truth(folder, rules, half_val) for folder in folders]
    found: dict[str, dict[int, Detections]] = defaultdict(dict)

    def observe(name: str, index: int, detections: Detections) -> None:
        # Without embeddings, which take most of the memory.
        found[name][index] = Detections(detections.boxes_xyxy, detections.scores, class_ids=detections.class_ids)

    kept = result_folder(Path(run.output), run.overwrite)
    run = replace(run, output=kept, overwrite=True)
    tracked: list[TrackRun] = []
    # Second halves begin at different frames.
    for group in [[truth] for truth in truths] if half_val else [truths]:
        places, start = [truth.folder for truth in group], group[0].first_frame or None
        tracked += run.track(places, detector, tracker_config, start=start, observe=observe, progress=progress)
        if half_val:
            _count_from_one(tracked[-1].text, group[0].first_frame)
            # It describes the last sequence alone, with other frame numbers than the rows have.
            (kept / RUN_FILE).unlink(missing_ok=True)
    run.fill(tracked)
    counted = {}
    for truth, each in zip(truths, tracked, strict=True):
        sequence = Sequence(truth.info, truth.rows, load_rows(each.text, truth.info.frame_count))
        counted[truth.info.name] = count_sequence(sequence, rules, True, classes)
    report = report_of(counted, rules, classes, half_val)
    report["detection"] = detection_report(truths, [found[each.name] for each in tracked], classes)
    report["speed"] = speed(tracked)
    report["output"] = str(kept)
    infos = [truth.info for truth in truths]
    if zipped:
        report["archive"] = str(archive(tracked, infos, rules, kept))
    report["problems"] = problems([truth.folder for truth in truths], infos, tracked)
    write_scores(report, kept / SCORES_FILE)
    return report


def track_test_set(
    dataset: str | Path,
    detector: ImageDetector,
    run: EvaluationRun,
    tracker_config: TrackerConfig | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Track a test set, whose ground truth only the benchmark's server has, and zip the results for it.

    Args: as ``evaluate``.

    Returns:
        ``"benchmark"``, ``"speed"``, ``"output"``, ``"archive"`` and ``"problems"`` as ``evaluate``; no scores.

    Raises:
        InputError: as ``evaluate``; or some sequence has ground truth.
    """
    folders = find_test_sequences(dataset)
    if not folders:
        raise InputError(f"{dataset}: not a test set (sequences with seqinfo.ini and without gt/gt.txt)")
    rules = choose_benchmark(run.benchmark, folders)
    _, detector = classes_and_detector(None, rules, detector)
    infos = [load_info(folder) for folder in folders]
    tracked = run.track(folders, detector, tracker_config, progress=progress)
    run.fill(tracked)
    kept = tracked[0].text.parent
    return {
        "benchmark": rules.name,
        "speed": speed(tracked),
        "output": str(kept),
        "archive": str(archive(tracked, infos, rules, kept)),
        "problems": problems(folders, infos, tracked),
    }


def _check_images(folder: Path) -> None:
    frame_count, images = load_info(folder).frame_count, read_frames(folder).frame_count
    if images is not None and images > frame_count:
        raise InputError(
            f"{folder}: {images} images, but seqLength in seqinfo.ini is {frame_count}; "
            "correct it, or remove the others"
        )


def _count_from_one(text: Path, first_frame: int) -> None:
    """Renumber the frames of a result file: those of its second half count from 1."""
    rows = load_rows(text)
    lines = format_rows(rows.frames + 1 - first_frame, rows.ids, rows.boxes_tlwh, rows.confidences, rows.others)
    with replacing(text) as temporary:
        temporary.write_text(lines, encoding="ascii")
