"""One video of many: how it is tracked, whether that is done already, and doing it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import fairmot
from fairmot.config import TrackerConfig
from fairmot.detector import load_detector, weights_tracker
from fairmot.errors import InputError
from fairmot.formats.recordings import SUFFIX
from fairmot.formats.run_file import RUN_FILE, add_to_run, load_run
from fairmot.media.hardware import SOFTWARE
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.table import OUTPUTS, endings
from fairmot.media.sources.stop import Stop
from fairmot.progress import Progress
from fairmot.workflows.track.gap_filling import Method, fill_gaps
from fairmot.workflows.track.source_run import RECORD_SUFFIX, ImageDetector
from fairmot.workflows.track.track import track
from fairmot.workflows.track.track_run import TrackRun

Outcome = Literal["tracked", "skipped", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """Arguments of ``load_detector``, under the same names: each process loads a detector of its own."""

    weights: Path | None = None
    engine: str = "auto"
    device: str = "auto"
    input_size: tuple[int, int] | Literal["auto"] | None = None
    classes: tuple[int, ...] | None = None
    confidence: float = 0.1
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class SourceJob:
    """One video, and how it is tracked."""

    source: str
    folder: Path
    """Folder for its results, of the name of the video."""
    detector: DetectorChoice = field(default_factory=DetectorChoice)
    tracker: TrackerConfig | None = None
    """Parameters of the tracker; None: those that go with the weights."""
    outputs: Outputs = field(default_factory=Outputs)
    start: int | None = None
    end: int | None = None
    every: int = 1
    video_decoder: str = SOFTWARE
    """What decodes it."""
    save_detections: bool = False
    """Also write what the detector found."""
    record: bool = False
    """Also write the tracker's record."""
    interpolate: Method | None = None
    """How gaps in the result rows are filled; None: not."""
    refine: bool = False
    """Refine the rows at the end."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """The outcome of one video."""

    source: str
    folder: Path
    outcome: Outcome
    problem: str | None = None
    """Why it failed, or what could not be read, in one line."""
    run: TrackRun | None = None
    """Its results; None where it was skipped or failed."""


def is_finished(job: SourceJob) -> bool:
    """Return whether the folder holds whole results of this video as it is now, tracked in this way."""
    content = load_run(job.folder)
    tracker = job.tracker or weights_tracker(job.detector.weights)
    if content is None or content.get("tracker") != tracker.model_dump(mode="json"):
        return False
    if not _covers(content.get("job"), _request(job)):
        return False
    source = Path(job.source)
    is_older = source.exists() and source.stat().st_mtime <= (job.folder / RUN_FILE).stat().st_mtime
    return any(
        about.get("source") == str(source.resolve())
        and (about.get("start"), about.get("end"), about.get("every")) == (job.start or 0, job.end, job.every)
        and about.get("problem") is None
        and not about.get("interrupted")
        and is_older
        and all((job.folder / f"{name}{ending}").exists() for ending in _endings(job))
        for name, about in content["sources"].items()
    )


def run_job(job: SourceJob, progress: Progress | None = None, stop: Stop | None = None) -> JobResult:
    """Track one video in this process; ``progress`` and ``stop`` are those of ``track``.

    Errors become part of the result.
    """
    try:
        (run,) = track(
            job.source,
            _load(job.detector),
            job.tracker,
            output=job.folder,
            overwrite=True,
            outputs=job.outputs,
            start=job.start,
            end=job.end,
            every=job.every,
            video_decoder=job.video_decoder,
            save_detections=job.save_detections,
            record=job.record,
            refine=job.refine,
            progress=progress,
            stop=stop,
        )
        if job.interpolate is not None:
            run = replace(run, row_count=fill_gaps(run.text, job.interpolate, every=job.every))
        add_to_run(job.folder, "job", _request(job))
    except (InputError, OSError) as error:
        return JobResult(job.source, job.folder, "failed", str(error))
    except Exception as error:  # one broken video must not stop a thousand others
        return JobResult(job.source, job.folder, "failed", f"{job.source}: {type(error).__name__}: {error}")
    if run.interrupted:
        return JobResult(job.source, job.folder, "interrupted", run=run)
    return JobResult(job.source, job.folder, "failed" if run.problem else "tracked", run.problem, run)


@lru_cache(maxsize=1)
def _load(choice: DetectorChoice) -> ImageDetector:
    return load_detector(**asdict(choice))


def _request(job: SourceJob) -> dict[str, Any]:
    """Return what ``run.json`` notes of a job beside tracker and frames, as plain JSON."""
    weights = job.detector.weights
    state = None if weights is None or not Path(weights).exists() else Path(weights).stat()
    detector = {
        **asdict(job.detector),
        # Without weights it is the model that comes with this version.
        "weights": fairmot.__version__ if weights is None else str(Path(weights).resolve()),
        "weights_state": None if state is None else [state.st_size, state.st_mtime_ns],
    }
    # A window leaves nothing behind; what encodes changes no content.
    outputs = {name: value for name, value in asdict(job.outputs).items() if name not in ("show", "video_encoder")}
    request: dict[str, Any] = json.loads(json.dumps({"detector": detector, "outputs": outputs}))
    return {
        **request,
        "save_detections": job.save_detections,
        "record": job.record,
        "interpolate": job.interpolate,
        "refine": job.refine,
    }


def _endings(job: SourceJob) -> list[str]:
    more = {SUFFIX: job.save_detections, RECORD_SUFFIX: job.record}
    return [*endings(job.outputs), *(ending for ending, is_wanted in more.items() if is_wanted)]


def _covers(noted: Any, wanted: dict[str, Any]) -> bool:
    """Return whether a run used the same detector and wrote all wanted files, or more."""
    if not isinstance(noted, dict) or noted.get("detector") != wanted["detector"]:
        return False
    if any(noted.get(name) != wanted[name] for name in ("interpolate", "refine")):
        return False
    if any(wanted[name] and noted.get(name) is not True for name in ("save_detections", "record")):
        return False
    had = noted.get("outputs", {})
    files = {output.name for output in OUTPUTS if output.ending is not None}
    return all(
        had.get(name) == value or (name in files and had.get(name) is True) for name, value in wanted["outputs"].items()
    )
