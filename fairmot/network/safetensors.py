"""Weight files: safetensors whose metadata name the network, and the check before they are loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fairmot.config import NetworkConfig
from fairmot.errors import InputError, closest_name
from fairmot.files import replacing
from fairmot.network.architectures import ARCHITECTURES
from fairmot.network.graph import Graph

FORMAT_VERSION = "1"

TRACKER_NOTE = "tracker"
"""Key of the note with the tracker parameters that belong to the weights (``TrackerConfig.note``)."""

NETWORK_KEYS = (
    "architecture",
    "classes",
    "embedding",
    "head_width",
    "input_width_px",
    "input_height_px",
)
"""Keys of the network's configuration that every file of this format holds: no default replaces a missing one."""

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
        InputError: no such file, not a safetensors file, or numbers in a format that NumPy lacks.
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
        raise InputError(
            f"{path}: not a safetensors file ({_one_line(error)}), or cut off; "
            "'fairmot convert' reads .pth, .ckpt and .onnx"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {_one_line(error)}") from error
    except (TypeError, AttributeError) as error:  # safetensors asks NumPy for bfloat16 and 8-bit floats
        raise InputError(f"{path}: {_foreign_numbers(_one_line(error))}") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":  # another library has registered the type with NumPy
            raise InputError(f"{path}: {_foreign_numbers(f'{name}: {array.dtype}')}")
    return metadata, arrays


def _foreign_numbers(found: str) -> str:
    return f"holds numbers that NumPy has no type for ({found}); save it as float32"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def load_weights(path: Path | str) -> WeightFile:
    """Read a weight file.

    Raises:
        InputError: no such file, not a safetensors file, not one of this project, or damaged metadata.
    """
    metadata, arrays = read_arrays(path)
    if "checkpoint_version" in metadata:
        raise InputError(f"{path}: a training checkpoint; give the weight file that the run wrote beside it")
    if "network" not in metadata:
        raise InputError(f"{path}: names no network; 'fairmot convert' makes weight files of other programs' files")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: format version {metadata.get('format_version', 'missing')!r}, this version reads "
            f"{FORMAT_VERSION}; write it again with the fairmot that made it, or update this one"
        )
    network = _parse_network(metadata["network"], path)
    notes = {key: text for key, text in metadata.items() if key not in ("network", "format_version")}
    return WeightFile(network, arrays, notes)


def _parse_network(text: str, path: Path | str) -> NetworkConfig:
    advice = "make the file again with 'fairmot convert' or 'fairmot train'"
    try:
        network = NetworkConfig.model_validate_json(text)
    except ValidationError as error:
        problems = [
            ": ".join([".".join(["network", *map(str, problem["loc"])]), problem["msg"]])
            for problem in error.errors(include_url=False)
        ]
        raise InputError(f"{path}: metadata: {'; '.join(problems)}; {advice}") from error
    missing = [f"network.{key}" for key in NETWORK_KEYS if key not in json.loads(text)]
    if missing:
        raise InputError(f"{path}: metadata: {', '.join(missing)} missing; {advice}")
    if network.architecture not in ARCHITECTURES:
        raise InputError(
            f"{path}: metadata: network.architecture {network.architecture!r} is unknown"
            f"{closest_name(network.architecture, ARCHITECTURES)}; known: {', '.join(ARCHITECTURES)}"
        )
    return network


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
    """Return one line for each difference between the expected names and shapes and those of ``arrays``."""
    missing = [f"{name} is missing" for name in expected if name not in arrays]
    unexpected = [f"{name} is unexpected" for name in arrays if name not in expected]
    shapes = [
        f"{name} has shape {list(arrays[name].shape)}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in arrays and tuple(arrays[name].shape) != tuple(shape)
    ]
    return missing + unexpected + shapes
