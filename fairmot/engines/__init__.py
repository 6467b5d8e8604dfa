"""Engine -> capabilities -> module, imported when it is used: the only place that tells engines apart.

The name of an engine is also that of the library it needs and of the package's extra that installs it.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import platform
from pathlib import Path
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

HEAVY_MULTIPLY_ADDS = 5_000_000_000
"""Where OpenVINO overtakes ONNX Runtime.

``lite`` (0.9 G) took 1.15 to 1.3 times as long with it, ``dlaconv_34`` at 576 x 320 (23 G) and ``dla_34`` at 1088 x 608
(90 G) 0.8 to 0.9 times: smallest times of calls in turns on AVX2 cores, with one thread and with two.
"""

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


def choose_inference_engine(name: str = "auto", device: str = "auto", multiply_adds: int = 0) -> str:
    """Return ``name``, or for ``auto`` the engine of the device, else the fastest installed one.

    PyTorch on ``cuda``, also where ``auto`` finds a CUDA device that it can use; MindSpore on ``ascend``. On a
    processor, OpenVINO was measured faster with networks of many ``multiply_adds`` an image, ONNX Runtime with small
    ones, whose many short steps it starts faster.
    """
    if name != "auto":
        return name
    if chosen := _engine_of_device(device):
        return chosen
    installed = installed_engines()
    if multiply_adds >= HEAVY_MULTIPLY_ADDS and "openvino" in installed:
        return "openvino"
    return installed[0]


def check_device(engine: str, device: str) -> None:
    """Check that this machine has the device, as far as that is known without importing the engine's library.

    Raises:
        InputError: it has not.
    """
    if "launching" in MODULES.get(engine, ()):
        load_launcher(engine).check_devices(device, 1)


def choose_export_engine(name: str = "auto", suffix: str = ".onnx") -> str:
    """Return ``name``, or for ``auto`` the engine that runs exported files of this suffix, on whatever device."""
    return EXPORTED[suffix][0] if name == "auto" else name


def export_suffix(engine: str) -> str:
    """Return the suffix of the exported files that an engine writes.

    Raises:
        InputError: it writes none.
    """
    for suffix, engines in EXPORTED.items():
        if engines[0] == engine:
            return suffix
    raise InputError(f"engine {engine!r} writes no exported files")


def choose_reference_engine(engine: str) -> str:
    """Return the engine whose unexported network an engine's exported files are compared with.

    PyTorch runs the graph with other code and other kernels; without it the engine's own unexported network.
    """
    return "torch" if "torch" in installed_engines() else engine


def choose_training_engine(name: str = "auto", device: str = "auto") -> str:
    """Return ``name``, or for ``auto`` the engine of the launcher or device, else the faster installed one.

    PyTorch on ``cuda``, also where ``auto`` finds a CUDA device that it can use; MindSpore on ``ascend``, also where
    ``auto`` finds an Ascend device. On a processor PyTorch is several times faster. A process that ``torchrun`` or
    ``msrun`` started takes the engine whose processes it starts.

    Raises:
        InputError: no training framework is installed, or the name is no training engine.
    """
    if name != "auto":
        if name not in TRAINING_ENGINES:
            raise InputError(f"engine {name!r} cannot train; choose one of: {', '.join(TRAINING_ENGINES)}")
        return name
    for engine in TRAINING_ENGINES:
        if load_launcher(engine).find_process(os.environ):
            return engine
    if chosen := _engine_of_device(device):
        return chosen
    installed = [engine for engine in TRAINING_ENGINES if engine in installed_engines()]
    if device == "auto" and "mindspore" in installed and _has_ascend():
        return "mindspore"
    if not installed:
        raise InputError(
            "no training framework is installed; run: pip install 'fairmot[torch]' or 'fairmot[mindspore]'"
        )
    return installed[0]


def _engine_of_device(device: str) -> str | None:
    """The engine that a device needs, installed or not; None where any will do."""
    kind = device.partition(":")[0]  # cuda:1
    if kind == "auto":
        return "torch" if _has_cuda() else None
    return {"cuda": "torch", "ascend": "mindspore"}.get(kind)


def slower_training_engines(chosen: str, device: str = "auto") -> tuple[str, ...]:
    """Return the installed engines that ``auto`` passes over because ``chosen`` trains faster on the processor.

    None where the device has decided.
    """
    if _engine_of_device(device):
        return ()
    after = TRAINING_ENGINES[TRAINING_ENGINES.index(chosen) + 1 :]
    return tuple(engine for engine in after if engine in installed_engines())


def _has_ascend() -> bool:
    """Whether the driver of an Ascend device has made its file."""
    return any(Path("/dev").glob("davinci[0-9]*"))


def _has_cuda() -> bool:
    """Whether PyTorch can use a CUDA device; it takes long to import, so that the driver comes first."""
    if "torch" not in installed_engines() or not _has_cuda_driver():
        return False
    import torch

    return bool(torch.cuda.is_available())


def _has_cuda_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1")
    except OSError:
        return False
    return True
