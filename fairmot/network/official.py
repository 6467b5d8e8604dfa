"""Import of public checkpoints: FairMOT's ``.pth`` and YOLOX-nano's ``.onnx``, by explicit rules.

What is dropped is named, and every other missing or unexpected name is an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.config import NetworkConfig
from fairmot.errors import InputError
from fairmot.network.folding import unstack_pixels
from fairmot.network.graph import Graph
from fairmot.network.layers import Convolution
from fairmot.network.lite import TRUNK_PREFIX

Arrays = dict[str, NDArray[Any]]

NEVER_USED = re.compile(r"base\.fc\.(weight|bias)|base\.level[34]\.project\..+")
"""Parameters of the public DLA files without effect on any output."""


def drop_never_used(arrays: Arrays) -> tuple[Arrays, list[str]]:
    """Split a public DLA state into what the network uses and the names of what it never does."""
    kept = {name: array for name, array in arrays.items() if not NEVER_USED.fullmatch(name)}
    return kept, [name for name in arrays if name not in kept]


def network_config(arrays: Arrays, origin: str) -> NetworkConfig:
    """Recognise the architecture of a public state and read its sizes off the shapes of its heads.

    Raises:
        InputError: no known architecture, or heads that are missing.
    """
    if "base.base_layer.0.weight" not in arrays:
        raise InputError(
            f"{origin}: no known architecture; it holds {len(arrays)} arrays: {', '.join(list(arrays)[:3])} ..."
        )
    missing = [name for name in ("hm.0.weight", "hm.2.weight", "id.2.weight") if name not in arrays]
    if missing:
        raise InputError(f"{origin}: a DLA backbone without FairMOT's heads: {', '.join(missing)} missing")
    deformable = any(name.endswith("conv_offset_mask.weight") for name in arrays)
    return NetworkConfig(
        architecture="dla_34" if deformable else "dlaconv_34",
        classes=arrays["hm.2.weight"].shape[0],
        embedding=arrays["id.2.weight"].shape[0],
        head_width=arrays["hm.0.weight"].shape[0],
    )


def read_yolox_onnx(path: Path, graph: Graph) -> Arrays:
    """Return the trunk of ``lite`` from YOLOX-nano's public ``.onnx``.

    Its convolutions carry folded batch norms and anonymous names, so they are mapped by their order in the file; the
    shapes must agree one by one. It takes BGR in 0..255: the first convolution is turned to RGB in 0..1.

    Raises:
        InputError: not an ONNX file, or not YOLOX-nano's.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
    except (DecodeError, OSError) as error:
        raise InputError(f"{path}: not a readable ONNX file: {error}") from error
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    trunk = [node for node in graph.nodes if isinstance(node.layer, Convolution) and node.name.startswith(TRUNK_PREFIX)]
    if len(convolutions) < len(trunk):
        raise InputError(f"{path}: {len(convolutions)} convolutions, YOLOX-nano's trunk has {len(trunk)}")
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters()}
    arrays: Arrays = {}
    for node, source in zip(trunk, convolutions, strict=False):
        weight, bias = (
            onnx.numpy_helper.to_array(tensors[name]) if name in tensors else np.empty(0) for name in source.input[1:3]
        )
        if node is trunk[0] and weight.ndim == 4:
            weight = unstack_pixels(weight)[:, ::-1] * np.float32(255)  # for BGR 0..255 -> for RGB 0..1
        expected = shapes[f"{node.name}.weight"]
        if weight.shape != expected or bias.shape != expected[:1]:
            raise InputError(
                f"{path}: convolution {source.name} has weights {list(weight.shape)}, "
                f"{node.name} of YOLOX-nano needs {list(expected)}"
            )
        arrays[f"{node.name}.weight"] = np.ascontiguousarray(weight, dtype=np.float32)
        arrays[f"{node.name}.bias"] = np.ascontiguousarray(bias, dtype=np.float32)
    return arrays
