"""Models that this project exported, read back from ``.onnx`` files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from pydantic import ValidationError

from fairmot.config import NetworkConfig
from fairmot.engines.onnx.detector import OnnxDetector, OnnxNetwork, create_session
from fairmot.errors import InputError


class ExportedDetector(NamedTuple):
    """A detector and the network it was exported from."""

    network: NetworkConfig
    detector: OnnxDetector


class ExportedNetwork(NamedTuple):
    """A network that gives raw heads, and its configuration."""

    network: NetworkConfig
    heads: OnnxNetwork


def load_exported_detector(path: Path | str, device: str = "auto") -> ExportedDetector:
    """Read a detector that ``export_detector`` made.

    Raises:
        InputError: no such file, no ONNX file, or none of this project's detectors.
    """
    network, session = _load(Path(path), "detector", device)
    return ExportedDetector(network, OnnxDetector(session))


def load_exported_network(path: Path | str, device: str = "auto") -> ExportedNetwork:
    """Read a network that ``export_heads`` made.

    Raises:
        InputError: no such file, no ONNX file, or none of this project's networks.
    """
    network, session = _load(Path(path), "heads", device)
    return ExportedNetwork(network, OnnxNetwork(session))


def _load(path: Path, kind: str, device: str) -> tuple[NetworkConfig, onnxruntime.InferenceSession]:
    if not path.is_file():
        raise InputError(f"{path}: no such ONNX file")
    content = path.read_bytes()
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise InputError(f"{path}: not an ONNX file, or cut off ({error}); export it again") from error
    properties = {entry.key: entry.value for entry in model.metadata_props}
    if "fairmot.kind" not in properties:
        raise InputError(f"{path}: not exported by fairmot, or cut off; give weights as .safetensors instead")
    if properties["fairmot.kind"] != kind:
        raise InputError(f"{path}: holds {properties['fairmot.kind']!r} of a network, expected {kind!r}")
    try:
        network = NetworkConfig.model_validate_json(properties.get("fairmot.network", ""))
        return network, create_session(content, device)
    except InputError:
        raise
    except ValidationError as error:
        raise InputError(f"{path}: its network configuration is not of this version; export it again") from error
    except Exception as error:  # the exceptions of ONNX Runtime have no base class of their own
        raise InputError(f"{path}: ONNX Runtime cannot run it: {str(error).splitlines()[0]}") from error
