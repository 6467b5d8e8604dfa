"""Where the time of a detector goes, operator by operator, as ONNX Runtime and OpenVINO count it."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairmot.engines.interface import LayerTime
from fairmot.engines.onnx.detector import OnnxDetector, create_session
from fairmot.engines.onnx.export import export_detector
from fairmot.engines.onnx.layers import Arrays
from fairmot.network.graph import Graph


def profile_detector(
    graph: Graph, weights: Arrays, input_size: tuple[int, int], device: str = "auto", runs: int = 10
) -> list[LayerTime]:
    """See ``Profiler``."""
    with tempfile.TemporaryDirectory(prefix="fairmot-") as folder:
        session = create_session(export_detector(graph, weights, input_size), device, Path(folder, "profile"))
        detector = OnnxDetector(session)
        for _ in range(runs + 1):
            detector(trial_canvas(input_size))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            key = (event["name"].removesuffix("_kernel_time"), event["args"]["op_name"])
            times[key].append(event["dur"] / 1000)
    return slowest_first({key: min(values) for key, values in times.items()})


def slowest_first(milliseconds: dict[tuple[str, str], float]) -> list[LayerTime]:
    """Order operators (name, kind) by their time."""
    total = sum(milliseconds.values()) or 1.0
    ordered = sorted(milliseconds.items(), key=lambda item: -item[1])
    return [LayerTime(name, kind, value, value / total) for (name, kind), value in ordered]


def trial_canvas(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a random canvas [1, H, W, 3]."""
    return np.random.default_rng(0).integers(0, 256, (1, size[1], size[0], 3), dtype=np.uint8)
