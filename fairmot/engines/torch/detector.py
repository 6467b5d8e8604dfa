"""Network and decoding in PyTorch: canvases in, the K best peaks out."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fairmot.engines.interface import Arrays, RawDetections
from fairmot.engines.torch.level_decoding import decode_levels
from fairmot.engines.torch.loss import gather_cells
from fairmot.engines.torch.network import TorchNetwork, canvases_to_pixels, exact_float32
from fairmot.network.folding import fold
from fairmot.network.graph import Graph
from fairmot.network.level_decoding import MAX_OBJECTS

Found = tuple[Tensor, Tensor, Tensor, Tensor]
"""Boxes, scores, classes and embeddings, as ``RawDetections`` holds them."""


class TorchDetector:
    """``CanvasDetector`` in PyTorch."""

    def __init__(
        self,
        graph: Graph,
        weights: Arrays,
        input_size: tuple[int, int],
        max_objects: int,
        device: str,
        half: torch.dtype | None = None,
    ) -> None:
        self.input_size = input_size
        self.max_objects = min(max_objects, MAX_OBJECTS) if graph.level_strides else max_objects
        self.raw = TorchNetwork(*fold(graph, weights), device)
        self.strides = graph.level_strides
        self.stride = 0 if self.strides else graph.stride
        self._half = half
        self._recorded: dict[int, _Recorded] = {}
        self._one_at_a_time = threading.Lock()

    def __call__(self, canvases: NDArray[np.uint8]) -> RawDetections:
        """See ``CanvasDetector``."""
        pixels = torch.from_numpy(np.ascontiguousarray(canvases))
        run = self._replay if self.raw.device.type == "cuda" else self._compute
        with self._one_at_a_time, torch.inference_mode(), exact_float32(self.raw.device, try_kernels=True):
            return RawDetections(*(tensor.cpu().numpy() for tensor in run(pixels)))

    def _compute(self, canvases: Tensor) -> Found:
        pixels = canvases_to_pixels(canvases.to(self.raw.device))
        # Weights are not cached: a recorded graph outlives the cache.
        with torch.autocast(self.raw.device.type, self._half, enabled=self._half is not None, cache_enabled=False):
            return self._found(pixels)

    def _found(self, pixels: Tensor) -> Found:
        network = self.raw.network
        if not self.strides:
            return decode(network(pixels), self.max_objects, self.stride)
        maps = network.image_maps(pixels)
        boxes, scores, class_ids = decode_levels(network.heads(maps), self.strides, self.max_objects)
        network.follow_boxes(maps, boxes)
        embeddings = network.heads(maps)["embedding"].float()[:, :, 0].transpose(1, 2)
        return boxes, scores, class_ids, F.normalize(embeddings, dim=-1)

    def _replay(self, canvases: Tensor) -> Found:
        recorded = self._recorded.get(len(canvases))
        if recorded is None:
            recorded = self._recorded[len(canvases)] = _Recorded(self._compute, canvases.to(self.raw.device))
        return recorded(canvases)


class _Recorded:
    """A function of one tensor as a CUDA graph: one call where PyTorch launches hundreds of kernels in turn.

    What it returns is overwritten by the next call.
    """

    def __init__(self, function: Callable[[Tensor], Found], example: Tensor) -> None:
        self.argument = example
        with torch.cuda.device(example.device):
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                # Libraries choose kernels and take memory in the first calls, which must not be recorded.
                for _ in range(2):
                    function(self.argument)
            torch.cuda.current_stream().wait_stream(beside)
            self.graph = torch.cuda.CUDAGraph()
            # Other threads may use the card meanwhile.
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.results = function(self.argument)

    def __call__(self, argument: Tensor) -> Found:
        self.argument.copy_(argument)
        self.graph.replay()
        return self.results


def decode(heads: dict[str, Tensor], max_objects: int, stride: int) -> Found:
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
