"""Checkpoints of a run: one safetensors file with everything that a resumed run needs, written atomically."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import Config, parse_config
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.network.safetensors import read_arrays, save_weights, write_arrays

Arrays = dict[str, NDArray[Any]]

FORMAT_VERSION = "1"

MAY_CHANGE = (
    "train.epochs",
    "train.checkpoint_every_steps",
    "train.keep_checkpoints",
    "train.validate_every_epochs",
    "train.best_score",
    "train.sample_images",
    "train.max_bad_batches",
    "train.threads",
    "train.output",
    "train.licence",
    "data.workers",
    "data.box_radius",
    "data.augmentation",
    "data.finish_epochs",
    "data.finish",
    "data.validation",
    "data.validation_half",
    "data.validation_benchmark",
    "data.validation_sets",
    "loss",
    "tracker",
    "inference",
)
"""Settings, or sections of them, that a resumed run may have different from its checkpoint: a later stage of training
may weight its losses and augment its images differently; the images, their order and the network stay the same."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The whole state of a run after some step."""

    config: Config
    state: Arrays
    """The trainer's state (see ``fairmot.engines.interface.Trainer``)."""
    epoch: int
    """Epoch of the next step, from 0."""
    step_in_epoch: int
    """Next step in that epoch, from 0."""
    identity_count: int
    data: dict[str, str] = field(default_factory=dict)
    """Identifies the training data (``Loader.fingerprint``); empty in checkpoints of before."""

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically."""
        counters = {"epoch": self.epoch, "step_in_epoch": self.step_in_epoch, "identity_count": self.identity_count}
        arrays = self.state | {name: np.array(value, dtype=np.int64) for name, value in counters.items()}
        metadata = {
            "checkpoint_version": FORMAT_VERSION,
            "config": self.config.model_dump_json(),
            "data": json.dumps(self.data),
        }
        with replacing(path) as temporary:
            write_arrays(temporary, {name: np.array(array, order="C") for name, array in arrays.items()}, metadata)

    def save_network(self, path: Path, notes: dict[str, str]) -> None:
        """Write the network alone as a weight file: the averaged weights if there are any."""
        save_weights(path, self.config.network, self.network(), notes)

    def network(self) -> Arrays:
        """Return the network's arrays: the averaged weights if there are any."""
        prefix = "ema." if any(name.startswith("ema.") for name in self.state) else "network."
        return {name.removeprefix(prefix): array for name, array in self.state.items() if name.startswith(prefix)}


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: no such file, no checkpoint of this project, or one whose metadata or counters are damaged.
    """
    metadata, arrays = read_arrays(path)
    version = metadata.get("checkpoint_version")
    if version is None and "network" in metadata:
        raise InputError(f"{path}: a weight file, not the checkpoint of a run; start from it with train.start_weights")
    if version is None:
        raise InputError(f"{path}: not made by fairmot; continue from the last.safetensors that a run wrote")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: checkpoint version {version!r}, this version reads {FORMAT_VERSION}; continue with the fairmot "
            "that made it"
        )
    if "config" not in metadata:
        raise InputError(f"{path}: metadata: config missing; start the run again")
    config = parse_config(_parse_dictionary(metadata, "config", path), str(path))
    # Older checkpoints do not describe their data.
    data = _parse_dictionary(metadata, "data", path) if "data" in metadata else {}
    epoch, step, identities = (_take_counter(arrays, key, path) for key in ("epoch", "step_in_epoch", "identity_count"))
    return Checkpoint(config, arrays, epoch, step, identities, data)


def _parse_dictionary(metadata: dict[str, str], name: str, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(metadata[name])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: metadata: {name} is no JSON ({error}); start the run again") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: metadata: {name} is no dictionary; start the run again")
    return values


def _take_counter(arrays: Arrays, name: str, path: Path) -> int:
    counter = arrays.pop(name, None)
    if counter is None or counter.shape != () or counter.dtype.kind != "i" or counter < 0:
        found = "missing" if counter is None else f"{counter.dtype} of shape {list(counter.shape)}"
        raise InputError(f"{path}: {name} is {found}, expected one whole number from 0; start the run again")
    return int(counter)


def check_resumable(
    checkpoint: Checkpoint, config: Config, identity_count: int, data: dict[str, str], path: Path
) -> None:
    """Compare a run's configuration, identities and data (``Loader.fingerprint``) with its checkpoint's.

    Raises:
        InputError: names everything that differs and may not.
    """
    before, now = _flatten(checkpoint.config.model_dump(mode="json")), _flatten(config.model_dump(mode="json"))
    before["identity_count"], now["identity_count"] = checkpoint.identity_count, identity_count
    before |= checkpoint.data
    now |= {name: text for name, text in data.items() if name in checkpoint.data}
    changed = [
        f"{key}: {before.get(key)!r} -> {now.get(key)!r}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not _may_change(key)
    ]
    if changed:
        raise InputError(f"{path} was made with other settings or data, so it cannot be resumed: {'; '.join(changed)}")


def keep_newest(path: Path, step: int, count: int) -> None:
    """Keep the checkpoint just written to ``path`` among the newest ``count``, in ``checkpoints/`` beside it.

    A link to the file, which takes no room while ``path`` is the same; ``count`` 1 keeps ``path`` alone.
    """
    folder = path.parent / "checkpoints"
    kept = {_step_of(file): file for file in folder.glob("step-*.safetensors")}
    if count > 1:
        with replacing(folder / f"step-{step:08}{path.suffix}") as temporary:
            try:
                os.link(path, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(path, temporary)
        kept.pop(step, None)
    # Later ones come from a run that went on from an earlier checkpoint of this one.
    older = sorted(number for number in kept if number < step)
    for number in {*kept} - set(older[max(0, len(older) - count + 1) :] if count > 1 else ()):
        kept[number].unlink()


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def _may_change(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in MAY_CHANGE)


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
