"""The difference of two reports of scores on the same sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairmot.errors import InputError


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"sequences": ..., "combined": ...}`` of second minus first, field by field; lists element by element.

    Raises:
        InputError: the reports are not of the same sequences, pre-processing or frames.
    """
    for name in ("benchmark", "half_val"):
        if first.get(name) != second.get(name):
            raise InputError(f"reports of {name} {first.get(name)} and {second.get(name)} cannot be compared")
    if first["sequences"].keys() != second["sequences"].keys():
        other = sorted(first["sequences"].keys() ^ second["sequences"].keys())
        raise InputError(f"reports of different sequences cannot be compared: only one of them has {', '.join(other)}")
    return {
        "sequences": {name: _minus(second["sequences"][name], scores) for name, scores in first["sequences"].items()},
        "combined": _minus(second["combined"], first["combined"]),
    }


def _minus(second: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    difference: dict[str, Any] = {}
    for name, value in first.items():
        if isinstance(value, list):
            difference[name] = [b - a for a, b in zip(value, second[name], strict=True)]
        else:
            difference[name] = second[name] - value
    return difference
