"""MATLAB files as plain Python: structs with attributes, cells and struct arrays as lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fairmot.errors import InputError


def read_mat(path: Path) -> dict[str, Any]:
    """Read the variables of a ``.mat`` file (``.vbb`` files are MATLAB files too).

    Raises:
        InputError: no such file, or not one that SciPy reads.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        variables: dict[str, Any] = loadmat(path, squeeze_me=True, struct_as_record=False, appendmat=False)
    except Exception as error:  # SciPy's reader raises many kinds on a broken file
        raise InputError(f"{path}: not a MATLAB file that can be read: {error}") from error
    return variables


def as_list(value: Any) -> list[Any]:
    """Return the elements of a cell or struct array. MATLAB writes a single element as itself, and none as empty."""
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    return [value]


def field(value: Any, name: str, path: Path) -> Any:
    """Return a field of a struct, or a variable of a file.

    Raises:
        InputError: there is none of this name.
    """
    try:
        return value[name] if isinstance(value, dict) else getattr(value, name)
    except (KeyError, AttributeError):
        raise InputError(f"{path}: no {name} in it: not the annotations of this data set") from None
