"""Speed of training: whole optimiser steps on images in memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairmot.benchmark.subjects import Skipped, check_size, check_that_any_fits, find_subject, skipped_for
from fairmot.benchmark.timing import quartiles, time_in_turns
from fairmot.config import Config, TrainConfig
from fairmot.data.batch import Batch
from fairmot.data.level_targets import LevelBatch
from fairmot.engines import TRAINING_ENGINES, installed_engines, load_training
from fairmot.engines.choice import choose_training_engine
from fairmot.engines.interface import AnyTrainingBatch
from fairmot.errors import InputError, closest_name
from fairmot.geometry import anchor_points
from fairmot.network.graph import Graph
from fairmot.progress import Log

PRECISIONS = ("auto", "f32", "bf16", "f16")
"""Of ``train.precision``; heads and losses stay in float32."""

IDENTITIES = 1000
_SLOTS, _OBJECTS = 500, 20


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """Speed of training one network in one engine."""

    network: str
    engine: str
    precision: str
    input_size: tuple[int, int]
    batch: int
    milliseconds: float
    """A step; the median."""
    quartiles: tuple[float, float]
    images_per_second: float


def measure_training(
    names: Sequence[str],
    engines: Sequence[str] = (),
    precisions: Sequence[str] = ("f32",),
    input_size: tuple[int, int] | None = None,
    device: str = "auto",
    *,
    batch: int = 2,
    seconds: float = 10.0,
    log: Log | None = None,
) -> tuple[list[TrainingSpeed], list[Skipped]]:
    """Measure networks x engines x precisions.

    Args:
        names: weight files or architectures.
        engines: of ``TRAINING_ENGINES``; none: every installed one.
        precisions: of ``PRECISIONS``.
        input_size: width and height, multiples of 32; None: the size that each network was made for.
        device: as of ``load_detector``.
        batch: images a step.
        seconds: time for each row, without warming up and building.
        log: gets a line for each combination before it is measured.

    Raises:
        InputError: an unknown network, precision or engine, or one that cannot train, a wrong size, or too little
            memory for all of them.
    """
    check_size(input_size)
    for precision in precisions:
        if precision not in PRECISIONS:
            raise InputError(
                f"precision {precision}: no training in it{closest_name(precision, PRECISIONS)}; "
                f"known: {', '.join(PRECISIONS)}"
            )
    for engine in engines:
        choose_training_engine(engine)
    rows, skipped = [], []
    for subject in [find_subject(name) for name in names]:
        width, height = size = input_size or subject.graph.config.input_size
        network = subject.graph.config.model_copy(update={"input_width_px": width, "input_height_px": height})
        data = random_training_batch(subject.graph, size, batch)
        for engine in engines or [name for name in TRAINING_ENGINES if name in installed_engines()]:
            for precision in precisions:
                if log:
                    log(f"training {subject.name} in {engine}, {precision}")
                train = TrainConfig.model_validate({"precision": precision})
                config = Config(network=network, train=train)
                training = load_training(engine)
                try:
                    trainer = training.create_trainer(subject.graph, subject.weights, IDENTITIES, config, device)
                    (times,) = time_in_turns([lambda t=trainer, d=data: t.step(d, 1e-6)], seconds)  # type: ignore[misc]
                except (InputError, MemoryError, RuntimeError) as error:
                    images = f"{batch} images of {width} x {height} a step"
                    skipped.append(skipped_for(error, subject, engine, precision, images))
                    continue
                median = statistics.median(times)
                rate = 1000 * batch / median
                rows.append(TrainingSpeed(subject.name, engine, precision, size, batch, median, quartiles(times), rate))
    check_that_any_fits(rows, skipped)
    return rows, skipped


def random_training_batch(graph: Graph, size: tuple[int, int], count: int) -> AnyTrainingBatch:
    """Return random images of this size (width, height) with 20 objects each."""
    return (_random_level_batch if graph.level_strides else _random_batch)(graph, size, count)


def _random_level_batch(graph: Graph, size: tuple[int, int], count: int) -> LevelBatch:
    """Random images with 20 objects each, for a network on several levels."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.8, (count, _SLOTS, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.05, 0.2, (count, _SLOTS, 2))], 2) * (*size, *size)
    is_object = np.zeros((count, _SLOTS), bool)
    is_object[:, :_OBJECTS] = True
    return LevelBatch(
        images=rng.integers(0, 256, (count, size[1], size[0], 3), dtype=np.uint8),
        is_object=is_object,
        boxes_xyxy=boxes.astype(np.float32),
        class_ids=np.zeros((count, _SLOTS), np.int64),
        identities=rng.integers(0, IDENTITIES, (count, _SLOTS)).astype(np.int64),
        is_ignored=np.zeros((count, len(anchor_points(size, graph.level_strides)[0])), bool),
        paths=(),
    )


def _random_batch(graph: Graph, size: tuple[int, int], count: int) -> Batch:
    """Random images with 20 objects each."""
    width, height = size
    rng = np.random.default_rng(0)
    cells_x, cells_y = width // graph.stride, height // graph.stride
    slots, objects = _SLOTS, _OBJECTS
    cells = rng.integers(0, cells_x * cells_y, (count, slots))
    is_object = np.zeros((count, slots), bool)
    is_object[:, :objects] = True
    heatmap = np.zeros((count, graph.config.classes, cells_y * cells_x), np.float32)
    for image in range(count):
        heatmap[image, 0, cells[image, :objects]] = 1
    return Batch(
        images=rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8),
        heatmap=heatmap.reshape(count, -1, cells_y, cells_x),
        is_object=is_object,
        cells=cells.astype(np.int64),
        extents=rng.uniform(2, 9, (count, slots, 4)).astype(np.float32),
        offsets=rng.uniform(0, 1, (count, slots, 2)).astype(np.float32),
        identities=rng.integers(0, IDENTITIES, (count, slots)).astype(np.int64),
        paths=(),
    )
