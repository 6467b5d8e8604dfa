"""What ``run.json`` says of a run of ``track``: sources, counts, detector, tracker and versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fairmot
from fairmot.config import TrackerConfig
from fairmot.formats.recordings import describe_detector
from fairmot.formats.run_file import write_run
from fairmot.workflows.track.source_run import SourceRun

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


def save_run(folder: Path, runs: Sequence[SourceRun], detector: Any, config: TrackerConfig) -> None:
    """Write ``run.json`` of the sources whose results lie in a folder.

    Raises:
        InputError: it cannot be written.
    """
    content = {
        "fairmot": fairmot.__version__,
        "versions": _versions(),
        "detector": describe_detector(detector),
        "tracker": config.model_dump(mode="json"),
        "sources": {run.name: _about(run) for run in runs},
    }
    write_run(folder, content)


def _about(run: SourceRun) -> dict[str, Any]:
    report, reader = run.report(), run.reader
    path = Path(run.source)
    return {
        # Absolute, since whoever reads it stands elsewhere; addresses of streams and cameras stay as they are.
        "source": str(path.resolve()) if path.exists() else str(run.source),
        "start": reader.start,
        "end": reader.end,
        "every": reader.every,
        "size": list(reader.size),
        "frame_rate": reader.frame_rate,
        "frames": report.frame_count,
        "rows": report.row_count,
        "identities": report.identity_count,
        "seconds": round(report.seconds, 3),
        "blur": run.files.outputs.blur,
        "dropped": report.dropped_count,
        "reconnects": report.reconnect_count,
        "problem": report.problem,
        "interrupted": report.interrupted,
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
