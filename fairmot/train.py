"""Journey: train. Configuration in, a run folder with checkpoint, weights and metrics out."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from fairmot.checkpoint import Checkpoint, check_resumable, load_checkpoint
from fairmot.config import Config
from fairmot.data.loader import Batch, Loader, create_loader
from fairmot.engines import choose_training_engine, load_engine
from fairmot.engines.interface import Arrays, Trainer
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.metrics import MetricsLog
from fairmot.network.architectures import build_graph
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_weights
from fairmot.network.weights import check_weights, load_weights, shape_differences
from fairmot.schedule import learning_rate


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run reports after each step."""

    step: int
    """Steps taken over the whole run."""
    total_steps: int
    epoch: int
    losses: dict[str, float]
    images_per_second: float
    """Since the run, or its resumption, began."""


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
    report: Callable[[Progress], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> TrainingRun:
    """Train as configured and return where checkpoint and weights lie.

    ``report`` is called after each step, ``note`` with a line for people: what a partial start took, what an
    interruption left.

    Two runs with the same configuration, engine and thread count give the same weights, also when one was
    interrupted and resumed: batches depend on (seed, epoch, index) alone, and the checkpoint holds everything else.

    In the main thread, the first Ctrl-C (SIGINT) or SIGTERM lets the step under way end and saves it; a second one
    aborts at once and leaves the checkpoint before.

    Raises:
        InputError: data, weights or checkpoint that cannot be used, an output folder that holds a run already or
            cannot be written (the checkpoint before it stays).
        FloatingPointError: the loss is not finite; the checkpoint before it stays.
        KeyboardInterrupt: after either signal.
    """
    output = config.train.output
    checkpoint_path = output / "last.safetensors"
    if checkpoint_path.exists() and not resume:
        raise InputError(f"{output} holds a run already; continue it with --resume or set another train.output")
    loader = create_loader(config)
    if note and loader.pictures.skipped:
        note(f"absent and skipped: {', '.join(loader.pictures.skipped)}")
    graph = build_graph(config.network)
    name = choose_training_engine(engine, device)
    checkpoint = load_checkpoint(checkpoint_path) if checkpoint_path.exists() else None
    if checkpoint:
        check_resumable(checkpoint, config, loader.identity_count, loader.fingerprint(), checkpoint_path)
    weights = initial_weights(graph, config.train.seed) if checkpoint else start_weights(graph, config, note)
    trainer = load_engine(name).create_trainer(graph, weights, loader.identity_count, config, device)
    taken = 0
    if checkpoint:
        trainer.load_state(checkpoint.state)
        taken = len(loader) * checkpoint.epoch + checkpoint.step_in_epoch
    try:
        with replacing(output / "config.json") as temporary:
            temporary.write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        with MetricsLog(output, taken) as log:
            _run(config, trainer, loader, taken, log, report, note)
    except OSError as error:  # a full disk, a folder without permission
        raise InputError(f"{error.filename or output}: cannot be written: {error.strerror or error}") from error
    return TrainingRun(name, len(loader) * config.train.epochs, checkpoint_path, output / "weights.safetensors")


def _run(
    config: Config,
    trainer: Trainer,
    loader: Loader,
    taken: int,
    log: MetricsLog,
    report: Callable[[Progress], None] | None,
    note: Callable[[str], None] | None,
) -> None:
    steps, epochs, output = len(loader), config.train.epochs, config.train.output
    began, images = time.perf_counter(), 0
    data = loader.fingerprint()

    def save() -> None:
        checkpoint = Checkpoint(config, trainer.state(), *divmod(taken, steps), loader.identity_count, data)
        checkpoint.save(output / "last.safetensors")
        licence = {"licence": config.train.licence} if config.train.licence else {}
        checkpoint.save_network(output / "weights.safetensors", licence | {"steps": str(taken)})

    with _deferred_interrupts() as interrupted:
        for batch in _batches(loader, epochs, taken):
            if interrupted():
                break
            rate = learning_rate(config.optimizer, taken, steps, epochs)
            losses = trainer.step(batch, rate).losses
            if not math.isfinite(losses["total"]):
                raise FloatingPointError(
                    f"step {taken + 1}: the loss is {losses['total']}; pictures: {', '.join(map(str, batch.paths))}"
                )
            epoch = taken // steps
            taken += 1
            images += len(batch.images)
            log.write(taken, losses | {"learning_rate": rate})
            if report:
                report(Progress(taken, steps * epochs, epoch, losses, images / (time.perf_counter() - began)))
            if taken % config.train.checkpoint_every_steps == 0:
                save()
        save()
        if interrupted():
            if note:
                note(f"stopped after step {taken} of {steps * epochs}, which is saved; go on with --resume")
            raise KeyboardInterrupt


def _batches(loader: Loader, epochs: int, taken: int) -> Iterator[Batch]:
    """Yield the batches of all epochs that are left after so many steps."""
    first_epoch, first_step = divmod(taken, len(loader))
    for epoch in range(first_epoch, epochs):
        yield from loader.epoch(epoch, first_step if epoch == first_epoch else 0)


@contextmanager
def _deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Hold back SIGINT and SIGTERM: inside a step they could leave some parameters moved and others not.

    Yields a function that tells whether one arrived. The second raises KeyboardInterrupt at once. Signals can only be
    handled in the main thread; in another one they are left alone, as is a signal that is ignored (``nohup``).
    """
    arrived = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal arrived
        if arrived:
            raise KeyboardInterrupt
        arrived = True

    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, handle)
        yield lambda: arrived
    finally:
        for number, handler in before.items():
            # None: the handler was not installed from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def start_weights(graph: Graph, config: Config, note: Callable[[str], None] | None = None) -> Arrays:
    """Return the weights a run begins with: drawn, or those of ``train.start_weights``.

    With ``partial_start``, ``note`` gets a line that says how many fit and names everything that did not.

    Raises:
        InputError: the file does not fit; with ``partial_start``, nothing of it fits.
    """
    arrays = initial_weights(graph, config.train.seed)
    path = config.train.start_weights
    if path is None:
        return arrays
    given = load_weights(path).arrays
    if not config.train.partial_start:
        check_weights(graph, given, str(path))
        return given
    expected = {name: array.shape for name, array in arrays.items()}
    fitting = {name: array for name, array in given.items() if array.shape == expected.get(name)}
    if not fitting:
        raise InputError(f"{path}: no parameter fits {graph.config.architecture}")
    if note:
        differences = shape_differences(expected, given)
        left = f", the others are drawn or left out: {'; '.join(differences)}" if differences else ""
        note(f"{path}: {len(fitting)} of {len(expected)} arrays taken{left}")
    return arrays | fitting
