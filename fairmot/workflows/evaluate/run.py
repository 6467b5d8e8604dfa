"""Track the sequences of a benchmark: settings, detections that are passed on, and problems.

The same for sequences with ground truth (``evaluate``) and for those whose ground truth only the server has.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.evaluation.benchmarks import Benchmark, check_classes
from fairmot.formats.classes import PEDESTRIAN
from fairmot.formats.seqinfo import SequenceInfo
from fairmot.geometry import ImageArray
from fairmot.progress import Progress
from fairmot.workflows.evaluate.submission import write_submission
from fairmot.workflows.track.gap_filling import Method, fill_gaps
from fairmot.workflows.track.track import ImageDetector, Observer, TrackRun, track


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """What to write for the sequences, and where."""

    output: str | Path
    """Folder for the results; if it is not empty, a numbered folder beside it, unless ``overwrite``."""
    benchmark: str = "auto"
    """As for ``score``."""
    interpolate: Method | None = None
    """Fill the gaps of tracks in the result files before they are scored."""
    video: bool = False
    """Also write a video of each sequence."""
    images: bool = False
    """Also write each drawn frame."""
    save_detections: bool = False
    """Also write the detections."""
    record: bool = False
    """Also write the tracker's record."""
    overwrite: bool = False
    """Replace earlier results."""

    def track(
        self,
        folders: SequenceOf[Path],
        detector: ImageDetector,
        tracker_config: TrackerConfig | None,
        *,
        start: int | None = None,
        observe: Observer | None = None,
        progress: Progress | None = None,
    ) -> list[TrackRun]:
        """Track all these sequences; arguments as of ``fairmot.workflows.track.track.track``.

        Raises:
            KeyboardInterrupt: the run was interrupted; its files are whole.
        """
        tracked = track(
            folders,
            detector,
            tracker_config,
            output=self.output,
            overwrite=self.overwrite,
            video=self.video,
            images=self.images,
            start=start,
            save_detections=self.save_detections,
            record=self.record,
            observe=observe,
            progress=progress,
        )
        if tracked[-1].interrupted:
            raise KeyboardInterrupt
        return tracked

    def fill(self, tracked: SequenceOf[TrackRun]) -> None:
        """Fill gaps in the result files, if requested."""
        if self.interpolate is not None:
            for each in tracked:
                fill_gaps(each.text, self.interpolate)


class _People:
    """A detector of several classes that returns people alone."""

    def __init__(self, detector: ImageDetector) -> None:
        self._detector = detector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def __call__(self, image: ImageArray) -> Detections:
        found = self._detector(image)
        return found.select(found.class_ids == PEDESTRIAN - 1)

    def batch(self, images: SequenceOf[ImageArray]) -> list[Detections]:
        return [self(image) for image in images]


def classes_and_detector(
    classes: SequenceOf[int] | None, rules: Benchmark, detector: ImageDetector
) -> tuple[SequenceOf[int] | None, ImageDetector]:
    """Return the classes to score, and a detector that returns people alone if the benchmark has no other class."""
    if classes is not None and rules.name == "MOT15" and list(classes) == [PEDESTRIAN]:
        classes = None  # it has pedestrians alone
    if classes is not None:
        check_classes(rules, classes)
    count = getattr(detector, "class_count", 1)
    if count > 1 and rules.name != "none":
        return classes, _People(detector)
    if count > 1 and classes is None:
        chosen = getattr(detector, "classes", None) or range(count)
        classes = [class_id + PEDESTRIAN for class_id in chosen]
    return classes, detector


def speed(tracked: SequenceOf[TrackRun]) -> dict[str, float]:
    """Return frames, seconds and frames/s over all sequences."""
    frames, seconds = sum(each.frame_count for each in tracked), sum(each.seconds for each in tracked)
    return {"frames": frames, "seconds": seconds, "frames_per_second": frames / seconds}


def archive(tracked: SequenceOf[TrackRun], infos: SequenceOf[SequenceInfo], rules: Benchmark, folder: Path) -> Path:
    """Zip the result files in the layout of the benchmark's server."""
    files = {info.name: each.text for info, each in zip(infos, tracked, strict=True)}
    return write_submission(files, {info.name: info.frame_count for info in infos}, rules, folder)


def problems(folders: SequenceOf[Path], infos: SequenceOf[SequenceInfo], tracked: SequenceOf[TrackRun]) -> list[str]:
    """Return a line for each sequence that could not be read whole."""
    each = (_problem(*place) for place in zip(folders, infos, tracked, strict=True))
    return [problem for problem in each if problem]


def _problem(folder: Path, info: SequenceInfo, tracked: TrackRun) -> str | None:
    if tracked.problem or tracked.frame_count == info.frame_count:
        return tracked.problem
    return (
        f"{folder}: {tracked.frame_count} of {info.frame_count} frames read (seqLength in seqinfo.ini); "
        "the others count as frames without results"
    )
