"""One image in, detections out: letterbox, engine, back to the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.engines.canvases import CanvasBuilder
from fairmot.engines.interface import CanvasDetector, RawDetections
from fairmot.errors import InputError
from fairmot.geometry import ImageArray, Letterbox, Scale


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


def _check_classes(classes: Sequence[int], count: int) -> None:
    known = f"classes 0 to {count - 1}" if count > 1 else "class 0 alone"
    if not len(classes):
        raise InputError(f"no class is selected: name one or leave the selection out; this network has {known}")
    unknown = [number for number in classes if not 0 <= number < count]
    if unknown:
        raise InputError(f"class {unknown[0]}: this network has {known}")
