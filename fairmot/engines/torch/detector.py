"""Network and decoding in PyTorch: canvases in, the K best peaks out."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fairmot.engines.interface import Arrays, RawDetections
from fairmot.engines.torch.loss import gather_cells
from fairmot.engines.torch.network import TorchNetwork, canvases_to_pixels
from fairmot.network.folding import fold
from fairmot.network.graph import Graph


class TorchDetector:
    """``CanvasDetector`` in PyTorch."""

    def __init__(
        self, graph: Graph, weights: Arrays, input_size: tuple[int, int], max_objects: int, device: str
    ) -> None:
        self.input_size = input_size
        self.max_objects = max_objects
        self.raw = TorchNetwork(*fold(graph, weights), device)
        self.stride = graph.stride

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """See ``CanvasDetector``."""
        with torch.inference_mode():
            heads = self.raw.network(canvases_to_pixels(canvases, self.raw.device))
            boxes, scores, class_ids, embeddings = decode(heads, self.max_objects, self.stride)
        return RawDetections(
            boxes.cpu().numpy(), scores.cpu().numpy(), class_ids.cpu().numpy(), embeddings.cpu().numpy()
        )


def decode(heads: dict[str, Tensor], max_objects: int, stride: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Turn head maps into boxes [B, K, 4] in canvas pixels, scores, classes and unit embeddings.

    Peaks are cells that no neighbour of their 3x3 window exceeds (CenterNet); K is at most the number of cells.
    """
    scores_map = heads["heatmap"].float().sigmoid()
    peaks = F.max_pool2d(scores_map, 3, 1, 1) == scores_map
    flat = (scores_map * peaks).flatten(1)
    cells_per_class = scores_map.shape[2] * scores_map.shape[3]
    scores, index = flat.topk(min(max_objects, flat.shape[1]), dim=1)
    class_ids, cells = index // cells_per_class, index % cells_per_class
    width = scores_map.shape[3]
    corner = torch.stack([cells % width, cells // width], dim=-1).float()
    centres = corner + gather_cells(heads["offsets"].float(), cells)
    extents = gather_cells(heads["extents"].float(), cells)
    boxes = torch.cat([centres - extents[..., :2], centres + extents[..., 2:]], dim=-1) * stride
    embeddings = F.normalize(gather_cells(heads["embedding"].float(), cells), dim=-1)
    return boxes, scores, class_ids, embeddings
