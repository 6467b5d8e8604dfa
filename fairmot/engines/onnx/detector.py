"""Networks and detectors run by ONNX Runtime, built in memory or read from this project's ``.onnx`` files."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto

from fairmot.engines.capabilities import check_precision
from fairmot.engines.interface import CanvasDetector, RawDetections, RawNetwork
from fairmot.engines.onnx.export import DETECTIONS, export_detector, export_heads
from fairmot.engines.onnx.layers import Arrays
from fairmot.engines.onnx.providers import CPU, offered_devices, select_providers
from fairmot.errors import InputError
from fairmot.network.graph import Graph

PRECISIONS = ("f32",)
"""Models in shorter precisions come from files (``fairmot.engines.onnx.exporter``)."""


class OnnxNetwork:
    """The head maps of a network (``RawNetwork``)."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._heads = [head.name for head in session.get_outputs()]
        self._reads_boxes = "boxes" in {value.name for value in session.get_inputs()}

    def __call__(
        self, pixels: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """See ``RawNetwork``."""
        inputs, heads = head_inputs(pixels, boxes, self._reads_boxes), self._heads
        if self._reads_boxes and boxes is None:
            heads = [head for head in heads if head != "embedding"]
        return dict(zip(heads, self._session.run(heads, inputs), strict=True))


def head_inputs(
    pixels: NDArray[np.float32], boxes: NDArray[np.float32] | None, reads_boxes: bool
) -> dict[str, NDArray[np.float32]]:
    """Return the inputs of a model of heads; it wants boxes even where nobody asks for what lies along them."""
    inputs = {"pixels": np.ascontiguousarray(pixels, dtype=np.float32)}
    if reads_boxes:
        inputs["boxes"] = np.zeros((len(pixels), 1, 4), np.float32) if boxes is None else np.float32(boxes)
    return inputs


_MOST_AT_ONCE = 8
"""Each call that runs beside others holds the maps of a network of its own."""


class OnnxDetector:
    """Network and decoding in one session (``CanvasDetector``, ``SideBySide``).

    Args:
        session: runs a call with all threads.
        narrow: starts a session that runs a call in the thread that makes it; None: calls take turns.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        narrow: Callable[[], onnxruntime.InferenceSession] | None = None,
    ) -> None:
        self._session = session
        self._start_narrow = narrow
        self._narrow: onnxruntime.InferenceSession | None = None
        self._one_at_a_time = threading.Lock()
        self.at_once = calls_at_once() if narrow else 1
        batch, height, width, _ = session.get_inputs()[0].shape
        self.input_size: tuple[int, int] = (width, height)
        self.batch: int | None = batch if isinstance(batch, int) else None
        """Images a call; None: any number."""

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """Take BGR canvases [B, H, W, 3], uint8; a model of fixed batch size runs several times."""
        return self._in_parts(canvases, self._run)

    def beside_others(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """See ``SideBySide``."""
        if self._start_narrow is None:
            return self(canvases)
        with self._one_at_a_time:
            session = self._narrow = self._narrow or self._start_narrow()
        return self._in_parts(canvases, lambda part: _detections(session, part))

    def _in_parts(
        self, canvases: NDArray[np.uint8], run: Callable[[NDArray[np.uint8]], RawDetections]
    ) -> RawDetections:
        if self.batch is None:
            return run(canvases)
        count = len(canvases)
        filled = np.concatenate([canvases, np.repeat(canvases[-1:], -count % self.batch, axis=0)])
        runs = [run(filled[start : start + self.batch]) for start in range(0, count, self.batch)]
        return RawDetections(*(np.concatenate(parts)[:count] for parts in zip(*runs, strict=True)))

    def _run(self, canvases: NDArray[np.uint8]) -> RawDetections:
        return _detections(self._session, canvases)


def _detections(session: onnxruntime.InferenceSession, canvases: NDArray[np.uint8]) -> RawDetections:
    return RawDetections(*session.run(DETECTIONS, {"images": np.ascontiguousarray(canvases)}))


def narrow_session(
    model: ModelProto | bytes, device: str = "auto"
) -> Callable[[], onnxruntime.InferenceSession] | None:
    """Return what starts a session for calls that run side by side; None: one call uses the device best."""
    on_processor = select_providers(device, onnxruntime.get_available_providers())[0][0] == CPU
    if not on_processor or calls_at_once() == 1:
        return None
    # Where there are more processors than calls, the others help whoever has work for them.
    threads = thread_count() - calls_at_once() + 1
    return lambda: create_session(model, device, threads=threads)


def load_network(graph: Graph, weights: Arrays, device: str = "auto", precision: str = "f32") -> RawNetwork:
    """See ``InferenceEngine``."""
    check_precision("onnxruntime", precision, PRECISIONS)
    return OnnxNetwork(create_session(export_heads(graph, weights), device))


def load_canvas_detector(
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    max_objects: int = 500,
    device: str = "auto",
    precision: str = "f32",
    described_above: float = 0.0,
) -> CanvasDetector:
    """See ``InferenceEngine``."""
    check_precision("onnxruntime", precision, PRECISIONS)
    model = export_detector(graph, weights, input_size, max_objects, described_above=described_above)
    return OnnxDetector(create_session(model, device), narrow_session(model, device))


def fast_precisions(device: str = "auto") -> tuple[str, ...]:
    """See ``InferenceEngine``."""
    return ()


def devices() -> tuple[str, ...]:
    """See ``InferenceEngine``: those that this build of ONNX Runtime can use, if the machine has them."""
    return offered_devices(onnxruntime.get_available_providers())


def create_session(
    model: ModelProto | bytes, device: str = "auto", profile: Path | None = None, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Start ONNX Runtime on a model in memory.

    Args:
        model: the model.
        device: as of ``load_detector``.
        profile: beginning of the name of a file with its times.
        threads: threads that share the work of a call; None: ``thread_count()``.

    Raises:
        InputError: an unknown device, or one that this ONNX Runtime or this machine lacks.
    """
    providers = select_providers(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count() if threads is None else threads
    options.use_deterministic_compute = True
    # Waiting threads sleep: busy waiting gains a tenth on an idle machine and loses a factor beside a video decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; what the optimiser leaves undone is no news for the user
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    content = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=providers)
    if providers[0][0] not in session.get_providers():  # it falls back without a word
        raise InputError(f"device {device}: ONNX Runtime could not start {providers[0][0]}; is there such a device?")
    return session


def calls_at_once() -> int:
    """How many calls run side by side; 1 where the number of cores is unknown."""
    return min(_MOST_AT_ONCE, max(1, thread_count()))


def thread_count() -> int:
    """``OMP_NUM_THREADS`` where it is set, else the physical cores that this process may use (0: unknown).

    ONNX Runtime's own count ignores the processors a process is bound to, and it then binds each thread to one
    processor, where it waits for whatever else runs there.
    """
    wish = os.environ.get("OMP_NUM_THREADS", "")
    if wish.isdecimal():
        return int(wish)
    if sys.platform != "linux":
        return 0
    topology = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    files = [Path(topology.format(processor)) for processor in os.sched_getaffinity(0)]
    return len({file.read_text() if file.is_file() else file for file in files})
