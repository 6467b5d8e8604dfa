"""What a run writes about itself: its configuration, its environment and a log."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from datetime import datetime
from pathlib import Path

from fairmot.config import Config
from fairmot.files import replacing
from fairmot.progress import Log

_PACKAGES = ("fairmot", "numpy", "scipy", "opencv-python-headless", "onnx", "onnxruntime", "torch", "mindspore")


def write_description(folder: Path, config: Config, engine: str, device: str) -> None:
    """Write ``config.json``, the resolved configuration, and ``environment.json``."""
    with replacing(folder / "config.json") as temporary:
        temporary.write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
    with replacing(folder / "environment.json") as temporary:
        temporary.write_text(json.dumps(environment(config, engine, device), indent=2) + "\n", encoding="utf-8")


def environment(config: Config, engine: str, device: str) -> dict[str, object]:
    """Return what can change the numbers of a run beside its configuration: versions, machine, device, threads."""
    return {
        "engine": engine,
        "device": device,
        "threads": config.train.threads or os.environ.get("OMP_NUM_THREADS", "the engine's choice"),
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def logging_to(path: Path, log: Log | None) -> Log:
    """Return a function that appends a line with date and time to a file, and passes the line on to ``log``."""

    def write(text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {text}\n")
        if log:
            log(text)

    return write


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
