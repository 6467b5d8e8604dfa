"""Scores of a network in training on data that it never sees, with the real detector and tracker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.config import Config
from fairmot.data.annotations import LabelledImages, read_description, read_images
from fairmot.data.image_files import read_image
from fairmot.data.targets import IGNORE_CLASS
from fairmot.detections import Detections
from fairmot.detector import Detector
from fairmot.engines import load_inference
from fairmot.engines.choice import choose_inference_engine
from fairmot.engines.interface import Arrays
from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import choose_benchmark
from fairmot.evaluation.detection import average_precision
from fairmot.evaluation.preprocessing import true_boxes_that_count
from fairmot.files import replacing
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.halves import first_index
from fairmot.formats.sequences import find_sequences
from fairmot.geometry import ImageArray, tlwh_to_xyxy
from fairmot.media.sources.frames import read_frames
from fairmot.network.architectures import build_graph
from fairmot.progress import Progress
from fairmot.training.samples import Sample, draw_samples, spaced
from fairmot.workflows.evaluate.evaluate import evaluate
from fairmot.workflows.evaluate.run import EvaluationRun

TRACKING_SCORES = ("HOTA", "MOTA", "IDF1")


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of one validation."""

    scores: dict[str, float]
    """``AP50`` of the held-out images, or of the sequences where there are none; of sequences also ``HOTA``,
    ``MOTA``, ``IDF1`` and, beside held-out images, ``AP50_sequences``. Fractions of 1."""
    images: dict[str, ImageArray]
    """Name -> drawn sample, BGR."""


class Validator:
    """Validates weights on the sequences of ``data.validation`` and on the lists under ``val`` of ``data.json``.

    Raises:
        InputError: there is nothing to validate on, it does not give ``train.best_score``, or data are missing or
            wrong.
    """

    def __init__(self, config: Config, device: str = "auto") -> None:
        self.config, self.device = config, device
        data = config.data
        self.held_out = _read_held_out(config)
        self.sequences = find_sequences(data.validation) if data.validation else []
        if not self.sequences and self.held_out is None:
            raise InputError(
                f"train.validate_every_epochs is {config.train.validate_every_epochs}, but there is nothing to "
                f"validate on: name sequences in data.validation, or lists under 'val' in {data.description}"
            )
        if config.train.best_score in TRACKING_SCORES and not self.sequences:
            raise InputError(
                f"train.best_score {config.train.best_score}: only sequences give it; name some in data.validation, "
                "or choose AP50"
            )
        if self.sequences:
            choose_benchmark(data.validation_benchmark, self.sequences)
        self.engine = choose_inference_engine("auto", device)

    @property
    def held_out_paths(self) -> tuple[Path, ...]:
        """The held-out images, which training should not contain."""
        return self.held_out.paths if self.held_out else ()

    def __call__(self, weights: Arrays, folder: Path, progress: Progress | None = None) -> Validation:
        """Validate a network's weights; result files, scores and sample images go into ``folder``."""
        config, data = self.config, self.config.data
        graph = build_graph(config.network)
        engine = load_inference(self.engine)
        input_size = config.network.input_size
        canvas_detector = engine.load_canvas_detector(graph, weights, input_size, device=self.device)
        detector = Detector(
            canvas_detector,
            self.engine,
            config.network.architecture,
            config.network.classes,
            config.inference.confidence,
        )
        scores: dict[str, float] = {}
        if self.held_out:
            scores["AP50"] = self._held_out_precision(self.held_out, detector, progress)
        if data.validation:
            report = self._track(data.validation, detector, folder, progress)
            name = "AP50_sequences" if self.held_out else "AP50"
            scores[name] = float(report["detection"]["combined"]["AP50"])
            scores |= {score: float(report["combined"][score]) for score in TRACKING_SCORES}
        images: dict[str, ImageArray] = {}
        samples = list(self._samples())
        if samples:
            network = engine.load_network(graph, weights, self.device)
            found = detector.batch([sample.image for sample in samples])
            images = dict(draw_samples(samples, found, network, input_size, config.tracker.confidence))
        for name, image in images.items():
            with replacing(folder / "samples" / f"{name}.jpg") as temporary:
                cv2.imwrite(str(temporary), image)
        return Validation(scores, images)

    def _track(self, place: Path, detector: Detector, folder: Path, progress: Progress | None) -> dict[str, Any]:
        run = EvaluationRun(folder, self.config.data.validation_benchmark, overwrite=True)
        half_val = self.config.data.validation_half
        return evaluate(place, detector, run, self.config.tracker, half_val=half_val, progress=progress)

    def _held_out_precision(
        self,
        images: LabelledImages,
        detector: Detector,
        progress: Progress | None,
    ) -> float:
        """Mean over the classes that occur of AP at IoU 0.5."""
        found: list[Detections] = []
        truths: list[NDArray[np.float64]] = []
        for index, path in enumerate(images.paths):
            image = read_image(path)
            found.append(detector(image))
            truths.append(_pixel_rows(images.labels(index), image))
            if progress:
                progress("held out", index + 1, len(images))
        ignored = [rows[rows[:, 0] == IGNORE_CLASS, 2:] for rows in truths]
        present = np.unique(np.concatenate([rows[:, 0] for rows in truths]))
        each = [
            average_precision(
                [one.boxes_xyxy[one.class_ids == kind] for one in found],
                [one.scores[one.class_ids == kind] for one in found],
                [rows[rows[:, 0] == kind, 2:] for rows in truths],
                ignored,
            )
            for kind in present[present != IGNORE_CLASS]
        ]
        return float(np.mean(each)) if each else 0.0

    def _samples(self) -> Iterator[Sample]:
        """Held-out images where there are some, else frames of the sequences, evenly spaced."""
        wanted = self.config.train.sample_images
        if self.held_out:
            for index in spaced(len(self.held_out), wanted):
                image = read_image(self.held_out.paths[index])
                rows = _pixel_rows(self.held_out.labels(index), image)
                yield Sample(image, rows[rows[:, 0] != IGNORE_CLASS, 2:])
            return
        rules = choose_benchmark(self.config.data.validation_benchmark, self.sequences)
        counts = np.bincount(np.arange(wanted) % len(self.sequences), minlength=len(self.sequences))
        for sequence, sample_count in zip(self.sequences, counts.tolist(), strict=True):
            info, truth = load_ground_truth(sequence)
            scored = true_boxes_that_count(truth, rules)
            skipped = first_index(info.frame_count) if self.config.data.validation_half else 0
            for index in (skipped + place for place in spaced(info.frame_count - skipped, sample_count)):
                for frame in read_frames(sequence, index, index + 1):
                    yield Sample(frame.image, tlwh_to_xyxy(truth.boxes_tlwh[scored & (truth.frames == index)]))


def _read_held_out(config: Config) -> LabelledImages | None:
    data = config.data
    if not data.validation_sets and not read_description(data.description, part="val").lists:
        return None
    return read_images(data.description, data.validation_sets, skip_missing=data.skip_missing, part="val")


def _pixel_rows(rows: NDArray[np.float64], image: ImageArray) -> NDArray[np.float64]:
    """Label rows [n, 6] -> class, identity and corners in image pixels [n, 6]."""
    size = np.array([image.shape[1], image.shape[0]])
    return np.concatenate(
        [rows[:, :2], (rows[:, 2:4] - rows[:, 4:6] / 2) * size, (rows[:, 2:4] + rows[:, 4:6] / 2) * size], axis=1
    )
