"""Checkpoints of a run: one safetensors file with everything that continuing needs, written atomically."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import Config, parse_config
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.network.weights import read_arrays, save_weights, write_arrays

Arrays = dict[str, NDArray[Any]]

FORMAT_VERSION = "1"

MAY_CHANGE = (
    "train.epochs",
    "train.checkpoint_every_steps",
    "train.threads",
    "train.output",
    "train.licence",
    "data.workers",
)
"""Settings that a resumed run may have different from its checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run at one moment."""

    config: Config
    state: Arrays
    """The trainer's state (see ``fairmot.engines.interface.Trainer``)."""
    epoch: int
    """Epoch of the next step, from 0."""
    step_in_epoch: int
    """Next step in that epoch, from 0."""
    identity_count: int

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically."""
        counters = {"epoch": self.epoch, "step_in_epoch": self.step_in_epoch, "identity_count": self.identity_count}
        arrays = self.state | {name: np.array(value, dtype=np.int64) for name, value in counters.items()}
        metadata = {"checkpoint_version": FORMAT_VERSION, "config": self.config.model_dump_json()}
        with replacing(path) as temporary:
            write_arrays(temporary, {name: np.array(array, order="C") for name, array in arrays.items()}, metadata)

    def save_network(self, path: Path, notes: dict[str, str]) -> None:
        """Write the network alone as a weight file: the averaged weights if there are any."""
        prefix = "ema." if any(name.startswith("ema.") for name in self.state) else "network."
        arrays = {name.removeprefix(prefix): array for name, array in self.state.items() if name.startswith(prefix)}
        save_weights(path, self.config.network, arrays, notes)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: no such file, or no checkpoint of this project.
    """
    metadata, arrays = read_arrays(path)
    if "checkpoint_version" not in metadata:
        raise InputError(f"{path}: a weight file, not the checkpoint of a run; start from it with train.start_weights")
    config = parse_config(json.loads(metadata["config"]), str(path))
    counters = {name: int(arrays.pop(name)) for name in ("epoch", "step_in_epoch", "identity_count")}
    return Checkpoint(config, arrays, **counters)


def check_resumable(checkpoint: Checkpoint, config: Config, path: Path) -> None:
    """Compare a run's configuration with its checkpoint's.

    Raises:
        InputError: names every setting that differs and may not.
    """
    before, now = _flatten(checkpoint.config.model_dump(mode="json")), _flatten(config.model_dump(mode="json"))
    changed = [
        f"{key}: {before.get(key)!r} -> {now.get(key)!r}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and key not in MAY_CHANGE
    ]
    if changed:
        raise InputError(f"{path} was made with other settings, so it cannot be resumed: {'; '.join(changed)}")


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
