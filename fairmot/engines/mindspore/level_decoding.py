"""Decoding of detectors on several levels in MindSpore; see ``fairmot.network.level_decoding``."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from fairmot.engines.mindspore.network import GraphNetwork, canvases_to_pixels
from fairmot.network.level_decoding import CANDIDATES, MAX_CHAIN, MAX_IOU, MIN_SCORE, level_names


class LevelDetectorCell(nn.Cell):
    """Canvases [B, H, W, 3] -> boxes [B, K, 4] in canvas pixels, scores, classes and unit embeddings."""

    def __init__(self, network: GraphNetwork, strides: Sequence[int], max_objects: int) -> None:
        super().__init__(auto_prefix=False)
        self.network = network
        self.decoder = LevelDecoder(strides, max_objects)
        places = {head: place for place, head in enumerate(network.heads)}
        self.scores = tuple(places[level_names(stride)[0]] for stride in strides)
        self.distances = tuple(places[level_names(stride)[1]] for stride in strides)
        self.head_count = len(network.heads)

    def construct(self, canvases):
        """Run the network, decode its levels, and read the embeddings along the boxes."""
        maps = self.network(canvases_to_pixels(canvases))
        logits, distances = (), ()
        for place in self.scores:
            logits = (*logits, maps[place])
        for place in self.distances:
            distances = (*distances, maps[place])
        boxes, scores, class_ids = self.decoder(logits, distances)
        vectors = self.network.follow_boxes(boxes, *maps[self.head_count :])[0]  # [B, D, 1, K]
        vectors = ops.transpose(vectors[:, :, 0], (0, 2, 1))
        squares = ops.square(vectors).sum(-1, keepdims=True)
        return boxes, scores, class_ids, vectors / ops.sqrt(ops.maximum(squares, 1e-24))


class LevelDecoder(nn.Cell):
    """Heads of all levels -> boxes [B, K, 4] in canvas pixels, scores and classes; empty slots hold 0."""

    def __init__(self, strides: Sequence[int], max_objects: int) -> None:
        super().__init__(auto_prefix=False)
        self.strides, self.max_objects = tuple(strides), max_objects
        self.above = Tensor(np.triu(np.ones((CANDIDATES, CANDIDATES), np.float32), 1))

    def construct(self, logits, distances):
        """Take score logits [B, C, h, w] and distances [B, 4, h, w] of each level."""
        boxes, flat = (), ()
        for level, stride in enumerate(self.strides):
            batch, classes, height, width = logits[level].shape
            flat = (*flat, logits[level].reshape(batch, classes, height * width))
            boxes = (*boxes, self._boxes(distances[level], stride))
        all_logits, all_boxes = ops.concat(flat, 2), ops.concat(boxes, 1)
        batch, classes, cells = all_logits.shape
        count = min(CANDIDATES, classes * cells)
        best, places = ops.topk(all_logits.reshape(batch, -1), count)
        places = ops.cast(places, ms.int32)
        class_ids = ops.floor_div(places, cells)
        scores = ops.sigmoid(best)
        corners = self._take(all_boxes, places - class_ids * cells)
        kept = scores * self._survivors(corners, scores, class_ids, count)
        final, slots = ops.topk(kept, min(self.max_objects, count))
        is_box = final > 0
        slots = ops.cast(slots, ms.int32)
        chosen = self._take(corners, slots) * ops.cast(ops.expand_dims(is_box, 2), ms.float32)
        chosen_classes = ops.gather_elements(class_ids, 1, slots) * ops.cast(is_box, ms.int32)
        return chosen, final, chosen_classes

    def _boxes(self, distances: Tensor, stride: int) -> Tensor:
        batch, _, height, width = distances.shape
        y, x = np.divmod(np.arange(height * width), width)
        points = Tensor(np.stack([x, y], 1), ms.float32)
        sides = ops.transpose(distances.reshape(batch, 4, height * width), (0, 2, 1))
        return ops.concat((points - sides[:, :, :2], points + sides[:, :, 2:]), 2) * float(stride)

    def _take(self, rows: Tensor, index: Tensor) -> Tensor:
        """Rows [B, N, 4] at index [B, n]."""
        spread = ops.broadcast_to(ops.expand_dims(index, 2), (index.shape[0], index.shape[1], 4))
        return ops.gather_elements(rows, 1, spread)

    def _survivors(self, boxes: Tensor, scores: Tensor, class_ids: Tensor, count: int) -> Tensor:
        """Which boxes survive greedy suppression: see the PyTorch twin for why repetition settles them."""
        low, high = boxes[:, :, :2], boxes[:, :, 2:]
        first_low, second_low = ops.expand_dims(low, 2), ops.expand_dims(low, 1)
        first_high, second_high = ops.expand_dims(high, 2), ops.expand_dims(high, 1)
        sides = ops.relu(ops.minimum(first_high, second_high) - ops.maximum(first_low, second_low))
        common = sides[:, :, :, 0] * sides[:, :, :, 1]
        extent = ops.relu(high - low)
        areas = extent[:, :, 0] * extent[:, :, 1]
        union = ops.expand_dims(areas, 2) + ops.expand_dims(areas, 1) - common
        conflict = ops.logical_and(common > MAX_IOU * union, union > 0.0)
        same = ops.equal(ops.expand_dims(class_ids, 2), ops.expand_dims(class_ids, 1))
        conflicts = ops.cast(ops.logical_and(conflict, same), ms.float32) * self.above[:count, :count]
        counts = ops.expand_dims(ops.cast(scores > MIN_SCORE, ms.float32), 1)  # [B, 1, n]
        alive = counts
        for _ in range(MAX_CHAIN):
            alive = counts * ops.cast(ops.equal(ops.bmm(alive, conflicts), 0.0), ms.float32)
        return alive[:, 0]
