"""Write raw networks into MindIR files, MindSpore's own format, and read them back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from google.protobuf.message import DecodeError
from mindspore import Tensor, nn
from mindspore.train import mind_ir_pb2
from numpy.typing import NDArray
from pydantic import ValidationError

from fairmot.config import NetworkConfig
from fairmot.engines.interface import Arrays, ExportedNetwork
from fairmot.engines.mindspore.device import use_device
from fairmot.engines.mindspore.network import build_network, to_numpy
from fairmot.errors import InputError
from fairmot.network.folding import fold
from fairmot.network.graph import Graph

EXPORT_PRECISIONS = ("f32",)

HEADS = ("heatmap", "extents", "offsets", "embedding")


class MindIrNetwork:
    """``RawNetwork`` out of a MindIR file, for images of the size that it was exported for."""

    def __init__(self, cell: nn.Cell, input_size: tuple[int, int]) -> None:
        self._cell = cell
        self.input_size = input_size
        """Width and height, pixels."""

    def __call__(self, pixels: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """See ``RawNetwork``.

        Raises:
            InputError: pixels of another size.
        """
        if pixels.shape[2:] != self.input_size[::-1]:
            width, height = self.input_size
            raise InputError(f"pixels {list(pixels.shape)}: this MindIR file is for images of {width} x {height}")
        singly = [self._cell(Tensor(np.array(image[None], dtype=np.float32))) for image in pixels]
        maps = [[to_numpy(head) for head in heads] for heads in singly]
        return {name: np.concatenate(parts) for name, parts in zip(HEADS, zip(*maps, strict=True), strict=True)}


def export_network_file(
    path: Path,
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    precision: str = "f32",
    images: Iterable[NDArray[np.uint8]] = (),
) -> None:
    """See ``NetworkExporter``. The file is for single images of one size; batch norms are folded."""
    if precision not in EXPORT_PRECISIONS:
        raise InputError(f"precision {precision}: expected {', '.join(EXPORT_PRECISIONS)}")
    graph, weights = fold(graph, weights)
    ordered = Graph(graph.config, graph.nodes, {head: graph.outputs[head] for head in HEADS})
    network = build_network(ordered, weights)
    network.set_train(False)
    width, height = input_size
    described = {"fairmot.kind": "heads", "fairmot.network": graph.config.model_dump_json()}
    described["fairmot.input_size"] = f"{width} {height}"

    def describe(model: Any) -> None:
        for key, text in described.items():
            model.user_info[key] = text

    pixels = Tensor(np.zeros((1, 3, height, width), np.float32))
    ms.export(network, pixels, file_name=str(path), file_format="MINDIR", custom_func=describe)


def load_exported_network(path: Path | str, device: str = "auto") -> ExportedNetwork:
    """See ``NetworkExporter``."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such MindIR file")
    model = mind_ir_pb2.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise InputError(f"{path}: not a MindIR file, or cut off; export it again") from error
    described = dict(model.user_info)
    if "fairmot.kind" not in described:
        raise InputError(f"{path}: not exported by fairmot, or cut off; give weights as .safetensors instead")
    try:
        config = NetworkConfig.model_validate_json(described["fairmot.network"])
        width, height = map(int, described["fairmot.input_size"].split())
    except (KeyError, ValueError, ValidationError) as error:
        raise InputError(f"{path}: its description is not of this version; export it again") from error
    use_device(device)
    try:
        cell = nn.GraphCell(ms.load(str(path)))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: MindSpore cannot read it: {str(error).strip().splitlines()[0]}") from error
    return ExportedNetwork(config, MindIrNetwork(cell, (width, height)))
