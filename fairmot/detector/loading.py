"""Detectors and raw networks out of files: weights, exported files, the hub, and the weights of the package."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from fairmot.config import TrackerConfig
from fairmot.detector.detector import Detector
from fairmot.engines import EXPORTED, engines_with, load_detector_exporter, load_inference, load_network_exporter
from fairmot.engines.canvases import SIZE_MULTIPLE_PX, CanvasBuilder
from fairmot.engines.capabilities import InferenceEngine
from fairmot.engines.choice import check_device, choose_export_engine, choose_inference_engine
from fairmot.engines.interface import Arrays, CanvasDetector, RawNetwork
from fairmot.engines.precision import OnTrial, check_known
from fairmot.errors import InputError
from fairmot.formats.hub import fetch_weights, is_hub_address
from fairmot.network.architectures import build_graph
from fairmot.network.graph import Graph
from fairmot.network.safetensors import TRACKER_NOTE, check_weights, load_weights, read_metadata
from fairmot.network.summary import summarize

SHIPPED_WEIGHTS = Path(__file__).parents[1] / "pretrained" / "lite.safetensors"


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
        check_device(engine, device)
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
        check_device(engine, device)
        return load_network_exporter(engine).load_exported_network(path, device).heads
    file = load_weights(path)
    graph = build_graph(file.network)
    check_weights(graph, file.arrays, str(path))
    engine = choose_inference_engine(engine, device)
    check_device(engine, device)
    return load_inference(engine).load_network(graph, file.arrays, device)


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
