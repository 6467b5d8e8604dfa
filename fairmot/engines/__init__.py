"""Engine name -> module, imported when it is used: the only place that tells engines apart."""

from __future__ import annotations

import importlib
import importlib.util
import platform
from typing import cast

from fairmot.engines.interface import EngineModule
from fairmot.errors import InputError, closest_name

_MODULES = {
    "onnxruntime": ("fairmot.engines.onnx", "onnxruntime"),
    "torch": ("fairmot.engines.torch", "torch"),
    "mindspore": ("fairmot.engines.mindspore", "mindspore"),
}
"""Engine -> our module and the library it needs, the fastest on a CPU first."""

TRAINING_ENGINES = ("mindspore", "torch")


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


def choose_inference_engine(name: str = "auto") -> str:
    """Return ``name``, or for ``auto`` the fastest installed engine."""
    return installed_engines()[0] if name == "auto" else name


def choose_training_engine(name: str = "auto") -> str:
    """Return ``name``, or for ``auto``: MindSpore on Ascend, PyTorch on CUDA, else MindSpore if installed.

    Raises:
        InputError: no training framework is installed, or the name is no training engine.
    """
    installed = [engine for engine in TRAINING_ENGINES if engine in installed_engines()]
    if name != "auto":
        if name not in TRAINING_ENGINES:
            raise InputError(f"engine {name!r} cannot train; choose one of: {', '.join(TRAINING_ENGINES)}")
        return name
    if not installed:
        raise InputError(
            "no training framework is installed; run: pip install 'fairmot[torch]' or 'fairmot[mindspore]'"
        )
    if "torch" in installed and platform.system() != "Darwin" and _has_cuda():
        return "torch"
    return installed[0]


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
