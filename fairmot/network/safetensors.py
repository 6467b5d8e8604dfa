"""Weight files: safetensors whose metadata name the network, and the check before they are loaded."""

from __future__ import annotations

import hashlib
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
from fairmot.files import parse_json, replacing
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

_CHECKSUM = "checksum"

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
    """Write a safetensors file, with a checksum of everything in it.

    Raises:
        InputError: the file cannot be written, for example on a full disk.
    """
    try:
        save_file(arrays, path, metadata={**metadata, _CHECKSUM: _checksum(metadata, arrays)})
    except SafetensorError as error:
        raise InputError(f"{path.parent}: cannot write weights: {error}") from error


def _checksum(metadata: dict[str, str], arrays: Arrays) -> str:
    """Return the checksum of texts and numbers; the order in the file does not count."""
    found = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return f"sha256:{found.hexdigest()}"


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
    # Files of other programs and of earlier versions have none.
    noted = metadata.pop(_CHECKSUM, None)
    if with_arrays and noted is not None and noted != _checksum(metadata, arrays):
        raise InputError(f"{path}: damaged: its numbers are not those that were written; use a copy of it")
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
    missing = [f"network.{key}" for key in NETWORK_KEYS if key not in parse_json(text, str(path))]
    if missing:
        raise InputError(f"{path}: metadata: {', '.join(missing)} missing; {advice}")
    if network.architecture not in ARCHITECTURES:
        raise InputError(
            f"{path}: metadata: network.architecture {network.architecture!r} is unknown"
            f"{closest_name(network.architecture, ARCHITECTURES)}; known: {', '.join(ARCHITECTURES)}"
        )
    return network


def check_weights(graph: Graph, arrays: Arrays, origin: str) -> None:
    """Compare names and shapes with the graph's, and check that all numbers are finite.

    Raises:
        InputError: lists every missing, unexpected and differently shaped array; or names an array that holds NaN or
            infinity, as a training that diverged leaves them.
    """
    expected = {parameter.name: parameter.shape for parameter in graph.parameters()}
    differences = shape_differences(expected, arrays)
    if differences:
        raise InputError(f"{origin} does not fit {graph.config.architecture}: {'; '.join(differences)}")
    check_finite(arrays, origin)


def check_finite(arrays: Arrays, origin: str) -> None:
    """Check that all numbers are finite.

    Raises:
        InputError: an array holds NaN or infinity, as a training that diverged leaves them.
    """
    wrong = not_finite(arrays)
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise InputError(f"{origin}: {wrong[0]}{more} holds numbers that are not finite; use weights from before that")


def not_finite(arrays: Arrays) -> list[str]:
    """Return the names of arrays that hold NaN or infinity."""
    return [name for name, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]


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
