"""Which engine ``auto`` means, from what is installed, the device and the network."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

from fairmot.engines import EXPORTED, MODULES, TRAINING_ENGINES, installed_engines, load_launcher
from fairmot.errors import InputError

HEAVY_MULTIPLY_ADDS = 5_000_000_000
"""Where OpenVINO overtakes ONNX Runtime.

``lite`` (0.9 G) took 1.15 to 1.3 times as long with it, ``dlaconv_34`` at 576 x 320 (23 G) and ``dla_34`` at 1088 x 608
(90 G) 0.8 to 0.9 times: smallest times of calls in turns on AVX2 cores, with one thread and with two.
"""


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


def slower_training_engines(chosen: str, device: str = "auto") -> tuple[str, ...]:
    """Return the installed engines that ``auto`` passes over because ``chosen`` trains faster on the processor.

    None where the device has decided.
    """
    if _engine_of_device(device):
        return ()
    after = TRAINING_ENGINES[TRAINING_ENGINES.index(chosen) + 1 :]
    return tuple(engine for engine in after if engine in installed_engines())


def choose_export_engine(name: str = "auto", suffix: str = ".onnx") -> str:
    """Return ``name``, or for ``auto`` the engine that runs exported files of this suffix, on whatever device."""
    return EXPORTED[suffix][0] if name == "auto" else name


def choose_reference_engine(engine: str) -> str:
    """Return the engine whose unexported network an engine's exported files are compared with.

    PyTorch runs the graph with other code and other kernels; without it the engine's own unexported network.
    """
    return "torch" if "torch" in installed_engines() else engine


def check_device(engine: str, device: str) -> None:
    """Check that this machine has the device, as far as that is known without importing the engine's library.

    Raises:
        InputError: it has not.
    """
    if "launching" in MODULES.get(engine, ()):
        load_launcher(engine).check_devices(device, 1)


def _engine_of_device(device: str) -> str | None:
    """The engine that a device needs, installed or not; None where any will do."""
    kind = device.partition(":")[0]  # cuda:1
    if kind == "auto":
        return "torch" if _has_cuda() else None
    return {"cuda": "torch", "ascend": "mindspore"}.get(kind)


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
