"""The graph as a MindSpore cell."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from numpy.typing import NDArray

from fairmot.engines.interface import Arrays
from fairmot.engines.mindspore.layers import build_layer
from fairmot.network.graph import Graph
from fairmot.network.safetensors import check_weights


class GraphNetwork(nn.Cell):
    """A graph as one cell: RGB planes [B, 3, H, W] in 0..1 -> the heads in the order of ``heads``.

    ``build_network`` makes a subclass with the ``construct`` of one graph.
    """

    def __init__(self, graph: Graph, weights: Arrays) -> None:
        super().__init__(auto_prefix=False)
        check_weights(graph, weights, "the weights")
        self.heads = tuple(head for head, node in graph.outputs.items() if not graph.nodes[node].along_boxes)
        """Names of the heads on the image's grid, in the order of ``construct``."""
        self.named: dict[str, Parameter] = {}
        """Parameters and statistics by their public names."""
        self.batch_counts: Arrays = {}
        """Batches seen by each batch norm: passive numbers that the checkpoint carries on."""
        by_node: dict[int, dict[str, Parameter]] = {}
        for entry in graph.parameters():
            if entry.role == "bn_count":
                self.batch_counts[entry.name] = np.array(weights[entry.name], dtype=np.int64)
                continue
            array = np.array(weights[entry.name], dtype=np.float32)
            parameter = Parameter(Tensor(array), name=entry.name, requires_grad=entry.trainable)
            self.named[entry.name] = parameter
            by_node.setdefault(entry.node, {})[entry.name.rpartition(".")[2]] = parameter
        for index, node in enumerate(graph.nodes):
            setattr(self, f"layer{index}", build_layer(node, by_node.get(index, {}), graph.stride_before(node)))

    def arrays(self) -> Arrays:
        """Return copies of parameters and statistics."""
        return {
            **{name: to_numpy(parameter) for name, parameter in self.named.items()},
            **{name: count.copy() for name, count in self.batch_counts.items()},
        }

    def load_arrays(self, arrays: Arrays) -> None:
        """Take parameters and statistics of the same names and shapes."""
        for name, parameter in self.named.items():
            set_value(parameter, arrays[name])
        for name in self.batch_counts:
            self.batch_counts[name] = np.array(arrays[name], dtype=np.int64)


def build_network(graph: Graph, weights: Arrays) -> GraphNetwork:
    """Build the cell of a graph with these weights.

    MindSpore compiles a loop over layers 3 to 7 times slower than the same calls written one below the other (lite:
    21 s against 3 s for inference, 31 s against 10 s for training), so ``construct`` is written out from the graph.

    Raises:
        InputError: names or shapes differ from the graph's.
    """
    # MindSpore reads the method's source from its file whenever it compiles for a new shape.
    folder = tempfile.mkdtemp(prefix="fairmot-")
    file = Path(folder, f"{graph.config.architecture}.py")
    file.write_text(_write_construct(graph), encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(file.read_bytes(), str(file), "exec"), namespace)
    methods = {name: namespace[name] for name in ("construct", "follow_boxes") if name in namespace}
    try:
        network = type("GraphNetwork", (GraphNetwork,), methods)(graph, weights)
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(network, shutil.rmtree, folder, ignore_errors=True)
    return network


def _write_construct(graph: Graph) -> str:
    """Write the methods that run a graph: one call a node.

    ``construct`` runs what lies on the image's grid and returns the heads, then the maps that are read along boxes;
    ``follow_boxes`` takes boxes and those maps. A variable is used again as soon as nobody reads its map any more: that
    frees memory in eager mode.
    """
    on_grid = [index for index, node in enumerate(graph.nodes) if not node.along_boxes]
    read = graph.maps_along_boxes()
    results = [*(node for node in graph.outputs.values() if not graph.nodes[node].along_boxes), *read]
    lines = ["def construct(self, pixels):", *_calls(graph, on_grid, {}, "pixels", results)]
    if read:
        along = [index for index, node in enumerate(graph.nodes) if node.along_boxes]
        given = {index: f"given{index}" for index in read}
        results = [node for node in graph.outputs.values() if graph.nodes[node].along_boxes]
        lines += ["", "", f"def follow_boxes(self, boxes, {', '.join(given.values())}):"]
        lines += _calls(graph, along, given, "boxes", results)
    return "\n".join([*lines, ""])


def _calls(graph: Graph, nodes: list[int], given: dict[int, str], argument: str, results: list[int]) -> list[str]:
    """One line a node, then the return of ``results``."""
    freed = graph.last_uses()
    free: list[str] = []
    place = dict(given)
    lines = []
    for index in nodes:
        inputs = ", ".join(place[source] for source in graph.nodes[index].inputs) or argument
        free.extend(place[source] for source in freed.get(index, ()) if source not in given)
        place[index] = free.pop() if free else f"map{len(set(place.values()))}"
        lines.append(f"    {place[index]} = self.layer{index}({inputs})")
    return [*lines, f"    return ({', '.join(place[node] for node in results)},)"]


class MindSporeNetwork:
    """``RawNetwork`` in MindSpore, compiled or operation by operation (PyNative)."""

    def __init__(self, graph: Graph, weights: Arrays, compiled: bool = True) -> None:
        self.network = build_network(graph, weights)
        self.network.set_train(False)
        self.run = runner(self.network, compiled)
        self.read_boxes = runner(BoxReader(self.network), compiled) if graph.level_strides else None

    def __call__(
        self, pixels: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """See ``RawNetwork``."""
        maps = self.run(Tensor(np.ascontiguousarray(pixels, dtype=np.float32)))
        # Behind the heads stand the maps that are read along boxes.
        heads = {name: to_numpy(head) for name, head in zip(self.network.heads, maps, strict=False)}
        if boxes is not None and self.read_boxes:
            found = self.read_boxes(Tensor(np.ascontiguousarray(boxes, dtype=np.float32)), *maps[len(heads) :])
            heads["embedding"] = to_numpy(found)
        return heads


class BoxReader(nn.Cell):
    """Boxes [B, K, 4] and the maps that are read along them -> embeddings [B, D, 1, K]."""

    def __init__(self, network: GraphNetwork) -> None:
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, boxes, *maps):
        """Run what lies along boxes."""
        return self.network.follow_boxes(boxes, *maps)[0]


def runner(cell: nn.Cell, compiled: bool) -> Callable[..., tuple[Tensor, ...]]:
    """Return what to call for ``cell``: its compiled graph, or the cell itself, which runs operation by operation."""
    return ms.jit(cell) if compiled else cell


def canvases_to_pixels(canvases: Tensor) -> Tensor:
    """Turn BGR canvases [B, H, W, 3] uint8 into RGB planes [B, 3, H, W] in 0..1."""
    planes = ops.transpose(ops.cast(canvases, ms.float32), (0, 3, 1, 2))
    return ops.concat((planes[:, 2:3], planes[:, 1:2], planes[:, 0:1]), 1) / 255.0


def canvases_to_pixels_by_index(canvases: Tensor) -> Tensor:
    """Return what ``canvases_to_pixels`` returns; on a processor its slices take 43 ns a number, this 1 ns."""
    planes = ops.transpose(ops.cast(canvases, ms.float32), (0, 3, 1, 2))
    return ops.gather(planes, Tensor(np.array([2, 1, 0]), ms.int32), 1) / 255.0


def to_numpy(tensor: Tensor) -> NDArray[np.float32]:
    """Copy to NumPy; ``asnumpy`` alone may share memory that the next step overwrites."""
    return np.array(tensor.asnumpy())


def set_value(parameter: Parameter, array: NDArray[np.float32]) -> None:
    """Copy an array of the same shape into a parameter."""
    parameter.set_data(Tensor(np.array(array, dtype=np.float32)))
