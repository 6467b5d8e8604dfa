"""Workflow ``self-check``. Overfit eight images: each loss must vanish, and the network must find all boxes again.

A mistake in labels, targets, losses, gradients, optimiser, statistics or decoding on this machine shows here within
minutes, not after days.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairmot.config import AugmentationConfig, Config, NetworkConfig, OptimizerConfig
from fairmot.data.annotations import ImageSet, LabelledImages, read_images
from fairmot.data.converters import convert_motchallenge
from fairmot.data.identities import with_unique_identities
from fairmot.data.loader import Loader
from fairmot.data.targets import IGNORE_CLASS
from fairmot.engines import TRAINING_ENGINES, load_training
from fairmot.engines.choice import check_device, choose_inference_engine, choose_training_engine
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.progress import Log, Progress
from fairmot.street import write_street
from fairmot.training.found_again import count_found
from fairmot.training.memory import out_of_memory_in_one_line
from fairmot.training.progress import TrainingProgress
from fairmot.training.start import start_weights

IMAGES = 8
LIMITS = {
    "heatmap": 0.1,
    "extents": 0.1,
    "offsets": 0.1,
    "identity": 0.1,
    "overlap": 0.2,
    "scores": 0.25,
    "boxes": 0.5,
}
"""Loss -> fraction of its first value to which it must fall."""
GOOD_ENOUGH = {"scores": 0.15, "boxes": 0.15}
"""Loss -> value that suffices: a start that finds people already has little to fall."""
RATE_FACTORS = {"classifier": 10.0}
"""The classifier starts from almost nothing and has far to go."""
MAX_STEPS = 400
RATE = 5e-4
"""Adam's rate at the start."""
CPU_PIXELS = 192 * 128
"""On a processor the canvas is reduced to about this many pixels."""


@dataclass(frozen=True, slots=True)
class LossFall:
    """How one named loss fell."""

    name: str
    start: float
    end: float
    limit: float
    """Value that ``end`` must not exceed."""

    @property
    def passed(self) -> bool:
        """Whether it fell far enough."""
        return self.end <= self.limit


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The outcome of a self-check."""

    engine: str
    steps: int
    seconds: float
    losses: tuple[LossFall, ...]
    boxes: int
    """Boxes that must be found."""
    found: int
    """How many of these were found: a detection over the tracker's confidence with IoU 0.5."""
    left_out: int
    """Boxes too small for the canvas, or with a neighbour in the next cell, which suppresses one of the two."""

    @property
    def problems(self) -> list[str]:
        """What did not work, a line each; empty if all is well."""
        lines = [
            f"loss {each.name} fell from {each.start:.3g} to {each.end:.3g} only, expected {each.limit:.3g} or less"
            for each in self.losses
            if not each.passed
        ]
        if self.found < self.boxes:
            lines.append(f"{self.found} of {self.boxes} boxes were found again, expected all")
        return lines


def self_check(
    config: Config,
    engine: str = "auto",
    device: str = "auto",
    *,
    progress: Progress | None = None,
    log: Log | None = None,
    on_step: Callable[[TrainingProgress], None] | None = None,
    max_steps: int = MAX_STEPS,
    rate: float = RATE,
) -> SelfCheck:
    """Overfit eight images of a configuration's data, or of a rendered street where its ``data.json`` is absent.

    Network, losses, start weights and precision are the configuration's. Augmentation is off, the optimiser is the
    check's own (Adam, one rate for all parameters, no averages), and on a processor the canvas is small. It ends as
    soon as everything holds.

    Args:
        config: the configuration to check.
        engine: as for ``train``.
        device: as for ``train``.
        progress: called as ``progress("self-check", taken, max_steps)`` after each step.
        log: gets a line for people: what a partial start takes, a street that stands in for the data.
        on_step: gets the losses and the speed after each step.
        max_steps: the check fails on what does not hold after so many steps.
        rate: of Adam at the start; it falls to 1 % over ``max_steps`` like a cosine. Small networks bear a larger one.

    Raises:
        InputError: data or weights cannot be used, or memory runs out.
    """
    began = time.perf_counter()
    name = choose_training_engine(engine, device)
    check_device(name, device)
    # Where there is an accelerator, detection would run on it too.
    settings = _settings(config, choose_inference_engine("auto", device) not in TRAINING_ENGINES)
    with tempfile.TemporaryDirectory(prefix="fairmot-self-check-") as folder:
        images = _choose_images(settings, Path(folder), log)
        settings = settings.model_copy(update={"train": settings.train.model_copy(update={"batch_size": len(images)})})
        loader = _loader(settings, images)
        batch = next(loader.epoch(0))
        graph = build_graph(settings.network)
        with out_of_memory_in_one_line(settings):
            trainer = load_training(name).create_trainer(
                graph, start_weights(graph, settings, log), loader.identity_counts, settings, device
            )
            first: dict[str, float] = {}
            losses: dict[str, float] = {}
            counts = (0, 0, 0)
            step = 0
            while step < max_steps:
                losses = trainer.step(batch, rate * _rate_factor(step, max_steps)).losses
                first = first or losses
                step += 1
                if progress:
                    progress("self-check", step, max_steps)
                if on_step:
                    speed = step * len(images) / (time.perf_counter() - began)
                    on_step(TrainingProgress(step, max_steps, step - 1, losses, speed))
                # Decoding takes as long as some steps.
                if step == max_steps or (step % 10 == 0 and all(fall.passed for fall in _falls(first, losses))):
                    weights = trainer.state()
                    counts = count_found(settings, name, device, weights, loader, batch)
                    if counts[0] == counts[1]:
                        break
    return SelfCheck(name, step, time.perf_counter() - began, _falls(first, losses), *counts)


def _settings(config: Config, on_processor: bool) -> Config:
    network = config.network
    if on_processor:
        ratio = min(1.0, (CPU_PIXELS / (network.input_width_px * network.input_height_px)) ** 0.5)
        width, height = (max(64, round(side * ratio / 32) * 32) if ratio < 1 else side for side in network.input_size)
        network = NetworkConfig.model_validate(
            network.model_dump() | {"input_width_px": width, "input_height_px": height}
        )
    data = config.data.model_copy(update={"augmentation": AugmentationConfig(enabled=False), "workers": 0})
    train = config.train.model_copy(update={"accumulate": 1, "freeze_batch_norm": False, "partial_start": True})
    start = config.train.start_weights
    if start is not None and not start.is_file() and start != Path("shipped"):
        # Another command often makes it; it is not part of this check.
        train = train.model_copy(update={"start_weights": None})
    return config.model_copy(
        update={
            "network": network,
            "data": data,
            "train": train,
            "optimizer": OptimizerConfig(rate_factors=RATE_FACTORS),
        }
    )


def _choose_images(config: Config, folder: Path, log: Log | None) -> LabelledImages:
    """Eight images with people, evenly over the data, their identities numbered anew."""
    data = config.data
    if data.description.is_file():
        images = read_images(data.description, data.sets, skip_missing=data.skip_missing)
    else:
        if log:
            log(f"{data.description} is absent: a street is rendered instead")
        write_street(folder / "streets", people=6, frames=IMAGES, frame_rate=0.5, size=(640, 400))
        convert_motchallenge(folder / "streets", folder / "people", "street")
        images = read_images(folder / "people" / "data.json")
    wanted = images.rows[:, 0] != IGNORE_CLASS
    before = np.concatenate([[0], np.cumsum(wanted)])
    peopled = np.flatnonzero(before[images.starts[1:]] > before[images.starts[:-1]])
    if not len(peopled):
        raise InputError(f"{data.description}: no image has a box; 'fairmot data stats' counts them")
    chosen = peopled[np.unique(np.linspace(0, len(peopled) - 1, min(IMAGES, len(peopled))).round().astype(int))]
    blocks = [images.labels(index) for index in chosen.tolist()]
    rows = np.concatenate(blocks)
    known = rows[:, 1] >= 0
    numbers, rows[known, 1] = np.unique(rows[known, 1], return_inverse=True)
    boxes = int((rows[:, 0] != IGNORE_CLASS).sum())
    few = LabelledImages(
        tuple(images.paths[index] for index in chosen.tolist()),
        rows,
        np.cumsum([0, *map(len, blocks)], dtype=np.int64),
        (ImageSet("self-check", len(chosen), boxes, len(rows) - boxes, len(numbers), 0),),
    )
    # With fewer than two people there is no identity loss.
    return few if len(numbers) >= 2 else with_unique_identities(few)


def _loader(config: Config, images: LabelledImages) -> Loader:
    return Loader(
        images,
        config.network.input_size,
        config.train.batch_size,
        augmentation=config.data.augmentation,
        classes=config.network.classes,
        max_objects=config.data.max_objects,
        box_radius=config.data.box_radius,
        level_strides=config.network.level_strides,
        clip_boxes=config.data.clip_boxes,
        workers=0,
    )


def _rate_factor(step: int, max_steps: int) -> float:
    warm = min(1.0, (step + 1) / 10)
    return float(warm * (0.01 + 0.99 * (1 + np.cos(np.pi * step / max_steps)) / 2))


def _falls(first: dict[str, float], losses: dict[str, float]) -> tuple[LossFall, ...]:
    """Return those losses that are not 0 from the start."""
    return tuple(
        LossFall(name, first[name], losses[name], max(fraction * first[name], GOOD_ENOUGH.get(name, 0.0)))
        for name, fraction in LIMITS.items()
        if first.get(name, 0.0) != 0.0
    )
