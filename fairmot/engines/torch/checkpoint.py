"""Public ``.pth`` files, read without running any code that they may hold."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from fairmot.engines.interface import Arrays
from fairmot.errors import InputError


def read_checkpoint(path: Path) -> Arrays:
    """See ``EngineModule``. ``module.`` in front of names (data-parallel training) is taken off."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: holds more than tensors, so it is not loaded: {str(error).splitlines()[0]}"
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        raise InputError(f"{path}: not a readable PyTorch checkpoint: {str(error).splitlines()[0]}") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: expected a dictionary of tensors or one with 'state_dict'")
    return {name.removeprefix("module."): tensor.numpy() for name, tensor in state.items()}
