"""What a run needs, checked before it begins: data, start weights, devices, a free folder. Nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fairmot.config import Config
from fairmot.data.loader import Loader, create_loader
from fairmot.engines import check_installed, load_launcher
from fairmot.engines.choice import choose_training_engine
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.safetensors import read_metadata
from fairmot.training.checkpoint import Checkpoint, check_resumable, load_checkpoint
from fairmot.training.metrics import validated_steps
from fairmot.training.start import start_weights
from fairmot.training.validation import Validator


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a run would do."""

    epoch_steps: int
    """Steps of an epoch."""
    finished: str | None
    """A line for people where the run that is resumed has nothing left to do."""


def check_run(
    config: Config, engine: str = "auto", device: str = "auto", resume: bool = False, processes: int = 1
) -> Prospect:
    """Check everything that can be known without the training framework.

    Args: as ``fairmot.training.loop.train``; ``processes`` that share the work.

    Raises:
        InputError: what a run with these arguments would end with.
    """
    check_free(config, resume)
    _check_writable(config.train.output)
    chosen = choose_training_engine(engine, device)
    check_installed(chosen)
    load_launcher(chosen).check_devices(device, processes)
    loader = create_loader(config, processes=processes)
    if config.train.validate_every_epochs:
        Validator(config, device)
    path = config.train.output / "last.safetensors"
    if not path.exists():
        start_weights(build_graph(config.network), config)
        return Prospect(len(loader), None)
    checkpoint = load_checkpoint(path)
    check_resumable(checkpoint, config, loader.identity_count, loader.fingerprint(), path)
    taken = steps_taken(checkpoint, config, loader, path)
    return Prospect(len(loader), finished_run(config) if _is_finished(config, len(loader), taken) else None)


def _is_finished(config: Config, epoch_steps: int, taken: int) -> bool:
    """Whether nothing is left of a run: a killed one may lack its last validation, or the weights of its last step."""
    train = config.train
    if taken != epoch_steps * train.epochs:
        return False
    weights = train.output / "weights.safetensors"
    if not weights.exists() or read_metadata(weights).get("steps") != str(taken):
        return False
    every = train.validate_every_epochs
    return not every or bool(train.epochs % every) or taken in validated_steps(train.output)


def steps_taken(checkpoint: Checkpoint, config: Config, loader: Loader, path: Path) -> int:
    """Return the steps that the run of a checkpoint has taken.

    Raises:
        InputError: more than the configuration has.
    """
    taken = len(loader) * checkpoint.epoch + checkpoint.step_in_epoch
    if taken > len(loader) * config.train.epochs:
        raise InputError(
            f"{path} has taken {taken} steps, {taken / len(loader):g} epochs, and train.epochs is "
            f"{config.train.epochs}: give at least as many, or another train.output"
        )
    return taken


def finished_run(config: Config) -> str:
    """Return what is said of a run that has nothing left to do."""
    return f"{config.train.output} holds a finished run of {config.train.epochs} epochs; more train.epochs continue it"


def check_free(config: Config, resume: bool) -> None:
    """Check that a new run has a folder of its own.

    Raises:
        InputError: it holds a run already, or is no path that can be written.
    """
    with _cannot_be_written(config.train.output):
        holds_run = (config.train.output / "last.safetensors").exists()
    if holds_run and not resume:
        raise InputError(f"{config.train.output} holds a run already; resume it, or set another train.output")


def _check_writable(folder: Path) -> None:
    with _cannot_be_written(folder):
        # A link that leads nowhere is in the way too, though it does not "exist".
        there = (each for each in (folder, *folder.absolute().parents) if each.is_symlink() or each.exists())
        existing = next(there)
        if not existing.is_dir():
            kind = "is a file" if existing.exists() else "is a link that leads nowhere"
            raise InputError(f"{folder}: cannot be written: {existing} {kind}; set another train.output")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(f"{folder}: cannot be written: no permission in {existing}; set another train.output")


@contextmanager
def _cannot_be_written(folder: Path) -> Iterator[None]:
    """Say in one line what the system says of a path: no permission on the way, a name that is too long ..."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{folder}: cannot be written: {reason}; set another train.output") from error
