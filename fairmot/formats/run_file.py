"""``run.json`` in a run's folder: what was tracked, how, and with which versions."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fairmot
from fairmot.config import TrackerConfig
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.formats.recordings import told_by
from fairmot.workflows.track.source_run import SourceRun

RUN_FILE = "run.json"
FORMAT_VERSION = 1

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
        "format": FORMAT_VERSION,
        "fairmot": fairmot.__version__,
        "versions": _versions(),
        "detector": told_by(detector),
        "tracker": config.model_dump(mode="json"),
        "sources": {run.name: _about(run) for run in runs},
    }
    _write(folder, content)


def add_to_run(folder: Path, name: str, value: Any) -> None:
    """Add an entry to ``run.json`` of a folder, if there is one.

    Raises:
        InputError: it cannot be written.
    """
    content = load_run(folder)
    if content is not None:
        _write(folder, {**content, name: value})


def _write(folder: Path, content: dict[str, Any]) -> None:
    try:
        with replacing(folder / RUN_FILE) as temporary:
            temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder / RUN_FILE}: cannot be written ({error.strerror})") from error


def load_run(folder: Path) -> dict[str, Any] | None:
    """Read ``run.json`` of a folder; None where there is none that can be read."""
    try:
        content = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_known = isinstance(content, dict) and content.get("format") == FORMAT_VERSION
    return content if is_known and isinstance(content.get("sources"), dict) else None


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
