"""Read public ``.pth`` files without running any code that they may hold, and write them."""

from __future__ import annotations

import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fairmot.engines.interface import Arrays
from fairmot.errors import InputError
from fairmot.files import replacing

_BESIDE = (bool, int, float, str, np.generic)
"""Types of numbers and texts that training programs keep beside the tensors."""


def read_checkpoint(path: Path) -> Arrays:
    """See ``CheckpointFormat``. Names lose a leading ``module.`` (data-parallel training).

    The tensors are the file's dictionary itself, or that under ``state_dict`` or ``model``. A number or text among
    them, such as the learning rate, is no parameter and left out.

    bfloat16, which NumPy lacks, becomes float32; every other type stays.
    """
    content = _load(path)
    state = content
    if isinstance(content, dict):
        state = next((content[key] for key in ("state_dict", "model") if key in content), content)
    if isinstance(state, dict):
        state = {name: value for name, value in state.items() if not isinstance(value, _BESIDE)}
    advice = "give a .pth with a dictionary of tensors, or with one under 'state_dict' or 'model'"
    if not isinstance(state, dict):
        raise InputError(f"{path}: holds a {type(state).__name__}; {advice}")
    if not state:
        raise InputError(f"{path}: holds no tensors; {advice}")
    arrays: Arrays = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise InputError(f"{path}: {name!r} is a {type(value).__name__}, no tensor; {advice}")
        try:
            arrays[name.removeprefix("module.")] = _to_numpy(value)
        except (TypeError, RuntimeError, NotImplementedError) as error:  # quantised, sparse, 8-bit floats
            kind = f"{value.dtype} {value.layout}".replace("torch.", "")
            raise InputError(f"{path}: {name} is {kind}, which NumPy lacks; save it as dense float32") from error
    if len(arrays) != len(state):
        raise InputError(f"{path}: holds names both with and without 'module.'; keep one of each pair")
    return arrays


def write_checkpoint(path: Path, arrays: Arrays) -> None:
    """See ``CheckpointFormat``. The layout is that of the published files: ``epoch`` and ``state_dict``."""
    state = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    buffer = io.BytesIO()  # PyTorch's own errors do not distinguish a full disk
    torch.save({"epoch": 0, "state_dict": state}, buffer)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(buffer.getvalue())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _load(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's warnings about old files do not concern their readers
            with torch.serialization.safe_globals(_number_types()):
                return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except pickle.UnpicklingError as error:
        # PyTorch's own words go on to explain how to run the code after all.
        raise InputError(
            f"{path}: damaged, no PyTorch checkpoint, or it holds objects beside tensors, which are not loaded since "
            "they can run code; save it again as torch.save({'state_dict': network.state_dict()}, path)"
        ) from error
    except Exception as error:  # foreign bytes end anywhere in the reader: KeyError, RuntimeError, EOFError ...
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"{path}: no PyTorch checkpoint, or cut off ({type(error).__name__}: {reason}); copy it again"
        ) from error


def _number_types() -> list[Any]:
    """What NumPy's numbers are pickled with, by the names of NumPy 1 and 2; none of it runs code of the file."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in ("?", *"bhilqBHILQ", "e", "f", "d")]
    return [*((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")), np.dtype, *kinds]


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return np.array(tensor.resolve_conj().resolve_neg().numpy())
