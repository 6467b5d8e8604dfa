"""Workflow ``train``. Configuration in, a run folder with checkpoint, weights and metrics out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from fairmot.config import Config
from fairmot.data.batch import Batch
from fairmot.data.loader import Loader, create_loader
from fairmot.engines import choose_training_engine, load_engine
from fairmot.engines.interface import StepResult, Trainer
from fairmot.engines.training_rules import LossScale
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import TRACKER_NOTE
from fairmot.training.checkpoint import Checkpoint, check_resumable, keep_newest, load_checkpoint
from fairmot.training.interrupts import deferred_interrupts
from fairmot.training.launch import Process
from fairmot.training.memory import out_of_memory_in_one_line
from fairmot.training.metrics import MetricsLog
from fairmot.training.progress import TrainingProgress
from fairmot.training.run_folder import logging_to, write_description
from fairmot.training.schedule import learning_rate
from fairmot.training.start import start_weights
from fairmot.training.turns import short_turns
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
    report: Callable[[TrainingProgress], None] | None = None,
    note: Callable[[str], None] | None = None,
    process: Process | None = None,
) -> TrainingRun:
    """Train as configured and return where checkpoint and weights lie.

    ``report`` is called after each step, ``note`` with a line for people, which the run's ``log.txt`` holds too: what
    a partial start took, a batch that was left out, scores of a validation, what an interruption left.

    Two runs with the same configuration, engine and thread count give the same weights, also when one was
    interrupted and resumed: batches depend on (seed, epoch, index) alone, and the checkpoint holds everything else.

    In the main thread, the first Ctrl-C (SIGINT) or SIGTERM lets the step under way end and saves it; a second one
    aborts at once and leaves the checkpoint before.

    Raises:
        InputError: data, weights or checkpoint that cannot be used, an output folder that holds a run already or
            cannot be written (the checkpoint before it stays).
        FloatingPointError: the loss was not finite for ``train.max_bad_batches`` batches in a row, each of which was
            named and left out; the checkpoint before them stays.
        KeyboardInterrupt: after either signal.
    """
    output = config.train.output
    checkpoint_path = output / "last.safetensors"
    if checkpoint_path.exists() and not resume:
        raise InputError(f"{output} holds a run already; resume it or set another train.output")
    process = process or Process()
    loader = create_loader(config, rank=process.rank, processes=process.size)
    name = choose_training_engine(engine, device)
    validator = Validator(config, device) if config.train.validate_every_epochs and process.is_first else None
    checkpoint = load_checkpoint(checkpoint_path) if checkpoint_path.exists() else None
    taken = 0
    if checkpoint:
        check_resumable(checkpoint, config, loader.identity_count, loader.fingerprint(), checkpoint_path)
        taken = len(loader) * checkpoint.epoch + checkpoint.step_in_epoch
        if taken > _total_steps(config, loader):
            raise InputError(
                f"{checkpoint_path} has taken {taken} steps, {taken / len(loader):g} epochs, and train.epochs is "
                f"{config.train.epochs}: give at least as many, or another train.output"
            )
    try:
        note = logging_to(output / "log.txt", note) if process.is_first else _say_nothing
        note(f"{name}: {'resumed after' if checkpoint else 'begins at'} step {taken} of {_total_steps(config, loader)}")
        if loader.images.skipped:
            note(f"absent and skipped: {', '.join(loader.images.skipped)}")
        if validator and (shared := {*validator.held_out_paths} & {*loader.images.paths}):
            note(f"{len(shared)} held-out images are trained on too ({min(shared)} ...): their scores say little")
        graph = build_graph(config.network)
        weights = initial_weights(graph, config.train.seed) if checkpoint else start_weights(graph, config, note)
        with out_of_memory_in_one_line(config):
            trainer = load_engine(name).create_trainer(graph, weights, loader.identity_counts, config, device)
            if checkpoint:
                trainer.load_state(checkpoint.state)
            if process.is_first:
                write_description(output, config, name, device)
            with MetricsLog(output, taken) if process.is_first else nullcontext() as log:
                _Run(config, trainer, loader, validator, log, report, note, taken).finish()
    except OSError as error:  # a full disk, a folder without permission
        raise InputError(f"{error.filename or output}: cannot be written: {error.strerror or error}") from error
    return TrainingRun(name, _total_steps(config, loader), checkpoint_path, output / "weights.safetensors")


class _Run:
    """A run on its way: it counts the steps taken, saves and validates."""

    def __init__(
        self,
        config: Config,
        trainer: Trainer,
        loader: Loader,
        validator: Validator | None,
        log: MetricsLog | None,
        report: Callable[[TrainingProgress], None] | None,
        note: Callable[[str], None],
        taken: int,
    ) -> None:
        self.config, self.trainer, self.loader, self.validator = config, trainer, loader, validator
        self.log, self.report, self.note = log, report, note
        self.taken = taken
        self.bad_in_a_row = 0
        self.saved = -1
        self.fingerprint = loader.fingerprint()

    def finish(self) -> None:
        """Take the steps that are left.

        Raises:
            KeyboardInterrupt: a signal asked for the end; everything is saved.
        """
        total = _total_steps(self.config, self.loader)
        with deferred_interrupts() as interrupted, short_turns():
            self._validate_if_due()  # a run killed meanwhile still owes it
            seconds, images, began = 0.0, 0, time.perf_counter()
            stopped = False
            for batch in self.trainer.prefetched(_batches(self.loader, self.config.train.epochs, self.taken)):
                # All processes stop after the same step, whichever of them got the signal.
                if stopped := self.trainer.agree(interrupted()):
                    break
                losses = self._step(batch)
                images += self.loader.step_size
                seconds += time.perf_counter() - began
                if self.report:
                    epoch = (self.taken - 1) // len(self.loader)
                    self.report(TrainingProgress(self.taken, total, epoch, losses, images / seconds))
                if self.taken % self.config.train.checkpoint_every_steps == 0:
                    self._save()
                self._validate_if_due()
                began = time.perf_counter()
            if self.saved != self.taken:
                self._save()
            # Until the first process has saved, no other may end: that would end the run.
            stopped = self.trainer.agree(stopped or interrupted())
            if stopped:
                self.note(f"stopped after step {self.taken} of {total}, which is saved; resume the run to go on")
                raise KeyboardInterrupt

    def _step(self, batch: Batch) -> dict[str, float]:
        rate = learning_rate(self.config.optimizer, self.taken, len(self.loader), self.config.train.epochs)
        result = self.trainer.step(batch, rate)
        self.taken += 1
        if result.taken:
            self.bad_in_a_row = 0
            if self.log:
                self.log.write(
                    self.taken, result.losses | {"learning_rate": rate, "gradient_norm": result.gradient_norm}
                )
        else:
            self._leave_out(result, batch)
        return result.losses

    def _leave_out(self, result: StepResult, batch: Batch) -> None:
        """Name a batch whose step the trainer did not take.

        Raises:
            FloatingPointError: it was one too many in a row.
        """
        self.bad_in_a_row += 1
        images = [str(path) for path in batch.paths]
        if self.log:
            self.log.write_skipped(self.taken, images)
        loss = result.losses["total"]
        limit = self.config.train.max_bad_batches
        if math.isfinite(loss):
            # With float16 that is how the loss scale finds its size: by halves.
            limit += round(math.log2(LossScale.LARGEST))
        what = f"the loss is {loss}" if not math.isfinite(loss) else "the gradient is not finite"
        line = f"step {self.taken}: {what}; images: {', '.join(images)}"
        if self.bad_in_a_row >= limit:
            raise FloatingPointError(f"{line}; {self.bad_in_a_row} such batches in a row, so training stops")
        self.note(f"{line}; the batch is left out")

    def _save(self) -> None:
        self.saved = self.taken
        if self.log is None:  # the first process writes
            return
        config, output = self.config, self.config.train.output
        checkpoint = self._checkpoint()
        checkpoint.save(output / "last.safetensors")
        checkpoint.save_network(output / "weights.safetensors", self._notes())
        keep_newest(output / "last.safetensors", self.taken, config.train.keep_checkpoints)

    def _checkpoint(self) -> Checkpoint:
        place = divmod(self.taken, len(self.loader))
        return Checkpoint(self.config, self.trainer.state(), *place, self.loader.identity_count, self.fingerprint)

    def _notes(self) -> dict[str, str]:
        licence = {"licence": self.config.train.licence} if self.config.train.licence else {}
        note = self.config.tracker.note()
        return licence | {"steps": str(self.taken)} | ({TRACKER_NOTE: note} if note else {})

    def _validate_if_due(self) -> None:
        if self.validator is None or self.log is None or not self.taken:
            return
        epochs, rest = divmod(self.taken, len(self.loader))
        if rest or epochs % self.config.train.validate_every_epochs:
            return
        if any(each["step"] == self.taken for each in self.log.validated):
            return
        # What comes next may take long: nothing of the epoch shall be lost.
        if self.saved != self.taken:
            self._save()
        checkpoint, output = self._checkpoint(), self.config.train.output
        found = self.validator(checkpoint.network(), output / "validation" / f"epoch-{epochs:04}")
        name = self.config.train.best_score
        is_best = all(found.scores[name] > each.get(name, -math.inf) for each in self.log.validated)
        if is_best:
            checkpoint.save(output / "best.safetensors")
            checkpoint.save_network(
                output / "best_weights.safetensors", self._notes() | {name: f"{found.scores[name]:.6f}"}
            )
        self.log.write_validation(self.taken, found.scores, found.images)
        scores = ", ".join(f"{name} {score:.3f}" for name, score in found.scores.items())
        self.note(f"epoch {epochs}: {scores}" + (f"; the best {name} up to now" if is_best else ""))


def _total_steps(config: Config, loader: Loader) -> int:
    return len(loader) * config.train.epochs


def _say_nothing(_line: str) -> None:
    """What the other processes note is what the first one notes."""


def _batches(loader: Loader, epochs: int, taken: int) -> Iterator[Batch]:
    """Yield the batches of all epochs that are left after so many steps."""
    first_epoch, first_step = divmod(taken, len(loader))
    for epoch in range(first_epoch, epochs):
        yield from loader.epoch(epoch, first_step if epoch == first_epoch else 0)
