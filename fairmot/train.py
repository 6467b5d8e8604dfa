"""Journey: train. Configuration in, a run folder with checkpoint, weights and metrics out."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairmot.checkpoint import Checkpoint, check_resumable, load_checkpoint
from fairmot.config import Config
from fairmot.data.loader import Loader, create_loader
from fairmot.engines import choose_training_engine, load_engine
from fairmot.engines.interface import Arrays, Trainer
from fairmot.errors import InputError
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
) -> TrainingRun:
    """Train as configured and return where checkpoint and weights lie.

    Two runs with the same configuration, engine and thread count give the same weights, also when one was
    interrupted and resumed: batches depend on (seed, epoch, index) alone, and the checkpoint holds everything else.

    Raises:
        InputError: data, weights or checkpoint that cannot be used, or an output folder that holds a run already.
        FloatingPointError: the loss is not finite; the checkpoint before it stays.
    """
    output = config.train.output
    checkpoint_path = output / "last.safetensors"
    if checkpoint_path.exists() and not resume:
        raise InputError(f"{output} holds a run already; continue it with --resume or set another train.output")
    loader = create_loader(config)
    graph = build_graph(config.network)
    name = choose_training_engine(engine)
    trainer = load_engine(name).create_trainer(
        graph, start_weights(graph, config), loader.identity_count, config, device
    )
    epoch, first_step = 0, 0
    if resume and checkpoint_path.exists():
        checkpoint = load_checkpoint(checkpoint_path)
        check_resumable(checkpoint, config, checkpoint_path)
        trainer.load_state(checkpoint.state)
        epoch, first_step = checkpoint.epoch, checkpoint.step_in_epoch
    output.mkdir(parents=True, exist_ok=True)
    (output / "config.json").write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
    with MetricsLog(output, len(loader) * epoch + first_step) as log:
        _run(config, trainer, loader, (epoch, first_step), log, report)
    return TrainingRun(name, len(loader) * config.train.epochs, checkpoint_path, output / "weights.safetensors")


def _run(
    config: Config,
    trainer: Trainer,
    loader: Loader,
    position: tuple[int, int],
    log: MetricsLog,
    report: Callable[[Progress], None] | None,
) -> None:
    steps, epochs, output = len(loader), config.train.epochs, config.train.output
    began, images = time.perf_counter(), 0

    def notes(taken: int) -> dict[str, str]:
        licence = {"licence": config.train.licence} if config.train.licence else {}
        return licence | {"steps": str(taken)}

    def save(epoch: int, step_in_epoch: int) -> None:
        checkpoint = Checkpoint(config, trainer.state(), epoch, step_in_epoch, loader.identity_count)
        checkpoint.save(output / "last.safetensors")
        checkpoint.save_network(output / "weights.safetensors", notes(epoch * steps + step_in_epoch))

    first_epoch, first_step = position
    done = (first_epoch, first_step)
    try:
        for epoch in range(first_epoch, epochs):
            start = first_step if epoch == first_epoch else 0
            for step_in_epoch, batch in enumerate(loader.epoch(epoch, start), start):
                step = epoch * steps + step_in_epoch
                rate = learning_rate(config.optimizer, step, steps, epochs)
                losses = trainer.step(batch, rate).losses
                if not math.isfinite(losses["total"]):
                    raise FloatingPointError(
                        f"step {step + 1}: the loss is {losses['total']}; pictures: {', '.join(map(str, batch.paths))}"
                    )
                done = divmod(step + 1, steps)
                images += len(batch.images)
                log.write(step + 1, losses | {"learning_rate": rate})
                if report:
                    speed = images / (time.perf_counter() - began)
                    report(Progress(step + 1, steps * epochs, epoch, losses, speed))
                if (step + 1) % config.train.checkpoint_every_steps == 0:
                    save(*done)
    except KeyboardInterrupt:
        save(*done)
        raise
    save(*done)


def start_weights(graph: Graph, config: Config) -> Arrays:
    """Return the weights a run begins with: drawn, or those of ``train.start_weights``.

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
    fitting = {name: array for name, array in given.items() if name in arrays and array.shape == arrays[name].shape}
    if not fitting:
        raise InputError(f"{path}: no parameter fits {graph.config.architecture}")
    return arrays | fitting


def describe_start(graph: Graph, config: Config) -> dict[str, Any]:
    """Return what ``partial_start`` takes and leaves, for the command to print."""
    path = config.train.start_weights
    if path is None:
        return {"taken": 0, "drawn": len(graph.parameters()), "differences": []}
    given = load_weights(path).arrays
    expected = {parameter.name: parameter.shape for parameter in graph.parameters()}
    differences = shape_differences(expected, given)
    taken = sum(name in given and given[name].shape == shape for name, shape in expected.items())
    return {"taken": taken, "drawn": len(expected) - taken, "differences": differences}


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the metrics of a run, one dictionary a step."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
