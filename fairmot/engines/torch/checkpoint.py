"""Public ``.pth`` files, read without running any code that they may hold."""

from __future__ import annotations

from pathlib import Path

import torch

from fairmot.engines.interface import Arrays
from fairmot.errors import InputError


def read_checkpoint(path: Path) -> Arrays:
    """See ``EngineModule``. ``module.`` in front of names (data-parallel training) is taken off."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign bytes end anywhere in the reader: KeyError, RuntimeError, EOFError ...
        raise InputError(
            f"{path}: not a PyTorch checkpoint, damaged, or it holds more than tensors, which is not loaded "
            f"({type(error).__name__}: {next(iter(str(error).splitlines()), '')})"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: expected a dictionary of tensors or one with 'state_dict'")
    return {name.removeprefix("module."): tensor.numpy() for name, tensor in state.items()}
