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
from fairmot.engines.mindspore.network import GraphNetwork, build_network, to_numpy
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.folding import fold
from fairmot.network.graph import Graph
from fairmot.network.level_decoding import MAX_OBJECTS

EXPORT_PRECISIONS = ("f32",)


class MindIrNetwork:
    """``RawNetwork`` out of a MindIR file, for images of the size that it was exported for."""

    def __init__(self, cell: nn.Cell, graph: Graph, input_size: tuple[int, int]) -> None:
        self._cell = cell
        self._heads = tuple(graph.outputs)
        self._reads_boxes = bool(graph.level_strides)
        self.input_size = input_size
        """Width and height, pixels."""

    def __call__(
        self, pixels: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """See ``RawNetwork``.

        Raises:
            InputError: pixels of another size, or more boxes than the file has slots.
        """
        if pixels.shape[2:] != self.input_size[::-1]:
            width, height = self.input_size
            raise InputError(f"pixels {list(pixels.shape)}: this MindIR file is for images of {width} x {height}")
        inputs = [np.array(pixels, dtype=np.float32)]
        if self._reads_boxes:
            inputs.append(_slots(boxes, len(pixels)))
        singly = [self._cell(*(Tensor(part[None]) for part in parts)) for parts in zip(*inputs, strict=True)]
        maps = zip(*([to_numpy(head) for head in heads] for heads in singly), strict=True)
        found = {name: np.concatenate(parts) for name, parts in zip(self._heads, maps, strict=True)}
        if self._reads_boxes:
            along = found.pop("embedding")
            return found if boxes is None else found | {"embedding": along[..., : boxes.shape[1]]}
        return found


class _LevelHeads(nn.Cell):
    """Pixels and boxes -> all heads of a network on several levels."""

    def __init__(self, network: GraphNetwork) -> None:
        super().__init__(auto_prefix=False)
        self.network = network
        self.count = len(network.heads)

    def construct(self, pixels, boxes):
        """Run what lies on the image's grid, then what lies along the boxes."""
        maps = self.network(pixels)
        return (*maps[: self.count], self.network.follow_boxes(boxes, *maps[self.count :])[0])


def _slots(boxes: NDArray[np.float32] | None, count: int) -> NDArray[np.float32]:
    slots = np.zeros((count, MAX_OBJECTS, 4), np.float32)
    if boxes is not None:
        if boxes.shape[1] > MAX_OBJECTS:
            raise InputError(f"{boxes.shape[1]} boxes an image: this MindIR file has slots for {MAX_OBJECTS}")
        slots[:, : boxes.shape[1]] = boxes
    return slots


def export_network_file(
    path: Path,
    graph: Graph,
    weights: Arrays,
    input_size: tuple[int, int],
    precision: str = "f32",
    images: Iterable[NDArray[np.uint8]] = (),
) -> None:
    """See ``NetworkExporter``. The file is for single images of one size; batch norms are folded.

    A network on several levels reads its embeddings along ``MAX_OBJECTS`` boxes.
    """
    if precision not in EXPORT_PRECISIONS:
        raise InputError(f"precision {precision}: expected {', '.join(EXPORT_PRECISIONS)}")
    graph, weights = fold(graph, weights)
    network: nn.Cell = build_network(graph, weights)
    width, height = input_size
    inputs = [Tensor(np.zeros((1, 3, height, width), np.float32))]
    if graph.level_strides:
        network = _LevelHeads(network)
        inputs.append(Tensor(np.zeros((1, MAX_OBJECTS, 4), np.float32)))
    network.set_train(False)
    described = {"fairmot.kind": "heads", "fairmot.network": graph.config.model_dump_json()}
    described["fairmot.input_size"] = f"{width} {height}"

    def describe(model: Any) -> None:
        for key, text in described.items():
            model.user_info[key] = text

    ms.export(network, *inputs, file_name=str(path), file_format="MINDIR", custom_func=describe)


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
    return ExportedNetwork(config, MindIrNetwork(cell, build_graph(config), (width, height)))
