"""Weight files: safetensors that name their network, and the check before anything is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fairmot.config import NetworkConfig
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.network.graph import Graph

FORMAT_VERSION = "1"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """The content of a weight file."""

    network: NetworkConfig
    arrays: Arrays
    notes: dict[str, str] = field(default_factory=dict)
    """Free text beside the configuration, for example ``licence`` and ``source``."""


def save_weights(path: Path | str, network: NetworkConfig, arrays: Arrays, notes: dict[str, str]) -> None:
    """Write a weight file atomically; its metadata holds format version, network and notes."""
    metadata = {"format_version": FORMAT_VERSION, "network": network.model_dump_json(), **notes}
    contiguous = {name: np.array(array, order="C") for name, array in arrays.items()}
    with replacing(path) as temporary:
        write_arrays(temporary, contiguous, metadata)


def write_arrays(path: Path, arrays: Arrays, metadata: dict[str, str]) -> None:
    """Write a safetensors file.

    Raises:
        InputError: the file cannot be written, for example on a full disk.
    """
    try:
        save_file(arrays, path, metadata=metadata)
    except SafetensorError as error:
        raise InputError(f"{path.parent}: cannot write weights: {error}") from error


def read_metadata(path: Path | str) -> dict[str, str]:
    """Return a safetensors file's metadata.

    Raises:
        InputError: no such file, or not a safetensors file.
    """
    return _read(Path(path), with_arrays=False)[0]


def read_arrays(path: Path | str) -> tuple[dict[str, str], Arrays]:
    """Return a safetensors file's metadata and arrays.

    Raises:
        InputError: no such file, or not a safetensors file.
    """
    return _read(Path(path), with_arrays=True)


def _read(path: Path, with_arrays: bool) -> tuple[dict[str, str], Arrays]:
    if not path.is_file():
        raise InputError(f"{path}: no such weight file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()} if with_arrays else {}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path}: not a safetensors file ({error}); 'fairmot convert' reads .pth and .onnx") from error
    return metadata, arrays


def load_weights(path: Path | str) -> WeightFile:
    """Read a weight file.

    Raises:
        InputError: no such file, no safetensors file, or none of this project.
    """
    metadata, arrays = read_arrays(path)
    if "network" not in metadata:
        raise InputError(f"{path}: names no network; is it a weight file of this project? See 'fairmot convert'")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: format version {metadata.get('format_version')}, this version reads {FORMAT_VERSION}"
        )
    network = NetworkConfig.model_validate(json.loads(metadata["network"]))
    notes = {key: text for key, text in metadata.items() if key not in ("network", "format_version")}
    return WeightFile(network, arrays, notes)


def check_weights(graph: Graph, arrays: Arrays, origin: str) -> None:
    """Compare names and shapes with the graph's.

    Raises:
        InputError: lists every missing, unexpected and differently shaped array.
    """
    expected = {parameter.name: parameter.shape for parameter in graph.parameters()}
    differences = shape_differences(expected, arrays)
    if differences:
        raise InputError(f"{origin} does not fit {graph.config.architecture}: {'; '.join(differences)}")


def shape_differences(expected: dict[str, tuple[int, ...]], arrays: Arrays) -> list[str]:
    """One line a difference between the expected names and shapes and those of ``arrays``."""
    missing = [f"{name} is missing" for name in expected if name not in arrays]
    unexpected = [f"{name} is unexpected" for name in arrays if name not in expected]
    shapes = [
        f"{name} has shape {list(arrays[name].shape)}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in arrays and tuple(arrays[name].shape) != tuple(shape)
    ]
    return missing + unexpected + shapes
