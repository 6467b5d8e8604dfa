"""Workflow ``export``. Turn weights into a checked file for another runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairmot.detector import load_detector
from fairmot.engines import (
    EXPORT_COMPANIONS,
    EXPORTED,
    engines_with,
    load_detector_exporter,
    load_inference,
    load_network_exporter,
)
from fairmot.engines.choice import choose_reference_engine
from fairmot.engines.interface import CanvasDetector, RawNetwork
from fairmot.engines.precision import check_known
from fairmot.errors import InputError, closest_name
from fairmot.files import replacing
from fairmot.formats.images import IMAGE_SUFFIXES
from fairmot.formats.sequences import find_sequences
from fairmot.geometry import Letterbox
from fairmot.media.sources.frames import read_frames
from fairmot.network.architectures import build_graph
from fairmot.network.decoding import FOUND_LIMITS, Decoded, decode_heads, fraction_found, unit_vectors
from fairmot.network.graph import Graph
from fairmot.network.level_decoding import decode_levels
from fairmot.network.safetensors import TRACKER_NOTE, check_weights, load_weights
from fairmot.progress import Log
from fairmot.workflows.evaluate.evaluate import evaluate
from fairmot.workflows.evaluate.run import EvaluationRun

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "mindir": ".mindir"}
"""Format -> suffix of its files."""

MOST_IMAGES = 100
"""Images that int8 is calibrated with at most, evenly spread over the folder."""

HEAD_LIMITS = {"f32": 1e-3, "f16": 0.05, "int8": 0.5}
"""Precision -> largest root mean square of a head's difference, in standard deviations of the head."""


@dataclass(frozen=True, slots=True)
class Export:
    """An exported file, and how it compares with the network."""

    path: Path
    format: str
    precision: str
    input_size: tuple[int, int]
    raw: bool
    reference: str
    """The engine that ran the unexported network."""
    agreement: float
    """Fraction of detections that both find, or, of raw heads, 1 minus the largest difference (see ``HEAD_LIMITS``)."""
    scores: dict[str, dict[str, float]] | None
    """``before`` and ``after`` -> HOTA, MOTA, IDF1, AP50 on the folder that was given for it."""


def export(
    weights: Path | str,
    output: Path | str,
    format: str | None = None,
    precision: str = "f32",
    *,
    input_size: tuple[int, int] | None = None,
    raw: bool = False,
    calibration: Path | str | None = None,
    evaluation: Path | str | None = None,
    overwrite: bool = False,
    log: Log | None = None,
) -> Export:
    """Write a network for another runtime, run the file, and compare it with the unexported network.

    Args:
        weights: a ``.safetensors`` weight file.
        output: the file to write; OpenVINO's ``.xml`` gets a ``.bin`` beside it.
        format: ``onnx``, ``openvino`` or ``mindir``; None: as the suffix says.
        precision: ``f32`` (``auto``), ``f16`` or ``int8``; the short ones keep heads, decoding and deformable layers in
            float32.
        input_size: width and height of the canvas, multiples of 32; None: the size the network was made for.
        raw: head maps instead of detections; ``mindir`` holds nothing else.
        calibration: images, a video or MOTChallenge sequences, from which int8 measures the ranges of the maps.
        evaluation: sequences in MOTChallenge layout with ground truth, on which both are scored.
        overwrite: replace an existing file.
        log: gets a line for each step.

    Raises:
        InputError: weights, file, format, precision, size or folder that cannot be used, or a file that does not give
            what the network gives. Nothing is left behind then.
    """
    log = log or (lambda line: None)
    weights, output = Path(weights), Path(output)
    kind = _format(output, format)
    if weights.suffix in EXPORTED:
        raise InputError(f"{weights}: is exported already; export the .safetensors file that it was made from")
    if output.exists() and not overwrite:
        raise InputError(f"{output}: exists already; overwrite replaces it")
    file = load_weights(weights)
    graph = build_graph(file.network)
    check_weights(graph, file.arrays, str(weights))
    size = input_size or file.network.input_size
    if any(side < 32 or side % 32 for side in size):
        raise InputError(f"input size {size[0]} x {size[1]}: width and height must be multiples of 32")
    engine = EXPORTED[FORMATS[kind]][0]
    raw = raw or engine not in engines_with("detector export")
    check_known(precision)
    precision = "f32" if precision == "auto" else precision
    precisions = (load_network_exporter(engine) if raw else load_detector_exporter(engine)).EXPORT_PRECISIONS
    if precision not in precisions:
        raise InputError(f"precision {precision}: {kind} is written in {', '.join(precisions)}")
    if evaluation is not None and raw:
        raise InputError("raw heads detect nothing, so they cannot be evaluated: leave out raw or evaluation")
    sequences = find_sequences(evaluation) if evaluation is not None else []
    images = list(_images(calibration, size)) if precision == "int8" and calibration is not None else []
    # Short numbers fit the images that they were calibrated on; no camera sees independent random pixels.
    trials = np.stack(images[:: len(images) // 4 + 1]) if images else trial_canvases(size)

    with ExitStack() as stack:
        # Several files become visible in the opposite order: the named one comes last.
        temporary = stack.enter_context(replacing(output))
        if companion := EXPORT_COMPANIONS.get(output.suffix):
            stack.enter_context(replacing(output.with_suffix(companion)))
        log("writing")
        if raw:
            load_network_exporter(engine).export_network_file(
                temporary, graph, file.arrays, size, precision=precision, images=images
            )
        else:
            tracker = file.notes.get(TRACKER_NOTE, "")
            load_detector_exporter(engine).export_detector_file(
                temporary, graph, file.arrays, size, precision=precision, images=images, tracker=tracker
            )
        log("comparing with the unexported network")
        reference = choose_reference_engine(engine)
        unexported = load_inference(reference).load_network(graph, file.arrays, "cpu")
        if raw:
            heads = load_network_exporter(engine).load_exported_network(temporary).heads
            agreement = _compare_heads(output, heads, unexported, trials, precision, graph)
        else:
            detector = load_detector_exporter(engine).load_exported_detector(temporary).detector
            agreement = _compare_detections(output, detector, unexported, trials, precision, graph)
        scores = None
        if evaluation is not None:
            log(f"scoring {len(sequences)} sequences twice")
            scores = {
                "before": _scores(weights, evaluation, temporary.parent, size),
                "after": _scores(temporary, evaluation, temporary.parent, size),
            }
    return Export(output, kind, precision, size, raw, reference, agreement, scores)


def _format(output: Path, name: str | None) -> str:
    suffixes = {suffix: known for known, suffix in FORMATS.items()}
    if name is not None and name not in FORMATS:
        raise InputError(f"format {name!r} is unknown{closest_name(name, FORMATS)}; known: {', '.join(FORMATS)}")
    if output.suffix not in suffixes or (name is not None and FORMATS[name] != output.suffix):
        wanted = f"{name} files end in {FORMATS[name]}" if name else f"expected one of {', '.join(suffixes)}"
        raise InputError(f"{output}: the suffix {output.suffix!r} does not fit; {wanted}")
    return suffixes[output.suffix]


def _images(source: Path | str, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Letterboxed images [H, W, 3] of a folder, a video, or of MOTChallenge sequences."""
    source = Path(source)
    try:
        sources = find_sequences(source)
    except InputError:  # loose images may differ in size
        found = sorted(path for path in source.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        sources = found[:: len(found) // MOST_IMAGES + 1] or [source]
    for each in sources:
        count = (read_frames(each).frame_count or MOST_IMAGES) * len(sources)
        for frame in read_frames(each, every=count // MOST_IMAGES + 1):
            height, width = frame.image.shape[:2]
            yield Letterbox((width, height), size).apply(frame.image)


def trial_canvases(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return two canvases [2, H, W, 3]: independent random pixels, and shapes with a photograph's spectrum."""
    width, height = size
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (height, width, 3))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    frequency[0, 0] = 1 / max(size)
    spectrum = np.fft.fft2(rng.normal(size=(3, height, width))) / frequency  # amplitude 1 / f
    photo = np.fft.ifft2(spectrum).real.transpose(1, 2, 0)
    photo = 128 + 45 * (photo - photo.mean()) / photo.std()
    canvases: NDArray[np.uint8] = np.stack([noise, photo.clip(0, 255)]).astype(np.uint8)
    return canvases


def trial_boxes(size: tuple[int, int]) -> NDArray[np.float32]:
    """Return boxes [12, 4] over a canvas, of all sizes, some of which reach over its edge."""
    rng = np.random.default_rng(0)
    centres, sides = rng.uniform(0, 1, (12, 2)), np.geomspace(0.03, 0.9, 12)[:, None] * (0.5, 1.0)
    corners = np.concatenate([centres - sides / 2, centres + sides / 2], 1) * (*size, *size)
    boxes: NDArray[np.float32] = corners.astype(np.float32)
    return boxes


def _pixels(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(canvases[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)


def _compare_heads(
    output: Path,
    exported: RawNetwork,
    unexported: RawNetwork,
    trials: NDArray[np.uint8],
    precision: str,
    graph: Graph,
) -> float:
    worst = 0.0
    for canvas in trials:
        pixels = _pixels(canvas[None])
        boxes = trial_boxes(canvas.shape[1::-1])[None] if graph.level_strides else None
        found, expected = exported(pixels, boxes), unexported(pixels, boxes)
        for name, values in expected.items():
            spread = values.std() + 1e-3 * np.abs(values).max()
            worst = max(worst, float(np.sqrt(np.mean((found[name] - values) ** 2)) / spread))
    if not worst <= HEAD_LIMITS[precision]:
        raise InputError(f"{output}: gives other heads than the network (difference {worst:.2g}); nothing was written")
    return 1 - worst


def _compare_detections(
    output: Path,
    exported: CanvasDetector,
    unexported: RawNetwork,
    trials: NDArray[np.uint8],
    precision: str,
    graph: Graph,
) -> float:
    fractions = []
    for canvas in trials:
        expected = _reference_detections(unexported, _pixels(canvas[None]), graph)
        fractions.append(fraction_found(exported(canvas[None]), expected, precision))
    fraction = float(np.mean(fractions))
    if not fraction >= FOUND_LIMITS[precision]:
        raise InputError(
            f"{output}: finds only {fraction:.0%} of what the network finds; nothing was written"
            + ("; calibrate with more images, or use f16" if precision == "int8" else "")
        )
    return fraction


def _reference_detections(network: RawNetwork, pixels: NDArray[np.float32], graph: Graph) -> Decoded:
    heads = network(pixels)
    if not graph.level_strides:
        return decode_heads(heads, graph.stride)
    found = decode_levels(heads, graph.level_strides)
    vectors = network(pixels, found.boxes_xyxy)["embedding"][:, :, 0].transpose(0, 2, 1)
    return Decoded(*found, unit_vectors(vectors))


def _scores(weights: Path, dataset: Path | str, folder: Path, size: tuple[int, int]) -> dict[str, float]:
    import tempfile

    with tempfile.TemporaryDirectory(dir=folder, prefix=".evaluation-") as results:
        run = EvaluationRun(Path(results, "results"))
        report = evaluate(dataset, load_detector(weights, input_size=size), run)
    names = ("HOTA", "MOTA", "IDF1")
    return {**{name: report["combined"][name] for name in names}, "AP50": report["detection"]["combined"]["AP50"]}
