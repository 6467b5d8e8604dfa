"""Workflow ``evaluate``. Sequences to scores: of result files (``score``), or of a detector (``evaluate``)."""

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
from fairmot.evaluation.scoring import score as score  # of result files alone; found here like the workflow
from fairmot.evaluation.tables import write_json
from fairmot.evaluation.truth import detection_report, load_truth
from fairmot.files import replacing
from fairmot.formats.motchallenge import Sequence, find_sequences, find_test_sequences, load_info
from fairmot.formats.rows import load_rows
from fairmot.media.outputs.results import result_folder
from fairmot.media.sources.frames import read_frames
from fairmot.progress import Progress
from fairmot.workflows.evaluate.run import EvaluationRun, archive, classes_and_detector, problems, speed
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

    All ground truth is read and checked before the first image is. Every frame that ``seqinfo.ini`` announces counts:
    one without an image that can be read is a frame in which nothing was found. Result files, videos if wanted and
    ``scores.json`` land in ``run.output``.

    Args:
        dataset: folder of sequences in MOTChallenge layout, or one sequence.
        detector: hands over everything above a low score; the tracker decides.
        run: what is written, and where.
        tracker_config: constants of the tracker; left out: as ``track``.
        half_val: track and score the second half of each sequence; its result rows count frames from 1 in it.
        classes: score each of these classes by itself, and together, as ``score`` does; class 1 of the ground truth is
            the network's class 0. Left out: people where the benchmark has no other class, else all of the network's.
        zipped: also zip the result files as the benchmark's server wants them.
        progress: told about every frame.

    Returns:
        What ``score`` returns, with the classic table, and ``"detection"``: AP at IoU 0.5 of the detections alone
        (``AP50``), ``"speed"``: frames, seconds and frames/s over all sequences, ``"output"``: the folder,
        ``"archive"``: the zip where one was wanted, and ``"problems"``: a line for each sequence of which something
        could not be read.

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
            # It would tell of the last sequence alone, and of other frame numbers than the rows have.
            (kept / "run.json").unlink(missing_ok=True)
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
    write_json(report, kept / "scores.json")
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
            "correct it or take the others away"
        )


def _count_from_one(text: Path, first_frame: int) -> None:
    """Make frame numbers of the sequence those of its second half."""
    lines = (line.split(",", 1) for line in text.read_text(encoding="ascii").splitlines())
    with replacing(text) as temporary:
        temporary.write_text("".join(f"{int(frame) - first_frame},{rest}\n" for frame, rest in lines), encoding="ascii")
