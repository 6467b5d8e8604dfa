"""Engine name -> module, imported when it is used: the only place that tells engines apart."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import platform
from typing import cast

from fairmot.engines.interface import EngineModule
from fairmot.errors import InputError, closest_name

_MODULES = {
    "onnxruntime": ("fairmot.engines.onnx", "onnxruntime"),
    "openvino": ("fairmot.engines.onnx.openvino", "openvino"),
    "torch": ("fairmot.engines.torch", "torch"),
    "mindspore": ("fairmot.engines.mindspore", "mindspore"),
}
"""Engine -> our module and the library it needs, the fastest on a CPU first."""

TRAINING_ENGINES = ("mindspore", "torch")

HEAVY_MULTIPLY_ADDS = 5_000_000_000
"""Where OpenVINO overtakes ONNX Runtime.

``lite`` (0.9 G) took 1.15 to 1.3 times as long with it, ``dlaconv_34`` at 576 x 320 (23 G) and ``dla_34`` at 1088 x 608
(90 G) 0.8 to 0.9 times: smallest times of calls in turns on AVX2 cores, with one thread and with two.
"""

EXPORTED = {".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",), ".mindir": ("mindspore",)}
"""Suffix of exported files -> engines that run them; the first one writes them."""

EXPORT_COMPANIONS = {".xml": ".bin"}
"""Suffix of exported files -> suffix of the file beside them that holds the numbers."""


def known_engines() -> tuple[str, ...]:
    """Every engine that there is a module for, installed or not."""
    return tuple(_MODULES)


def installed_engines() -> tuple[str, ...]:
    """Engines whose library is installed, the fastest on a CPU first; nothing is imported."""
    return tuple(name for name, (_, library) in _MODULES.items() if importlib.util.find_spec(library))


def load_engine(name: str) -> EngineModule:
    """Import an engine.

    Raises:
        InputError: an unknown name, or a library that is not installed.
    """
    if name not in _MODULES:
        raise InputError(f"engine {name!r} is unknown{closest_name(name, _MODULES)}; known: {', '.join(_MODULES)}")
    module, library = _MODULES[name]
    if importlib.util.find_spec(library) is None:
        raise InputError(f"engine {name}: {library} is not installed; run: pip install 'fairmot[{library}]'")
    return cast(EngineModule, importlib.import_module(module))


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


def choose_export_engine(name: str = "auto", suffix: str = ".onnx") -> str:
    """Return ``name``, or for ``auto`` the engine that runs exported files of this suffix, on whatever device."""
    return EXPORTED[suffix][0] if name == "auto" else name


def choose_training_engine(name: str = "auto", device: str = "auto") -> str:
    """Return ``name``, or for ``auto`` the engine of the device, else MindSpore if installed, else PyTorch.

    PyTorch on ``cuda``, also where ``auto`` finds a CUDA device that it can use; MindSpore on ``ascend``.

    Raises:
        InputError: no training framework is installed, or the name is no training engine.
    """
    if name != "auto":
        if name not in TRAINING_ENGINES:
            raise InputError(f"engine {name!r} cannot train; choose one of: {', '.join(TRAINING_ENGINES)}")
        return name
    if chosen := _engine_of_device(device):
        return chosen
    installed = [engine for engine in TRAINING_ENGINES if engine in installed_engines()]
    if not installed:
        raise InputError(
            "no training framework is installed; run: pip install 'fairmot[torch]' or 'fairmot[mindspore]'"
        )
    return installed[0]


def _engine_of_device(device: str) -> str | None:
    """The engine that a device asks for, installed or not; None where any will do."""
    kind = device.partition(":")[0]  # cuda:1
    if kind == "auto":
        return "torch" if _has_cuda() else None
    return {"cuda": "torch", "ascend": "mindspore"}.get(kind)


def _has_cuda() -> bool:
    """Whether PyTorch can use a CUDA device; it takes long to import, so that the driver is asked for first."""
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
