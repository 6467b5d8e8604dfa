"""Journey: evaluate. Sequences to scores: of result files (``score``), or of a detector (``evaluate``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import PEDESTRIAN, Benchmark, check_classes, choose_benchmark
from fairmot.evaluation.motchallenge import Sequence, SequenceInfo, find_sequences, find_test_sequences, load_info
from fairmot.evaluation.rows import load_rows
from fairmot.evaluation.scoring import count_sequence, report_of
from fairmot.evaluation.scoring import score as score  # of result files alone; found here like the journey
from fairmot.evaluation.submission import write_submission
from fairmot.evaluation.tables import write_json
from fairmot.evaluation.truth import Truth, detection_report, load_truth
from fairmot.files import replacing
from fairmot.gap_filling import Method, fill_gaps
from fairmot.geometry import ImageArray
from fairmot.media.frames import read_frames
from fairmot.media.results import result_folder
from fairmot.track import Detector, Progress, TrackRun, track


def evaluate(
    dataset: str | Path,
    detector: Detector,
    tracker_config: TrackerConfig | None = None,
    *,
    output: str | Path,
    benchmark: str = "auto",
    half_val: bool = False,
    classes: SequenceOf[int] | None = None,
    interpolate: Method | None = None,
    archive: bool = False,
    video: bool = False,
    pictures: bool = False,
    save_detections: bool = False,
    record: bool = False,
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
        half_val: track and score the second half of each sequence; its result rows count frames from 1 in it.
        classes: score each of these classes by itself, and together, as ``score`` does; class 1 of the ground truth is
            the network's class 0. Left out: people where the benchmark has no other class, else all of the network's.
        interpolate: fill the gaps of tracks in the result files before they are scored.
        archive: also zip the result files as the benchmark's server wants them.
        video: also write a video of each sequence.
        pictures: also write each drawn frame.
        save_detections: also write what the detector found.
        record: also write the tracker's record.
        overwrite: replace earlier results.
        progress: told about every frame.

    Returns:
        What ``score`` returns, with the classic table, and ``"detection"``: AP at IoU 0.5 of the detections alone
        (``AP50``), ``"speed"``: frames, seconds and frames/s over all sequences, ``"output"``: the folder,
        ``"archive"``: the zip where one was wanted, and ``"problems"``: a line for each sequence of which something
        could not be read.

    Raises:
        InputError: as ``score`` and ``track``; or a sequence has more pictures than frames.
    """
    folders = find_sequences(dataset)
    rules = choose_benchmark(benchmark, folders)
    classes, detector = _scored(classes, rules, detector)
    for folder in folders:
        _check_pictures(folder)
    truths = [load_truth(folder, rules, half_val) for folder in folders]
    found: dict[str, dict[int, Detections]] = defaultdict(dict)

    def observe(name: str, index: int, detections: Detections) -> None:
        # Without embeddings, which take most of the memory.
        found[name][index] = Detections(detections.boxes_xyxy, detections.scores, class_ids=detections.class_ids)

    kept = result_folder(Path(output), overwrite)
    runs: list[TrackRun] = []
    # Second halves begin at different frames.
    for group in [[truth] for truth in truths] if half_val else [truths]:
        runs += track(
            [truth.folder for truth in group],
            detector,
            tracker_config,
            output=kept,
            overwrite=True,
            video=video,
            pictures=pictures,
            start=group[0].first_frame or None,
            save_detections=save_detections,
            record=record,
            observe=observe,
            progress=progress,
        )
        if runs[-1].interrupted:
            raise KeyboardInterrupt
        if half_val:
            _count_from_one(runs[-1].text, group[0].first_frame)
            # It would tell of the last sequence alone, and of other frame numbers than the rows have.
            (kept / "run.json").unlink(missing_ok=True)
    _fill(runs, interpolate)
    pairs = list(zip(truths, runs, strict=True))
    counted = {}
    for truth, run in pairs:
        sequence = Sequence(truth.info, truth.rows, load_rows(run.text, truth.info.frame_count))
        counted[truth.info.name] = count_sequence(sequence, rules, True, classes)
    report = report_of(counted, rules, classes, half_val)
    report["detection"] = detection_report(truths, [found[run.name] for run in runs], classes)
    report["speed"] = _speed(runs)
    report["output"] = str(kept)
    if archive:
        report["archive"] = str(_archive(runs, [truth.info for truth in truths], rules, kept))
    report["problems"] = [problem for truth, run in pairs if (problem := _problem(truth, run))]
    write_json(report, kept / "scores.json")
    return report


def track_test_set(
    dataset: str | Path,
    detector: Detector,
    tracker_config: TrackerConfig | None = None,
    *,
    output: str | Path,
    benchmark: str = "auto",
    interpolate: Method | None = None,
    video: bool = False,
    pictures: bool = False,
    save_detections: bool = False,
    record: bool = False,
    overwrite: bool = False,
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
    rules = choose_benchmark(benchmark, folders)
    _, detector = _scored(None, rules, detector)
    infos = [load_info(folder) for folder in folders]
    runs = track(
        folders,
        detector,
        tracker_config,
        output=output,
        overwrite=overwrite,
        video=video,
        pictures=pictures,
        save_detections=save_detections,
        record=record,
        progress=progress,
    )
    if runs[-1].interrupted:
        raise KeyboardInterrupt
    _fill(runs, interpolate)
    kept = runs[0].text.parent
    return {
        "benchmark": rules.name,
        "speed": _speed(runs),
        "output": str(kept),
        "archive": str(_archive(runs, infos, rules, kept)),
        "problems": [
            problem
            for folder, info, run in zip(folders, infos, runs, strict=True)
            if (problem := _problem_of(folder, info, run))
        ],
    }


class _People:
    """A detector of several classes that hands over people alone."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def __call__(self, image: ImageArray) -> Detections:
        found = self._detector(image)
        return found.select(found.class_ids == PEDESTRIAN - 1)

    def batch(self, images: SequenceOf[ImageArray]) -> list[Detections]:
        return [self(image) for image in images]


def _scored(
    classes: SequenceOf[int] | None, rules: Benchmark, detector: Detector
) -> tuple[SequenceOf[int] | None, Detector]:
    """Return the classes that are scored, and a detector that hands over no others where the benchmark has none."""
    if classes is not None and rules.name == "MOT15" and list(classes) == [PEDESTRIAN]:
        classes = None  # it has pedestrians alone
    if classes is not None:
        check_classes(rules, classes)
    count = getattr(detector, "class_count", 1)
    if count > 1 and rules.name != "none":
        return classes, _People(detector)
    if count > 1 and classes is None:
        told = getattr(detector, "classes", None) or range(count)
        classes = [class_id + PEDESTRIAN for class_id in told]
    return classes, detector


def _check_pictures(folder: Path) -> None:
    frame_count, pictures = load_info(folder).frame_count, read_frames(folder).frame_count
    if pictures is not None and pictures > frame_count:
        raise InputError(
            f"{folder}: {pictures} pictures, but seqLength in seqinfo.ini is {frame_count}; "
            "correct it or take the others away"
        )


def _fill(runs: list[TrackRun], method: Method | None) -> None:
    if method is not None:
        for run in runs:
            fill_gaps(run.text, method)


def _speed(runs: list[TrackRun]) -> dict[str, float]:
    frames, seconds = sum(run.frame_count for run in runs), sum(run.seconds for run in runs)
    return {"frames": frames, "seconds": seconds, "frames_per_second": frames / seconds}


def _archive(runs: list[TrackRun], infos: list[SequenceInfo], rules: Benchmark, folder: Path) -> Path:
    files = {info.name: run.text for info, run in zip(infos, runs, strict=True)}
    return write_submission(files, {info.name: info.frame_count for info in infos}, rules, folder)


def _count_from_one(text: Path, first_frame: int) -> None:
    """Make frame numbers of the sequence those of its second half."""
    lines = (line.split(",", 1) for line in text.read_text(encoding="ascii").splitlines())
    with replacing(text) as temporary:
        temporary.write_text("".join(f"{int(frame) - first_frame},{rest}\n" for frame, rest in lines), encoding="ascii")


def _problem(truth: Truth, run: TrackRun) -> str | None:
    return _problem_of(truth.folder, truth.info, run)


def _problem_of(folder: Path, info: SequenceInfo, run: TrackRun) -> str | None:
    if run.problem or run.frame_count == info.frame_count:
        return run.problem
    return (
        f"{folder}: {run.frame_count} pictures for {info.frame_count} frames (seqLength in seqinfo.ini); "
        "the others count as frames without results"
    )
