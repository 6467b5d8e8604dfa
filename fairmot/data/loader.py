"""Batches for training, made by threads or processes: the same for any number of them, and after any resume.

A sample depends on (seed, epoch, index) alone and the order of an epoch on (seed, epoch) alone, so nothing needs to be
saved to resume at any step. Threads suffice for a few cores, since OpenCV releases the interpreter's lock for decoding
and warping; many of them wait for each other's Python, and processes do not. OpenCV's own threads are a setting of the
whole process, so they are left alone; they do not change the batches.
"""

from __future__ import annotations

import copy
import hashlib
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import STRIDE, AugmentationConfig, Config
from fairmot.data.annotations import LabelledImages, read_images
from fairmot.data.augmentation import LabelledArray, augment, choose_images
from fairmot.data.batch import Batch
from fairmot.data.identities import with_identities_of_classes, with_unique_identities
from fairmot.data.image_files import read_image
from fairmot.data.level_targets import LevelBatch, make_level_targets
from fairmot.data.shared_memory import SharedMemoryFullError
from fairmot.data.targets import make_targets
from fairmot.data.worker_processes import WorkerProcesses
from fairmot.data.worker_threads import batches_by_threads
from fairmot.errors import InputError
from fairmot.progress import Log

AnyBatch = Batch | LevelBatch

# Batches that are ready or being made while the trainer uses another.
PREFETCHED_BATCHES = 2
# Stands in for an image's index, so that the order has its own random stream.
_ORDER_STREAM = 2**32 - 1


class Loader:
    """Shuffled, augmented batches of labelled images.

    Example:
        >>> loader = create_loader(config)  # doctest: +SKIP
        >>> for batch in loader.epoch(3, first_step=120):  # doctest: +SKIP
        ...     trainer.step(batch, learning_rate=1e-4)
    """

    def __init__(
        self,
        images: LabelledImages,
        input_size: tuple[int, int],
        batch_size: int,
        seed: int = 0,
        *,
        augmentation: AugmentationConfig | None = None,
        finish: tuple[int, AugmentationConfig] | None = None,
        classes: int = 1,
        max_objects: int = 500,
        box_radius: int = 0,
        level_strides: tuple[int, ...] = (),
        clip_boxes: bool = False,
        workers: int = 2,
        worker_processes: bool = False,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        """Check that the network can be trained on the images.

        Args:
            images: what ``read_images`` returned.
            input_size: width and height of the canvases, pixels.
            batch_size: images in a batch, in each process; an incomplete last batch is dropped.
            seed: not negative.
            augmentation: default: the published one.
            finish: an epoch, from 0, and the augmentation from it on.
            classes: heatmap channels.
            max_objects: slots an image.
            box_radius: see ``make_targets``.
            level_strides: of a network on several levels; its batches are ``LevelBatch``.
            clip_boxes: cut boxes at the image's edges first (published for MOT20).
            workers: threads; 0 loads in the calling thread.
            worker_processes: let the workers be processes. They start with the first batch and live until ``close``.
                Where shared memory does not hold the batches they are threads, and ``log`` gets a line.
            rank: this process among those that train together, from 0.
            processes: number of these processes. A step takes the batches of all, which follow each other in one common
                order.

        Raises:
            InputError: fewer images than a batch, or a class that the network does not have.
        """
        if seed < 0:
            raise InputError(f"train.seed: {seed} is negative; give 0 or more")
        self.step_size = batch_size * processes
        """Images that all processes take in one step."""
        if len(images) < self.step_size:
            names = ", ".join(each.name for each in images.sets)
            each_takes = f" in each of {processes} processes" if processes > 1 else ""
            raise InputError(
                f"{len(images)} images in {names}, fewer than one batch of {batch_size}{each_takes}: "
                "lower train.batch_size"
            )
        foreign = np.flatnonzero(images.rows[:, 0] >= classes)
        if len(foreign):
            image = int(np.searchsorted(images.starts, foreign[0], side="right")) - 1
            raise InputError(
                f"{images.paths[image]}: labelled with class {int(images.rows[foreign[0], 0])}, but "
                f"network.classes is {classes}: raise it or convert again with chosen classes"
            )
        # Each class has its own identities; with a single class they stay as they are.
        self.images = images
        self.identity_counts: tuple[int, ...] = (images.identity_count,)
        if classes > 1:
            self.images, self.identity_counts = with_identities_of_classes(images, classes)
        self.rank = rank
        self.input_size = input_size
        self.batch_size = batch_size
        self.seed = seed
        self._augmentation = augmentation if augmentation is not None else AugmentationConfig()
        self._finish = finish
        self._classes, self._max_objects, self._box_radius = classes, max_objects, box_radius
        self._level_strides = level_strides
        self._clip_boxes, self._workers = clip_boxes, workers
        self._worker_processes = worker_processes and workers > 0
        self.log: Log | None = None
        """Gets a line where the workers cannot be processes."""
        self._pool: WorkerProcesses[AnyBatch] | None = None
        self._end_pool: weakref.finalize[..., Loader] | None = None

    def __len__(self) -> int:
        """Return the batches an epoch."""
        return len(self.images) // self.step_size

    @property
    def identity_count(self) -> int:
        """Classes of the identity classifiers, all together; ``identity_counts`` has one number a class of objects."""
        return sum(self.identity_counts)

    def fingerprint(self) -> dict[str, str]:
        """Return what identifies the batches of this loader.

        For images and labels, a count and a digest of all of them.
        """
        names = "\n".join(path.as_posix() for path in self.images.paths).encode()
        # Little-endian, so that a run can resume on another machine.
        labels = self.images.rows.astype("<f8").tobytes() + self.images.starts.astype("<i8").tobytes()
        return {
            "list of training images": f"{len(self.images)} ({hashlib.sha256(names).hexdigest()[:16]})",
            "label rows": f"{len(self.images.rows)} ({hashlib.sha256(labels).hexdigest()[:16]})",
            # The unit of steps: with another number of processes batch_size must change accordingly.
            "images a step": str(self.step_size),
        }

    def epoch(self, epoch: int, first_step: int = 0) -> Generator[AnyBatch, None, None]:
        """Yield the batches of an epoch from ``first_step`` on.

        Threads live as long as the iterator: exhausting, closing or dropping it ends them. Processes stay for the next
        epoch unless it is left early. Both prepare a bounded number of batches ahead.

        Raises:
            InputError: an image cannot be read.
            RuntimeError: any other failure with an image, which the message names, or a worker process that is gone.
        """
        order = np.argsort(np.random.default_rng([self.seed, epoch, _ORDER_STREAM]).random(len(self.images)))
        steps = order[: len(self) * self.step_size].reshape(len(self), -1, self.batch_size)
        chunks = steps[first_step:, self.rank]
        if self._worker_processes:
            yield from self._by_processes(epoch, chunks)
        else:
            yield from batches_by_threads(self, epoch, chunks, self._workers, PREFETCHED_BATCHES)

    def close(self) -> None:
        """End the worker processes; there is nothing else to close."""
        if self._end_pool is not None:
            self._end_pool()
        self._pool = self._end_pool = None

    def _by_processes(self, epoch: int, chunks: NDArray[np.integer[Any]]) -> Generator[AnyBatch, None, None]:
        if self._pool is None:
            maker = copy.copy(self)  # without the processes, so that dropping the loader ends them
            maker.log = None
            try:
                self._pool = WorkerProcesses[AnyBatch](maker, self.batch_size, self._workers, PREFETCHED_BATCHES)
            except SharedMemoryFullError as error:
                self._worker_processes = False
                if self.log:
                    self.log(f"data.worker_processes: {error}; threads load the images instead")
                yield from batches_by_threads(self, epoch, chunks, self._workers, PREFETCHED_BATCHES)
                return
            self._end_pool = weakref.finalize(self, self._pool.close)
        whole = False
        try:
            yield from self._pool.batches(epoch, chunks)
            whole = True
        finally:
            if not whole:  # they still work on batches that nobody wants
                self.close()

    def sample(self, epoch: int, index: int) -> LabelledArray:
        """Return the canvas (BGR [H, W, 3]) and its label rows [n, 6], divided by the canvas, of one image."""
        rng = np.random.default_rng([self.seed, epoch, index])
        augmentation = self._augmentation
        if self._finish is not None and epoch >= self._finish[0]:
            augmentation = self._finish[1]
        chosen = choose_images(index, len(self.images), augmentation, rng)
        images = [(read_image(self.images.paths[each]), self._labels(each)) for each in chosen]
        return augment(images, self.input_size, augmentation, rng)

    def _labels(self, index: int) -> NDArray[np.float64]:
        labels = self.images.labels(index)
        if self._clip_boxes:
            first = np.clip(labels[:, 2:4] - labels[:, 4:6] / 2, 0, 1)
            last = np.clip(labels[:, 2:4] + labels[:, 4:6] / 2, 0, 1)
            labels[:, 2:4], labels[:, 4:6] = (first + last) / 2, last - first
        return labels

    def reserve(self, indices: NDArray[np.integer[Any]]) -> AnyBatch:
        """Reserve the arrays of a batch of these images."""
        paths = (self.images.paths[index] for index in indices)
        if self._level_strides:
            return LevelBatch.reserved(paths, self.input_size, self._level_strides, self._max_objects)
        return Batch.reserved(paths, self.input_size, self._classes, self._max_objects)

    def fill(self, batch: AnyBatch, slot: int, epoch: int, index: int) -> None:
        """Make the sample of one image and its targets, in their slot of a batch.

        Raises:
            InputError: an image cannot be read.
            RuntimeError: any other failure; the message names the image.
        """
        try:
            canvas, labels = self.sample(epoch, index)
            if isinstance(batch, LevelBatch):
                strides = self._level_strides
                batch.fill(
                    slot, canvas, make_level_targets(labels, self.input_size, strides, self._classes, self._max_objects)
                )
                return
            map_size = (self.input_size[0] // STRIDE, self.input_size[1] // STRIDE)
            batch.fill(slot, canvas, make_targets(labels, map_size, self._classes, self._max_objects, self._box_radius))
        except InputError:
            raise
        except Exception as error:
            raise RuntimeError(f"{self.images.paths[index]}: {type(error).__name__}: {error}") from error


def create_loader(config: Config, root: Path | str | None = None, rank: int = 0, processes: int = 1) -> Loader:
    """Read the images that a configuration names and return their loader.

    Args:
        config: uses ``data``, ``train.batch_size``, ``train.accumulate``, ``train.seed`` and the sizes of ``network``.
            A batch holds everything that one process takes in a step.
        root: overrides the one in ``data.json``.
        rank: this process among those that train together, from 0.
        processes: number of these processes.

    Raises:
        InputError: as ``read_images`` and ``Loader``.
    """
    data, network = config.data, config.network
    images = read_images(data.description, data.sets, root, skip_missing=data.skip_missing)
    return Loader(
        with_unique_identities(images) if data.unique_identities else images,
        network.input_size,
        config.train.batch_size * config.train.accumulate,
        config.train.seed,
        augmentation=data.augmentation,
        finish=(config.train.epochs - data.finish_epochs, data.last_augmentation()) if data.finish_epochs else None,
        classes=network.classes,
        max_objects=data.max_objects,
        box_radius=data.box_radius,
        level_strides=network.level_strides,
        clip_boxes=data.clip_boxes,
        workers=data.workers,
        worker_processes=data.worker_processes,
        rank=rank,
        processes=processes,
    )
