"""Network and decoding in MindSpore: canvases in, the K best peaks out."""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from numpy.typing import NDArray

from fairmot.engines.interface import Arrays, RawDetections
from fairmot.engines.mindspore.level_decoding import LevelDetectorCell
from fairmot.engines.mindspore.loss import gather_cells, unit_length
from fairmot.engines.mindspore.network import GraphNetwork, build_network, canvases_to_pixels, runner, to_numpy
from fairmot.network.folding import fold
from fairmot.network.graph import Graph
from fairmot.network.level_decoding import MAX_OBJECTS
from fairmot.network.safetensors import check_weights


class MindSporeDetector:
    """``CanvasDetector`` in MindSpore, compiled or operation by operation (PyNative); batch norms are folded."""

    def __init__(
        self, graph: Graph, weights: Arrays, input_size: tuple[int, int], max_objects: int, compiled: bool = True
    ) -> None:
        self.input_size = input_size
        check_weights(graph, weights, "the weights")
        network = build_network(*fold(graph, weights))
        if graph.level_strides:
            self.cell: nn.Cell = LevelDetectorCell(network, graph.level_strides, min(max_objects, MAX_OBJECTS))
        else:
            self.cell = _DetectorCell(network, Decoder(max_objects, graph.stride))
        self.cell.set_train(False)
        self.run = runner(self.cell, compiled)

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """See ``CanvasDetector``."""
        boxes, scores, class_ids, embeddings = self.run(Tensor(np.array(canvases, dtype=np.uint8)))
        return RawDetections(
            to_numpy(boxes), to_numpy(scores), to_numpy(class_ids).astype(np.int64), to_numpy(embeddings)
        )


class _DetectorCell(nn.Cell):
    def __init__(self, network: GraphNetwork, decoder: Decoder) -> None:
        super().__init__(auto_prefix=False)
        self.network, self.decoder = network, decoder
        places = {head: place for place, head in enumerate(network.heads)}
        self.order = tuple(places[head] for head in ("heatmap", "extents", "offsets", "embedding"))

    def construct(self, canvases):
        maps = self.network(canvases_to_pixels(canvases))
        order = self.order
        return self.decoder(maps[order[0]], maps[order[1]], maps[order[2]], maps[order[3]])


class Decoder(nn.Cell):
    """Head maps -> boxes [B, K, 4] in canvas pixels, scores, classes and unit embeddings.

    Peaks are cells that no neighbour of their 3x3 window exceeds (CenterNet); K is at most the number of cells.
    """

    def __init__(self, max_objects: int, stride: int) -> None:
        super().__init__(auto_prefix=False)
        self.max_objects, self.stride = max_objects, stride
        self.window = ops.MaxPool(3, 1, "same")

    def construct(self, heatmap, extents, offsets, embedding):
        """Decode head maps [B, C, h, w] as documented at the class."""
        batch, classes, height, width = heatmap.shape
        scores_map = ops.sigmoid(heatmap)
        is_peak = ops.equal(self.window(scores_map), scores_map)
        peaks = ops.where(is_peak, scores_map, ops.zeros_like(scores_map)).reshape(batch, -1)
        count = min(self.max_objects, classes * height * width)
        scores, index = ops.topk(peaks, count)
        index = ops.cast(index, ms.int32)
        class_ids = ops.floor_div(index, height * width)
        cells = index - class_ids * (height * width)
        rows = ops.floor_div(cells, width)  # whole cells: the row is floored
        corners = ops.cast(ops.stack((cells - rows * width, rows), 2), ms.float32)
        centres = corners + gather_cells(offsets, cells)
        sides = gather_cells(extents, cells)
        boxes = ops.concat((centres - sides[:, :, :2], centres + sides[:, :, 2:]), 2) * self.stride
        return boxes, scores, class_ids, unit_length(gather_cells(embedding, cells))
