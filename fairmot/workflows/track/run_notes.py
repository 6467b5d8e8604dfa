"""What ``run.json`` says of a run of ``track``: sources, counts, detector, tracker and versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fairmot
from fairmot.config import TrackerConfig
from fairmot.formats.recordings import Recording, describe_detector
from fairmot.formats.run_file import write_run
from fairmot.workflows.track.source_run import SourceRun
from fairmot.workflows.track.track_run import TrackRun

_PACKAGES = (
    "numpy",
    "scipy",
    "av",
    "opencv-python-headless",
    "supervision",
    "onnxruntime",
    "openvino",
    "torch",
    "mindspore",
)


@dataclass(frozen=True, slots=True)
class SourceNote:
    """What ``run.json`` says of one source."""

    name: str
    """Stem of its files."""
    about: dict[str, Any]
    """Its entry."""
    detector: dict[str, Any]
    """What its detector reports of itself."""
    tracker: dict[str, Any]
    """All parameters of its tracker."""


def save_run(folder: Path, notes: Sequence[SourceNote]) -> None:
    """Write ``run.json`` of the sources whose results lie in a folder.

    Detector and tracker stand at the top. Where sources differ in them, they are null there and stand at each source.

    Raises:
        InputError: it cannot be written.
    """
    first = notes[0]
    is_shared = all((note.detector, note.tracker) == (first.detector, first.tracker) for note in notes)
    content = {
        "fairmot": fairmot.__version__,
        "versions": _versions(),
        "detector": first.detector if is_shared else None,
        "tracker": first.tracker if is_shared else None,
        "sources": {
            note.name: note.about if is_shared else {**note.about, "detector": note.detector, "tracker": note.tracker}
            for note in notes
        },
    }
    write_run(folder, content)


def source_note(run: SourceRun, detector: Any, config: TrackerConfig) -> SourceNote:
    """Return what to note of a source that was tracked."""
    reader, path = run.reader, Path(run.source)
    about = {
        # Absolute, since the file is read from other folders; addresses of streams and cameras stay as they are.
        "source": str(path.resolve()) if path.exists() else str(run.source),
        "start": reader.start,
        "end": reader.end,
        "every": reader.every,
        "size": list(reader.size),
        "frame_rate": reader.frame_rate,
        **_outcome(run.report(), run.files.outputs.blur),
    }
    return SourceNote(run.name, about, describe_detector(detector), config.model_dump(mode="json"))


def recording_note(
    run: TrackRun, recording: Recording, config: TrackerConfig, start: int | None, end: int | None
) -> SourceNote:
    """Return what to note of a recording that was tracked: it names the recording, since it has no images to show."""
    first = int(recording.frame_indices[0]) if len(recording) else 0
    about = {
        "recording": str(recording.path.resolve()),
        "start": first if start is None else start,
        "end": end,
        "every": recording.every,
        "size": None if recording.image_size is None else list(recording.image_size),
        "frame_rate": recording.frame_rate,
        **_outcome(run, blur=False),
    }
    return SourceNote(run.name, about, recording.detector or {}, config.model_dump(mode="json"))


def _outcome(run: TrackRun, blur: bool) -> dict[str, Any]:
    return {
        "frames": run.frame_count,
        "rows": run.row_count,
        "identities": run.identity_count,
        "counts": run.counts,
        "silence": run.silence,
        "video_decoder": run.video_decoder,
        "video_encoder": run.video_encoder,
        "fallbacks": list(run.fallbacks),
        "seconds": round(run.seconds, 3),
        "blur": blur,
        "dropped": run.dropped_count,
        "reconnects": run.reconnect_count,
        "problem": run.problem,
        "interrupted": run.interrupted,
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
