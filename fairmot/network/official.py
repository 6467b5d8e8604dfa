"""Public checkpoints: their architecture, their unused arrays, and RTMDet-nano's ``.onnx``.

Dropped arrays are named; every other missing or unexpected name is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import NetworkConfig
from fairmot.errors import InputError
from fairmot.network.architectures import ARCHITECTURES, build_graph, find_architecture, published_config
from fairmot.network.dla import NEVER_USED
from fairmot.network.graph import Graph
from fairmot.network.layers import ChannelAttention, Convolution
from fairmot.network.rtmdet import DETECTOR_PREFIXES

Arrays = dict[str, NDArray[Any]]


def drop_never_used(arrays: Arrays) -> tuple[Arrays, list[str]]:
    """Split a public state into the arrays that the network uses and the names of those that it never does."""
    kept = {name: array for name, array in arrays.items() if name not in NEVER_USED}
    return kept, [name for name in arrays if name in NEVER_USED]


def recognise(arrays: Arrays, origin: str, architecture: str | None = None) -> NetworkConfig:
    """Return a public state's configuration: its architecture by its names, its sizes by the shapes of its heads.

    ``architecture`` overrides the names.

    Raises:
        InputError: no known architecture, or heads that are missing.
    """
    name = architecture or architecture_of(arrays, origin)
    find_architecture(name)
    config = published_config(name)
    scores, vectors = _LEVEL_HEADS if config.level_strides else _HEADS
    missing = [key for key in (scores, vectors) if key not in arrays]
    if missing:
        names = ", ".join(missing)
        whose = "its own" if config.level_strides else "FairMOT's"
        raise InputError(
            f"{origin}: {name} without {whose} heads: {names} missing; a partial conversion takes the rest"
        )
    classes, embedding = arrays[scores].shape, arrays[vectors].shape
    if len(classes) != 4 or len(embedding) != 4:
        raise InputError(f"{origin}: {scores} {list(classes)} and {vectors} {list(embedding)} are no convolutions")
    return config.model_copy(update={"classes": classes[0], "embedding": embedding[0], "head_width": embedding[1]})


def architecture_of(arrays: Arrays, origin: str) -> str:
    """Return the name of a public state's architecture.

    Raises:
        InputError: none fits; the message names those that have arrays in common.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    for name, entry in ARCHITECTURES.items():
        if entry.fits(shapes):
            return name
    raise InputError(f"{origin}: no known architecture; {_closest_architectures(arrays)}")


def _closest_architectures(arrays: Arrays) -> str:
    """Name the architectures that have names and shapes in common with a state, or what the state holds."""
    shared = {}
    for name in ARCHITECTURES:
        expected = {p.name: p.shape for p in build_graph(published_config(name)).parameters()}
        shared[name] = sum(arrays[key].shape == shape for key, shape in expected.items() if key in arrays)
    most = max(shared.values())
    if most == 0:
        return f"it holds {len(arrays)} arrays: {', '.join(list(arrays)[:3])} ..."
    close = [f"{name} ({count})" for name, count in shared.items() if count >= 0.9 * most]
    return f"it has arrays of {', '.join(close)}; name one of them and convert partially to take what fits"


_HEADS = ("hm.2.weight", "id.2.weight")
_LEVEL_HEADS = ("bbox_head.rtm_cls.0.weight", "id.2.weight")
"""The last layers of scores and embeddings, from whose shapes a network's sizes are read."""


def read_rtmdet_onnx(path: Path, graph: Graph) -> Arrays:
    """Return the detector of ``lite`` from the public ``.onnx`` of RTMDet-nano for people.

    Its convolutions carry folded batch norms and, but for the head's, anonymous names, so they are mapped by their
    order in the file; the shapes must agree one by one. It takes normalised BGR: the first one is turned to RGB.

    Raises:
        InputError: not an ONNX file, or not RTMDet-nano's.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
    except (DecodeError, OSError) as error:
        raise InputError(f"{path}: not a readable ONNX file: {error}") from error
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    own = [
        node
        for node in graph.nodes
        if isinstance(node.layer, Convolution | ChannelAttention) and node.name.startswith(DETECTOR_PREFIXES)
    ]
    if len(convolutions) != len(own):
        raise InputError(f"{path}: {len(convolutions)} convolutions, RTMDet-nano has {len(own)}")
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters()}
    arrays: Arrays = {}
    for node, source in zip(own, convolutions, strict=True):
        weight, bias = (
            onnx.numpy_helper.to_array(tensors[name]) if name in tensors else np.empty(0) for name in source.input[1:3]
        )
        expected = shapes[f"{node.name}.weight"]
        if weight.shape != expected or bias.shape != expected[:1]:
            raise InputError(
                f"{path}: convolution {source.name} has weights {list(weight.shape)}, "
                f"{node.name} of RTMDet-nano needs {list(expected)}"
            )
        if node is own[0]:
            weight = weight[:, ::-1]
        arrays[f"{node.name}.weight"] = np.ascontiguousarray(weight, dtype=np.float32)
        arrays[f"{node.name}.bias"] = np.ascontiguousarray(bias, dtype=np.float32)
    return arrays
