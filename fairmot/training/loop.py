"""Workflow ``train``. Configuration in, a run folder with checkpoint, weights and metrics out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from fairmot.config import Config
from fairmot.data.loader import create_loader
from fairmot.engines import load_training
from fairmot.engines.choice import check_device, choose_training_engine
from fairmot.errors import InputError
from fairmot.files import locked
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.progress import Log, Progress
from fairmot.training.check import check_free, finished_run, steps_taken
from fairmot.training.checkpoint import check_resumable, load_checkpoint
from fairmot.training.memory import out_of_memory_in_one_line
from fairmot.training.metrics import MetricsLog
from fairmot.training.process import Process
from fairmot.training.progress import TrainingProgress
from fairmot.training.run import Run, total_steps
from fairmot.training.run_folder import logging_to, write_description
from fairmot.training.start import start_weights
from fairmot.training.validation import Validator


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What a finished run leaves."""

    engine: str
    steps: int
    checkpoint: Path
    weights: Path


def train(
    config: Config,
    engine: str = "auto",
    device: str = "auto",
    resume: bool = False,
    *,
    progress: Progress | None = None,
    log: Log | None = None,
    on_step: Callable[[TrainingProgress], None] | None = None,
    process: Process | None = None,
) -> TrainingRun:
    """Train as configured and return where checkpoint and weights lie.

    Two runs with the same configuration, engine and thread count give the same weights, also when one was
    interrupted and resumed: batches depend on (seed, epoch, index) alone, and the checkpoint holds everything else.

    In the main thread, the first Ctrl-C (SIGINT), SIGTERM or SIGHUP lets the current step end and saves it; a second
    one aborts at once and leaves the checkpoint before.

    Args:
        config: network, data, losses, optimiser, and the folder of the run.
        engine: ``torch``, ``mindspore`` or ``auto``.
        device: as the engine names it, or ``auto``.
        resume: continue the run in ``train.output``.
        progress: called as ``progress("steps", taken, total)`` after each step.
        log: gets a line for people, which the run's ``log.txt`` holds too: what a partial start takes, a batch that is
            left out, scores of a validation, what an interruption leaves.
        on_step: gets the losses and the speed after each step.
        process: the place of this process in a run of several.

    Raises:
        InputError: data, weights or checkpoint that cannot be used; an output folder that another run writes into, that
            holds a run already or cannot be written (the checkpoint before it stays).
        FloatingPointError: the loss was not finite for ``train.max_bad_batches`` batches in a row; the log names each
            batch. Or the network itself is not finite where it would be saved. The checkpoint before stays.
        KeyboardInterrupt: after such a signal.
    """
    output = config.train.output
    process = process or Process()
    with ExitStack() as stack:
        if process.is_first:
            try:
                output.mkdir(parents=True, exist_ok=True)
                stack.callback(_remove_if_empty, output)
                stack.enter_context(locked(output))
            except OSError as error:
                raise InputError(f"{output}: cannot be written: {error.strerror or error}") from error
        return _train_alone(config, engine, device, resume, progress, log, on_step, process)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # raised where the folder holds something, as it should
        folder.rmdir()


def _train_alone(
    config: Config,
    engine: str,
    device: str,
    resume: bool,
    progress: Progress | None,
    log: Log | None,
    on_step: Callable[[TrainingProgress], None] | None,
    process: Process,
) -> TrainingRun:
    """Train in a folder that this run holds."""
    output = config.train.output
    checkpoint_path = output / "last.safetensors"
    check_free(config, resume)
    loader = create_loader(config, rank=process.rank, processes=process.size)
    name = choose_training_engine(engine, device)
    check_device(name, device)
    validator = Validator(config, device) if config.train.validate_every_epochs and process.is_first else None
    checkpoint = load_checkpoint(checkpoint_path) if checkpoint_path.exists() else None
    taken = 0
    if checkpoint:
        check_resumable(checkpoint, config, loader.identity_count, loader.fingerprint(), checkpoint_path)
        taken = steps_taken(checkpoint, config, loader, checkpoint_path)
    try:
        graph = build_graph(config.network)
        notes: list[str] = []
        weights = (
            initial_weights(graph, config.train.seed) if checkpoint else start_weights(graph, config, notes.append)
        )
        with out_of_memory_in_one_line(config):
            trainer = load_training(name).create_trainer(graph, weights, loader.identity_counts, config, device)
            if checkpoint:
                trainer.load_state(checkpoint.state)
        # Nothing is written before weights and device are known to be good.
        log = logging_to(output / "log.txt", log) if process.is_first else _ignore
        loader.log = log
        total = total_steps(config, loader)
        log(f"{name}: {'resumed after' if checkpoint else 'begins at'} step {taken} of {total}")
        if taken == total:
            log(finished_run(config))
        if loader.images.skipped:
            log(f"absent and skipped: {', '.join(loader.images.skipped)}")
        if validator and (shared := {*validator.held_out_paths} & {*loader.images.paths}):
            log(f"{len(shared)} held-out images are training images too ({min(shared)} ...): their scores say little")
        for line in notes:
            log(line)
        with out_of_memory_in_one_line(config):
            if process.is_first:
                write_description(output, config, name, device)
            with MetricsLog(output, taken) if process.is_first else nullcontext() as metrics:
                Run(config, trainer, loader, validator, metrics, log, taken, process).finish(progress, on_step)
    except OSError as error:  # a full disk, a folder without permission
        raise InputError(f"{error.filename or output}: cannot be written: {error.strerror or error}") from error
    return TrainingRun(name, total_steps(config, loader), checkpoint_path, output / "weights.safetensors")


def _ignore(_line: str) -> None:
    """The other processes log what the first one logs."""
