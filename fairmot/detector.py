"""One image in, detections out: letterbox, engine, back to the image; and the two loading functions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.engines import (
    EXPORTED,
    choose_export_engine,
    choose_inference_engine,
    engines_with,
    load_detector_exporter,
    load_inference,
    load_network_exporter,
)
from fairmot.engines.canvases import SIZE_MULTIPLE_PX, CanvasBuilder
from fairmot.engines.capabilities import InferenceEngine
from fairmot.engines.interface import Arrays, CanvasDetector, RawDetections, RawNetwork
from fairmot.engines.precision import OnTrial, check_known
from fairmot.errors import InputError
from fairmot.formats.hub import fetch_weights, is_hub_address
from fairmot.geometry import ImageArray, Letterbox, Scale
from fairmot.network.architectures import build_graph
from fairmot.network.graph import Graph
from fairmot.network.safetensors import TRACKER_NOTE, check_weights, load_weights, read_metadata
from fairmot.network.summary import summarize

SHIPPED_WEIGHTS = Path(__file__).parent / "pretrained" / "lite.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """An image on the network's canvas; ``Detector.prepare`` makes one."""

    canvas: ImageArray
    """uint8 [H, W, 3], BGR."""
    letterbox: Letterbox
    """The place of the image on the canvas."""


class Detector:
    """Detects objects in images of any size; ``load_detector`` makes one.

    Attributes:
        engine: name of the engine that runs the network.
        architecture: name of the network.
        input_size: width and height of the network's canvas, pixels; where the canvas fits each image
            (``fits_images``), that of images in these proportions.
        fits_images: whether the canvas has the proportions of each image.
        class_count: how many classes the network distinguishes.
        confidence: score threshold; detections with this score or less are left out.
        classes: the only classes that are returned; None: all.
        tracker: the tracker's parameters that go with the weights; the published ones where their file names none.
        weights: name of the file and the start of its SHA-256, so that results name their origin.

    Raises:
        InputError: a class that the network does not have, or an empty selection.
    """

    def __init__(
        self,
        network: CanvasDetector | CanvasBuilder,
        engine: str,
        architecture: str,
        class_count: int,
        confidence: float = 0.1,
        classes: Sequence[int] | None = None,
        tracker: TrackerConfig | None = None,
        weights: str | None = None,
        precision: str = "f32",
    ) -> None:
        if classes is not None:
            _check_classes(classes, class_count)
        self._networks = network if isinstance(network, CanvasBuilder) else CanvasBuilder(network)
        self.engine = engine
        self.architecture = architecture
        self.input_size = self._networks.input_size
        self.fits_images = self._networks.fits_images
        self.class_count = class_count
        self._confidence = float(confidence)
        self.classes = None if classes is None else tuple(classes)
        self.tracker = tracker or TrackerConfig()
        self.weights = weights
        self._precision = precision

    def __call__(self, image: ImageArray | PreparedImage) -> Detections:
        """Detect the objects in one image.

        Args:
            image: uint8 [H, W, 3], BGR; or what ``prepare`` made of one, with the same result.

        Returns:
            Detections in image pixels by falling score, with unit embeddings. Boxes are amodal: they may reach
            over the image's edge.

        Raises:
            ValueError: not such an image.
        """
        return self.batch([image])[0]

    @property
    def confidence(self) -> float:
        """Score threshold; fixed, since what has a lower score is not even described."""
        return self._confidence

    @property
    def precision(self) -> str:
        """In what the next image is computed; of an exported file ``file``."""
        network = self._networks.network(self.input_size)
        return str(getattr(network, "precision", self._precision))

    @property
    def precision_note(self) -> str:
        """The precision, and why ``auto`` takes it, in one line."""
        network = self._networks.network(self.input_size)
        return str(getattr(network, "precision_note", self._precision))

    @property
    def at_once(self) -> int:
        """How many calls of ``beside_others`` pay at the same time; 1: none, one call uses the whole machine."""
        network = self._networks.network(self.input_size)
        return int(getattr(network, "at_once", 1))

    def beside_others(self, image: ImageArray | PreparedImage) -> Detections:
        """Return what a call returns; ``at_once`` threads may do so at the same time, for the most images a second.

        Raises:
            ValueError: as of a call.
        """
        ready = self._ready(image)
        network = self._networks.network(ready.letterbox.canvas_size)
        found: RawDetections = getattr(network, "beside_others", network)(ready.canvas[None])
        return self._detections(found, 0, ready.letterbox)

    def prepare(self, image: ImageArray) -> PreparedImage:
        """Letterbox an image, for example in a thread that runs ahead of the network.

        Args:
            image: uint8 [H, W, 3], BGR; the result does not refer to it.

        Raises:
            ValueError: not such an image.
        """
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
            raise ValueError(f"image of {array.dtype} {list(array.shape)}: expected uint8 [H, W, 3], BGR, not empty")
        size = (array.shape[1], array.shape[0])
        letterbox = Letterbox(size, self._networks.canvas_for(size))
        return PreparedImage(letterbox.apply(array), letterbox)

    def prepare_decoded(self, image_size: tuple[int, int], scale: Scale) -> PreparedImage | None:
        """Letterbox a frame of a video that scales itself as it was decoded, which is faster than ``prepare``.

        The canvas differs from that of ``prepare`` by rounding, one level on average. None: the canvas is larger than
        the image, where the two would differ by more.

        Args:
            image_size: its width and height.
            scale: scales it.
        """
        letterbox = Letterbox(image_size, self._networks.canvas_for(image_size))
        return PreparedImage(letterbox.apply_scaled(scale), letterbox) if letterbox.ratio < 1 else None

    def batch(self, images: Sequence[ImageArray | PreparedImage]) -> list[Detections]:
        """Detect the objects in each of several images, prepared or not, which may differ in size.

        Raises:
            ValueError: one of them is no uint8 image [H, W, 3], or was prepared for another canvas.
        """
        if not len(images):
            return []
        ready = [self._ready(image) for image in images]
        answers: dict[int, Detections] = {}
        # Images of one canvas go through the network together.
        for size in dict.fromkeys(image.letterbox.canvas_size for image in ready):
            places = [place for place, image in enumerate(ready) if image.letterbox.canvas_size == size]
            found = self._networks.network(size)(np.stack([ready[place].canvas for place in places]))
            answers |= {
                place: self._detections(found, index, ready[place].letterbox) for index, place in enumerate(places)
            }
        return [answers[place] for place in range(len(ready))]

    def _ready(self, image: ImageArray | PreparedImage) -> PreparedImage:
        if not isinstance(image, PreparedImage):
            return self.prepare(image)
        wanted = self._networks.canvas_for(image.letterbox.image_size)
        if image.letterbox.canvas_size != wanted:
            made_for, own = ("{} x {}".format(*size) for size in (image.letterbox.canvas_size, wanted))
            raise ValueError(f"image prepared for {made_for}: this detector's canvas is {own}")
        return image

    def _detections(self, found: RawDetections, index: int, letterbox: Letterbox) -> Detections:
        scores, class_ids = found.scores[index], found.class_ids[index]
        kept = scores > self._confidence
        if self.classes is not None:
            kept &= np.isin(class_ids, self.classes)
        # Extents may be negative: an inverted box covers nothing.
        kept &= (found.boxes_xyxy[index][:, 2:] > found.boxes_xyxy[index][:, :2]).all(axis=1)
        boxes = letterbox.detections_to_image(found.boxes_xyxy[index][kept])
        return Detections(boxes, scores[kept], found.embeddings[index][kept], class_ids[kept])


def load_detector(
    weights: Path | str | None = None,
    engine: str = "auto",
    device: str = "auto",
    confidence: float = 0.1,
    input_size: tuple[int, int] | Literal["auto"] | None = None,
    classes: Sequence[int] | None = None,
    precision: str = "auto",
) -> Detector:
    """Load a detector.

    Args:
        weights: a ``.safetensors`` weight file, a detector that this project exported (``.onnx``, ``.xml``), or a
            repository of the Hugging Face hub, ``hf:OWNER/NAME``; None: the weights that come with the package.
        engine: ``onnxruntime``, ``openvino``, ``torch``, ``mindspore``, or ``auto``: PyTorch on ``cuda``, MindSpore on
            ``ascend``, else the fastest one installed. ``auto`` runs ``.onnx`` with ONNX Runtime, ``.xml`` with
            OpenVINO.
        device: as the engine names it (``cpu``, ``cuda`` ...), or ``auto``.
        confidence: score threshold; only detections with a higher score are returned.
        input_size: width and height of the canvas, pixels, multiples of 32; ``auto``: about the area of the network's
            own canvas in the proportions of each image; None: ``auto`` for networks on several levels (``lite``) out of
            ``.safetensors`` files, else the network's own size.
        classes: the only class numbers to return; None: all.
        precision: ``f32``, ``bf16`` or ``f16`` of a ``.safetensors`` file, where engine and device have it (an exported
            file has its own); ``auto``: a short one where the device has units for it and where it finds in the first
            images what float32 finds (``fairmot.engines.precision.OnTrial``), else float32.

    Raises:
        InputError: a precision, file, engine, device, size or class that cannot be used.
    """
    if not 0 <= confidence <= 1:
        raise InputError(f"confidence {confidence}: expected a number from 0 to 1")
    if input_size is not None and input_size != "auto":
        _check_input_size(input_size)
    check_known(precision)
    path = _weight_path(weights)
    if path.suffix in EXPORTED:
        if precision != "auto":
            raise InputError(f"precision {precision}: {path} has the precision that it was exported in; take auto")
        engine = choose_export_engine(engine, path.suffix)
        _check_runs_exported(engine, path)
        if engine not in engines_with("detector export"):
            raise InputError(
                f"{path}: holds raw heads without decoding, which detect nothing; give .safetensors or .onnx"
            )
        exported = load_detector_exporter(engine).load_exported_detector(path, device)
        networks, config, note = CanvasBuilder(exported.detector), exported.network, exported.tracker
        if input_size == "auto":
            raise InputError(f"{path}: was exported for one size of canvas; auto needs the .safetensors file")
        if input_size is not None and tuple(input_size) != networks.input_size:
            made_for = "{} x {}".format(*networks.input_size)
            raise InputError(f"{path}: was exported for {made_for}, not for {input_size[0]} x {input_size[1]}")
    else:
        file = load_weights(path)
        config, note = file.network, file.notes.get(TRACKER_NOTE)
        graph = build_graph(config)
        check_weights(graph, file.arrays, str(path))
        fits = input_size == "auto" or (input_size is None and bool(graph.level_strides))
        size = config.input_size if input_size is None or input_size == "auto" else input_size
        engine = choose_inference_engine(engine, device, summarize(graph, size).multiply_adds)
        build = partial(_build, load_inference(engine), graph, file.arrays, device, precision, confidence)
        networks = CanvasBuilder(build(size), build if fits else None)
    tracker = TrackerConfig.from_note(note, str(path))
    return Detector(
        networks,
        engine,
        config.architecture,
        config.classes,
        confidence,
        classes,
        tracker,
        _identified(path),
        "file" if path.suffix in EXPORTED else _f32(precision),
    )


def _build(
    engine: InferenceEngine,
    graph: Graph,
    weights: Arrays,
    device: str,
    precision: str,
    confidence: float,
    size: tuple[int, int],
) -> CanvasDetector:
    load = partial(engine.load_canvas_detector, graph, weights, size, device=device, described_above=confidence)
    fast = engine.fast_precisions(device) if precision == "auto" else ()
    exact = load(precision=_f32(precision))
    if not fast:
        return exact
    short = load(precision=fast[0])
    return OnTrial(exact, short, fast[0])


def _f32(precision: str) -> str:
    return "f32" if precision == "auto" else precision


def weights_tracker(weights: Path | str | None = None) -> TrackerConfig:
    """Return the tracker's parameters that go with weights, without loading them: ``Detector.tracker`` in advance.

    Args:
        weights: as of ``load_detector``.

    Raises:
        InputError: no such file, or one that ``load_detector`` cannot read either.
    """
    path = _weight_path(weights)
    if path.suffix in EXPORTED:
        engine = EXPORTED[path.suffix][0]
        has_tracker = engine in engines_with("detector export")
        note = load_detector_exporter(engine).exported_tracker(path) if has_tracker else None
    else:
        note = read_metadata(path).get(TRACKER_NOTE)
    return TrackerConfig.from_note(note, str(path))


def load_network(weights: Path | str, engine: str = "auto", device: str = "auto") -> RawNetwork:
    """Load a network that gives raw head maps, for parity checks and research.

    Args:
        weights: a ``.safetensors`` weight file, or raw heads that this project exported (``.onnx``, ``.xml``,
            ``.mindir``).
        engine: as of ``load_detector``.
        device: as the engine names it, or ``auto``.

    Raises:
        InputError: a file, engine or device that cannot be used.
    """
    path = _weight_path(weights)
    if path.suffix in EXPORTED:
        engine = choose_export_engine(engine, path.suffix)
        _check_runs_exported(engine, path)
        return load_network_exporter(engine).load_exported_network(path, device).heads
    file = load_weights(path)
    graph = build_graph(file.network)
    check_weights(graph, file.arrays, str(path))
    return load_inference(choose_inference_engine(engine, device)).load_network(graph, file.arrays, device)


def _check_runs_exported(engine: str, path: Path) -> None:
    able = EXPORTED[path.suffix]
    if engine not in able:
        known = f"use engine {' or '.join(able)}, or .safetensors"
        raise InputError(f"{path}: engine {engine} runs no exported models of this kind; {known}")


def _identified(path: Path) -> str:
    """Name of a file and the start of its digest."""
    with path.open("rb") as file:
        return f"{path.name} sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def _weight_path(weights: Path | str | None) -> Path:
    if weights is not None:
        return fetch_weights(weights) if is_hub_address(weights) else Path(weights)
    if not SHIPPED_WEIGHTS.is_file():
        raise InputError(
            f"{SHIPPED_WEIGHTS}: this installation holds no weights; name a file, or train one with: fairmot train lite"
        )
    return SHIPPED_WEIGHTS


def _check_input_size(input_size: tuple[int, int]) -> None:
    if len(input_size) != 2 or any(side < SIZE_MULTIPLE_PX or side % SIZE_MULTIPLE_PX for side in input_size):
        raise InputError(
            f"input size {' x '.join(map(str, input_size))}: width and height must be multiples of {SIZE_MULTIPLE_PX}"
        )


def _check_classes(classes: Sequence[int], count: int) -> None:
    known = f"classes 0 to {count - 1}" if count > 1 else "class 0 alone"
    if not len(classes):
        raise InputError(f"no class is selected: name one or leave the selection out; this network has {known}")
    unknown = [number for number in classes if not 0 <= number < count]
    if unknown:
        raise InputError(f"class {unknown[0]}: this network has {known}")
