"""Multi-object tracking: one network detects people and computes their embeddings, a tracker keeps their identities.

Public names are imported on first use, so ``import fairmot`` loads no engine and no other library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairmot.config import Config, TrackerConfig, load_config
    from fairmot.detections import Detections, Tracks
    from fairmot.detector import load_detector, load_network
    from fairmot.errors import InputError
    from fairmot.media.outputs.outputs import Outputs
    from fairmot.media.sources.frames import read_frames
    from fairmot.tracking.tracker import Tracker
    from fairmot.workflows.evaluate.score import score
    from fairmot.workflows.track.track import track

__version__ = "0.2.0.dev0"

_HOMES = {
    "Config": "fairmot.config",
    "Detections": "fairmot.detections",
    "InputError": "fairmot.errors",
    "Outputs": "fairmot.media.outputs.outputs",
    "Tracker": "fairmot.tracking.tracker",
    "TrackerConfig": "fairmot.config",
    "Tracks": "fairmot.detections",
    "load_config": "fairmot.config",
    "load_detector": "fairmot.detector",
    "load_network": "fairmot.detector",
    "read_frames": "fairmot.media.sources.frames",
    "score": "fairmot.workflows.evaluate.score",
    "track": "fairmot.workflows.track.track",
}

__all__ = [
    "Config",
    "Detections",
    "InputError",
    "Outputs",
    "Tracker",
    "TrackerConfig",
    "Tracks",
    "load_config",
    "load_detector",
    "load_network",
    "read_frames",
    "score",
    "track",
]


if not TYPE_CHECKING:  # a type checker that sees it takes every misspelt name for one of Any

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'fairmot' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
