"""Engine -> capabilities -> module, imported when it is used: with ``choice``, all that tells engines apart.

The name of an engine is also that of the library it needs and of the package's extra that installs it.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Literal, cast

from fairmot.engines.capabilities import (
    CheckpointFormat,
    DetectorExporter,
    InferenceEngine,
    KernelChoice,
    Launcher,
    NetworkExporter,
    Profiler,
    TrainingEngine,
)
from fairmot.errors import InputError, closest_name

Capability = Literal[
    "inference", "training", "launching", "network export", "detector export", "checkpoints", "profiling", "kernels"
]
"""What an engine may have, a protocol each in ``fairmot.engines.capabilities``."""

MODULES: dict[str, dict[Capability, str]] = {
    "onnxruntime": {
        "inference": "fairmot.engines.onnx.detector",
        "network export": "fairmot.engines.onnx.exporter",
        "detector export": "fairmot.engines.onnx.exporter",
        "profiling": "fairmot.engines.onnx.profile",
    },
    "openvino": dict.fromkeys(
        ("inference", "network export", "detector export", "profiling"), "fairmot.engines.onnx.openvino"
    ),
    "torch": {
        "inference": "fairmot.engines.torch.inference",
        "training": "fairmot.engines.torch.training",
        "launching": "fairmot.engines.torch.launcher",
        "checkpoints": "fairmot.engines.torch.checkpoint",
    },
    "mindspore": {
        "inference": "fairmot.engines.mindspore.inference",
        "training": "fairmot.engines.mindspore.training",
        "launching": "fairmot.engines.mindspore.launcher",
        "network export": "fairmot.engines.mindspore.export",
        "kernels": "fairmot.engines.mindspore.kernels",
    },
}
"""Engine -> what it can do -> our module for it; the fastest engine on a CPU first."""

TRAINING_ENGINES = ("torch", "mindspore")
"""Engines that train, the faster one on a processor first (docs/ascend.md has the figures)."""

EXPORTED = {".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",), ".mindir": ("mindspore",)}
"""Suffix of exported files -> engines that run them; the first one writes them."""

EXPORT_COMPANIONS = {".xml": ".bin"}
"""Suffix of exported files -> suffix of the file beside them that holds the numbers."""

CHECKPOINTS = {".pth": "torch", ".pt": "torch"}
"""Suffix of a framework's own checkpoints -> engine that reads and writes them."""


def known_engines() -> tuple[str, ...]:
    """Every engine that there is a module for, installed or not."""
    return tuple(MODULES)


def installed_engines() -> tuple[str, ...]:
    """Engines whose library is installed, the fastest on a CPU first; nothing is imported."""
    return tuple(name for name in MODULES if importlib.util.find_spec(name))


def check_installed(name: str) -> None:
    """Check that the library of an engine is installed, without importing it.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec(name) is None:
        raise InputError(f"engine {name}: {name} is not installed; run: pip install 'fairmot[{name}]'")


def engines_with(capability: Capability) -> tuple[str, ...]:
    """Engines that have a capability, installed or not."""
    return tuple(name for name, modules in MODULES.items() if capability in modules)


def load_inference(name: str) -> InferenceEngine:
    """Import the part of an engine that runs networks.

    Raises:
        InputError: an unknown name, or a library that is not installed.
    """
    return cast(InferenceEngine, _load(name, "inference"))


def load_training(name: str) -> TrainingEngine:
    """Import the part of an engine that trains.

    Raises:
        InputError: an unknown name, a library that is not installed, or an engine that does not train.
    """
    return cast(TrainingEngine, _load(name, "training"))


def load_launcher(name: str) -> Launcher:
    """Import the launcher of an engine's processes, without its library.

    Raises:
        InputError: an unknown name, or an engine that does not train in several processes.
    """
    return cast(Launcher, _load(name, "launching", needs_library=False))


def load_network_exporter(name: str) -> NetworkExporter:
    """Import the part of an engine that writes and reads files of raw heads.

    Raises:
        InputError: an unknown name, a library that is not installed, or an engine that has no such files.
    """
    return cast(NetworkExporter, _load(name, "network export"))


def load_detector_exporter(name: str) -> DetectorExporter:
    """Import the part of an engine that writes and reads files of whole detectors.

    Raises:
        InputError: an unknown name, a library that is not installed, or an engine that has no such files.
    """
    return cast(DetectorExporter, _load(name, "detector export"))


def load_checkpoint_format(suffix: str) -> CheckpointFormat:
    """Import what reads and writes a framework's own checkpoints; ``suffix`` is one of ``CHECKPOINTS``.

    Raises:
        InputError: a library that is not installed.
    """
    return cast(CheckpointFormat, _load(CHECKPOINTS[suffix], "checkpoints"))


def load_profiler(name: str) -> Profiler:
    """Import the part of an engine that times operators.

    Raises:
        InputError: an unknown name, a library that is not installed, or an engine that does not time them.
    """
    return cast(Profiler, _load(name, "profiling"))


def load_kernel_choice(name: str) -> KernelChoice:
    """Import the part of an engine that chooses the kernels of this processor.

    Raises:
        InputError: a library that is not installed, or an engine that leaves the choice to its library.
    """
    return cast(KernelChoice, _load(name, "kernels"))


def _load(name: str, capability: Capability, needs_library: bool = True) -> Any:
    if name not in MODULES:
        raise InputError(f"engine {name!r} is unknown{closest_name(name, MODULES)}; known: {', '.join(MODULES)}")
    if capability not in MODULES[name]:
        able = ", ".join(engines_with(capability))
        raise InputError(f"engine {name!r} has no {capability}; engines that have it: {able}")
    if needs_library:
        check_installed(name)
    return importlib.import_module(MODULES[name][capability])


def export_suffix(engine: str) -> str:
    """Return the suffix of the exported files that an engine writes.

    Raises:
        InputError: it writes none.
    """
    for suffix, engines in EXPORTED.items():
        if engines[0] == engine:
            return suffix
    raise InputError(f"engine {engine!r} writes no exported files")
