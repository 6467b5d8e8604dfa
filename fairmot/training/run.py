"""A training run: its steps, one after the other, what it saves and when it validates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial

from fairmot.config import Config
from fairmot.data.loader import AnyBatch, Loader
from fairmot.engines.interface import StepResult, Trainer
from fairmot.engines.training_rules import LossScale
from fairmot.interrupts import deferred_interrupts
from fairmot.network.safetensors import TRACKER_NOTE, not_finite
from fairmot.progress import Log, Progress
from fairmot.training.checkpoint import Checkpoint, keep_newest
from fairmot.training.first_process import work_while_others_wait
from fairmot.training.metrics import MetricsLog
from fairmot.training.process import Process
from fairmot.training.progress import TrainingProgress
from fairmot.training.schedule import learning_rate
from fairmot.training.turns import short_turns
from fairmot.training.validation import Validator


class Run:
    """A run: it takes steps, counts them, saves and validates."""

    def __init__(
        self,
        config: Config,
        trainer: Trainer,
        loader: Loader,
        validator: Validator | None,
        metrics: MetricsLog | None,
        log: Log,
        taken: int,
        process: Process,
    ) -> None:
        self.config, self.trainer, self.loader, self.validator = config, trainer, loader, validator
        self.metrics, self.log = metrics, log
        self.taken, self.process = taken, process
        self.bad_in_a_row = 0
        self.saved = -1
        self.fingerprint = loader.fingerprint()

    def finish(self, progress: Progress | None, on_step: Callable[[TrainingProgress], None] | None) -> None:
        """Take the steps that are left.

        Raises:
            KeyboardInterrupt: a signal ended the run; everything is saved.
        """
        total = total_steps(self.config, self.loader)
        with deferred_interrupts() as interrupted, short_turns():
            self._validate_if_due()  # a run that was killed in its validation begins with it
            seconds, images, began = 0.0, 0, time.perf_counter()
            stopped = False
            for batch in self.trainer.prefetched(_batches(self.loader, self.config.train.epochs, self.taken)):
                # All processes stop after the same step, whichever of them got the signal.
                if stopped := self.trainer.agree(interrupted()):
                    break
                losses = self._step(batch)
                images += self.loader.step_size
                seconds += time.perf_counter() - began
                if progress:
                    progress("steps", self.taken, total)
                if on_step:
                    epoch = (self.taken - 1) // len(self.loader)
                    on_step(TrainingProgress(self.taken, total, epoch, losses, images / seconds))
                if self.taken % self.config.train.checkpoint_every_steps == 0:
                    self._save()
                self._validate_if_due()
                began = time.perf_counter()
            if self.saved != self.taken:
                self._save()
            # Until the first process has saved, no other may end: that would end the run.
            stopped = self.trainer.agree(stopped or interrupted())
            if stopped:
                self.log(f"stopped after step {self.taken} of {total}, which is saved; resume to go on")
                raise KeyboardInterrupt

    def _step(self, batch: AnyBatch) -> dict[str, float]:
        rate = learning_rate(self.config.optimizer, self.taken, len(self.loader), self.config.train.epochs)
        result = self.trainer.step(batch, rate)
        self.taken += 1
        if result.taken:
            self.bad_in_a_row = 0
            if self.metrics:
                self.metrics.write(
                    self.taken, result.losses | {"learning_rate": rate, "gradient_norm": result.gradient_norm}
                )
        else:
            self._leave_out(result, batch)
        return result.losses

    def _leave_out(self, result: StepResult, batch: AnyBatch) -> None:
        """Name a batch whose step the trainer did not take.

        Raises:
            FloatingPointError: it was one too many in a row.
        """
        self.bad_in_a_row += 1
        images = [str(path) for path in batch.paths]
        if self.metrics:
            self.metrics.write_skipped(self.taken, images)
        loss = result.losses["total"]
        limit = self.config.train.max_bad_batches
        if math.isfinite(loss):
            # With float16 the loss scale finds its size like this: by halves.
            limit += round(math.log2(LossScale.LARGEST))
        what = f"the loss is {loss}" if not math.isfinite(loss) else "the gradient is not finite"
        line = f"step {self.taken}: {what}; images: {', '.join(images)}"
        if self.bad_in_a_row >= limit:
            raise FloatingPointError(f"{line}; {self.bad_in_a_row} such batches in a row, so training stops")
        self.log(f"{line}; the batch is left out")

    def _save(self) -> None:
        self.saved = self.taken
        if self.metrics is None:  # the first process writes
            return
        config, output = self.config, self.config.train.output
        checkpoint = self._checkpoint()
        networks = {name: each for name, each in checkpoint.state.items() if name.startswith(("network.", "ema."))}
        if wrong := not_finite(networks):
            raise FloatingPointError(f"step {self.taken}: {wrong[0]} is not finite; what was saved before stays")
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
        epochs, rest = divmod(self.taken, len(self.loader))
        every = self.config.train.validate_every_epochs
        if not every or not self.taken or rest or epochs % every:
            return
        if self.process.size == 1:
            if validate := self._validation(epochs):
                validate()
        else:
            # The first process alone knows which validations a resumed run has done.
            work_while_others_wait(self._validation(epochs), self.trainer.agree)

    def _validation(self, epochs: int) -> Callable[[], None] | None:
        """Save the run and return its validation, if this process has one to do."""
        if self.validator is None or self.metrics is None:
            return None
        if any(each["step"] == self.taken for each in self.metrics.validated):
            return None
        # Validation may take long: nothing of the epoch may be lost.
        if self.saved != self.taken:
            self._save()
        return partial(self._validate, self.validator, self.metrics, self._checkpoint(), epochs)

    def _validate(self, validator: Validator, metrics: MetricsLog, checkpoint: Checkpoint, epochs: int) -> None:
        output = self.config.train.output
        found = validator(checkpoint.network(), output / "validation" / f"epoch-{epochs:04}")
        name = self.config.train.best_score
        is_best = all(found.scores[name] > each.get(name, -math.inf) for each in metrics.validated)
        if is_best:
            checkpoint.save(output / "best.safetensors")
            checkpoint.save_network(
                output / "best_weights.safetensors", self._notes() | {name: f"{found.scores[name]:.6f}"}
            )
        metrics.write_validation(self.taken, found.scores, found.images)
        scores = ", ".join(f"{name} {score:.3f}" for name, score in found.scores.items())
        self.log(f"epoch {epochs}: {scores}" + (f"; the best {name} so far" if is_best else ""))


def total_steps(config: Config, loader: Loader) -> int:
    """Return the steps of all epochs."""
    return len(loader) * config.train.epochs


def _batches(loader: Loader, epochs: int, taken: int) -> Iterator[AnyBatch]:
    """Yield the batches of all epochs that are left after so many steps."""
    first_epoch, first_step = divmod(taken, len(loader))
    try:
        for epoch in range(first_epoch, epochs):
            yield from loader.epoch(epoch, first_step if epoch == first_epoch else 0)
    finally:
        loader.close()
