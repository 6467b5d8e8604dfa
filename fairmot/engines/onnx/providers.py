"""Which execution providers of ONNX Runtime a device means."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fairmot.errors import InputError

CPU = "CPUExecutionProvider"

_ACCELERATORS = {
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu, and TensorRT"),
    "ascend": ("CANNExecutionProvider", "onnxruntime-cann"),
}
"""Device -> provider, and the package that brings it."""

Provider = tuple[str, dict[str, Any]]


def select_providers(device: str, available: Collection[str]) -> list[Provider]:
    """Return the providers for a device out of those that this build of ONNX Runtime has, the preferred one first.

    ``cpu`` and ``auto``: the processor. ``cuda``, ``tensorrt`` and ``ascend`` (CANN), also with a number behind a
    colon: that accelerator, and the processor for what it cannot do. TensorRT leaves to CUDA what it has no layer for.

    Raises:
        InputError: an unknown device, or one whose provider is absent.
    """
    kind, colon, number = device.partition(":")
    if kind in ("auto", "cpu") and not colon:
        return [(CPU, {})]
    if kind not in _ACCELERATORS or (colon and not number.isdecimal()):
        raise InputError(f"device {device!r}: the ONNX Runtime engine offers auto, cpu, {', '.join(_ACCELERATORS)}")
    provider, package = _ACCELERATORS[kind]
    if provider not in available:
        raise InputError(f"device {device}: this ONNX Runtime has no {provider}; install {package}, or take device cpu")
    options = {"device_id": int(number)} if colon else {}
    chosen: list[Provider] = [(provider, options)]
    if kind == "tensorrt" and _ACCELERATORS["cuda"][0] in available:
        chosen.append((_ACCELERATORS["cuda"][0], options))
    return [*chosen, (CPU, {})]


def offered_devices(available: Collection[str]) -> tuple[str, ...]:
    """Devices that this build of ONNX Runtime has a provider for."""
    return ("cpu", *(device for device, (provider, _) in _ACCELERATORS.items() if provider in available))
