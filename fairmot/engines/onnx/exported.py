"""Models that this project exported, read back from ``.onnx`` files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import ModelProto
from pydantic import ValidationError

from fairmot.config import NetworkConfig
from fairmot.engines.interface import ExportedDetector, ExportedNetwork
from fairmot.engines.onnx.detector import OnnxDetector, OnnxNetwork, create_session, narrow_session
from fairmot.engines.onnx.export import DETECTIONS
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph

TRACKER_PROPERTY = "fairmot.tracker"
FOREIGN = "not exported by fairmot, or cut off; give weights as .safetensors instead"


def load_exported_detector(path: Path | str, device: str = "auto") -> ExportedDetector:
    """See ``DetectorExporter``."""
    content, properties = parse_onnx(Path(path))
    network, session = _start(Path(path), content, properties, "detector", device)
    detector = OnnxDetector(session, narrow_session(content, device))
    return ExportedDetector(network, detector, properties.get(TRACKER_PROPERTY))


def load_exported_network(path: Path | str, device: str = "auto") -> ExportedNetwork:
    """See ``NetworkExporter``."""
    network, session = _start(Path(path), *parse_onnx(Path(path)), "heads", device)
    return ExportedNetwork(network, OnnxNetwork(session))


def exported_tracker(path: Path) -> str | None:
    """See ``DetectorExporter``."""
    return parse_onnx(path)[1].get(TRACKER_PROPERTY)


def model_properties(model: ModelProto) -> dict[str, str]:
    """Return the metadata of a model."""
    return {entry.key: entry.value for entry in model.metadata_props}


def parse_onnx(path: Path) -> tuple[bytes, dict[str, str]]:
    """Return a file's content and properties.

    Raises:
        InputError: no such file, no ONNX file, or one of another program.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such ONNX file")
    content = path.read_bytes()
    try:
        properties = model_properties(onnx.load_model_from_string(content))
    except DecodeError as error:
        raise InputError(f"{path}: not an ONNX file, or cut off ({error}); export it again") from error
    if "fairmot.kind" not in properties:
        raise InputError(f"{path}: {FOREIGN}")
    return content, properties


def read_network(path: Path, properties: Mapping[str, str], kind: str) -> NetworkConfig:
    """Return the configuration of an exported network.

    Raises:
        InputError: it is of another kind, or of another version.
    """
    if properties["fairmot.kind"] != kind:
        raise InputError(f"{path}: holds {properties['fairmot.kind']!r} of a network, expected {kind!r}")
    try:
        return NetworkConfig.model_validate_json(properties.get("fairmot.network", ""))
    except ValidationError as error:
        raise InputError(f"{path}: its network configuration is not of this version; export it again") from error


def _start(
    path: Path, content: bytes, properties: Mapping[str, str], kind: str, device: str
) -> tuple[NetworkConfig, onnxruntime.InferenceSession]:
    network = read_network(path, properties, kind)
    try:
        session = create_session(content, device)
    except InputError:
        raise
    except Exception as error:  # the exceptions of ONNX Runtime have no base class of their own
        raise InputError(f"{path}: ONNX Runtime cannot run it: {str(error).splitlines()[0]}") from error
    _check_form(session, network, kind, path)
    return network, session


def _check_form(session: onnxruntime.InferenceSession, network: NetworkConfig, kind: str, path: Path) -> None:
    """Check inputs and outputs of a model: metadata alone do not make it one of ours.

    Raises:
        InputError: they are those of another program.
    """
    inputs, outputs = [("images", "tensor(uint8)", 4)], DETECTIONS
    if kind != "detector":
        graph = build_graph(network)
        inputs, outputs = [("pixels", "tensor(float)", 4)], tuple(graph.outputs)
        if graph.level_strides:
            inputs.append(("boxes", "tensor(float)", 3))
    found = session.get_inputs()
    sides = found[0].shape[1:] if found else []
    is_ours = (
        [(each.name, each.type, len(each.shape)) for each in found] == inputs
        and tuple(each.name for each in session.get_outputs()) == outputs
        and (kind != "detector" or (all(isinstance(side, int) and side > 0 for side in sides) and sides[2] == 3))
    )
    if not is_ours:
        raise InputError(f"{path}: {FOREIGN}")
