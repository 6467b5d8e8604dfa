"""The graph as a PyTorch module: one branch a kind of layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fairmot.engines.interface import Arrays
from fairmot.engines.torch.deformable import deformable_convolution
from fairmot.engines.training_rules import is_exact
from fairmot.errors import InputError
from fairmot.network.graph import Graph, Node
from fairmot.network.layers import (
    Activation,
    Add,
    BatchNorm,
    Boxes,
    ChannelAttention,
    Concatenate,
    Convolution,
    DeformableConvolution,
    Input,
    MaxPool,
    Normalize,
    Resize,
    SampleBoxes,
    SpaceToDepth,
    TransposedConvolution,
)

HALVES = {"f32": None, "bf16": torch.bfloat16, "f16": torch.float16}
"""Precision -> type of the convolutions; None: float32."""


class GraphNetwork(nn.Module):
    """Interprets a graph. Parameters carry the public dotted names: modules are nested along them.

    Under autocast heads and sampling offsets stay in float32.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.freed = graph.last_uses()
        self.exact = {index for index, node in enumerate(graph.nodes) if is_exact(node)}
        self.holders: list[nn.Module | None] = [None] * len(graph.nodes)
        for parameter in graph.parameters():
            path, _, leaf = parameter.name.rpartition(".")
            holder: nn.Module = self
            for part in path.split("."):
                if part not in holder._modules:
                    holder.add_module(part, nn.Module())
                holder = holder._modules[part]
            if parameter.trainable:
                holder.register_parameter(leaf, nn.Parameter(torch.zeros(parameter.shape)))
            else:
                dtype = torch.int64 if parameter.role == "bn_count" else torch.float32
                holder.register_buffer(leaf, torch.zeros(parameter.shape, dtype=dtype))
            self.holders[parameter.node] = holder
        for index, node in enumerate(graph.nodes):
            if isinstance(node.layer, Normalize):
                # No part of the state. They follow the network to a card once: a copy in each call would hold it up,
                # and none can be recorded as a graph.
                self.holders[index] = holder = nn.Module()
                self.add_module(f"normalize_{index}", holder)
                for name in ("mean", "std"):
                    values = torch.tensor(getattr(node.layer, name))[:, None, None]
                    holder.register_buffer(name, values, persistent=False)

    def forward(self, pixels: Tensor, boxes: Tensor | None = None) -> dict[str, Tensor]:
        """Take RGB planes [B, 3, H, W] in 0..1, return the heads by name; those along boxes where these are given."""
        maps = self.image_maps(pixels)
        if boxes is not None:
            self.follow_boxes(maps, boxes)
        return self.heads(maps)

    def image_maps(self, pixels: Tensor) -> dict[int, Tensor]:
        """Run what lies on the image's grid; return node -> map of the heads and of what is read along boxes."""
        return self._run_nodes({}, pixels, along_boxes=False)

    def follow_boxes(self, maps: dict[int, Tensor], boxes: Tensor) -> None:
        """Add what is read along boxes [B, K, 4] (corners, canvas pixels) to the maps of an image."""
        self._run_nodes(maps, boxes, along_boxes=True)

    def heads(self, maps: dict[int, Tensor]) -> dict[str, Tensor]:
        """Return the heads among these maps by name."""
        return {head: maps[i] for head, i in self.graph.outputs.items() if i in maps}

    def _run_nodes(self, maps: dict[int, Tensor], given: Tensor, along_boxes: bool) -> dict[int, Tensor]:
        for index, node in enumerate(self.graph.nodes):
            if node.along_boxes != along_boxes:
                continue
            inputs = [maps[i] for i in node.inputs] or [given]
            kind = inputs[0].device.type
            if index in self.exact and torch.is_autocast_enabled(kind):
                with torch.autocast(kind, enabled=False):
                    maps[index] = self._run(node, [x.float() for x in inputs], self.holders[index])
            else:
                maps[index] = self._run(node, inputs, self.holders[index])
            for source in self.freed.get(index, ()):
                del maps[source]
        return maps

    def _run(self, node: Node, inputs: list[Tensor], p: nn.Module | None) -> Tensor:
        x = inputs[0]
        match node.layer:
            case Convolution(stride=stride, padding=padding, groups=groups, bias=bias):
                return F.conv2d(x, p.weight, p.bias if bias else None, stride, padding, 1, groups)
            case BatchNorm(epsilon, momentum):
                if self.training:
                    p.num_batches_tracked += 1
                return F.batch_norm(
                    x, p.running_mean, p.running_var, p.weight, p.bias, self.training, momentum, epsilon
                )
            case Activation(function):
                return {"relu": F.relu, "silu": F.silu}[function](x)
            case Add():
                return x + inputs[1]
            case Concatenate():
                return torch.cat(inputs, 1)
            case DeformableConvolution(stride=stride, padding=padding):
                return deformable_convolution(x, inputs[1], p.weight, p.bias, stride, padding)
            case TransposedConvolution(stride=stride, padding=padding, groups=groups, bias=bias):
                return F.conv_transpose2d(x, p.weight, p.bias if bias else None, stride, padding, 0, groups)
            case MaxPool(kernel, stride, padding):
                return F.max_pool2d(x, kernel, stride, padding)
            case Resize(factor, "nearest"):
                return F.interpolate(x, scale_factor=factor, mode="nearest")
            case Resize(factor):
                return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
            case SpaceToDepth():
                return torch.cat([x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)], 1)
            case Normalize():
                return (x - p.mean) / p.std
            case ChannelAttention():
                return x * F.hardsigmoid(F.conv2d(x.mean((2, 3), keepdim=True), p.weight, p.bias))
            case SampleBoxes(rows, columns):
                return sample_boxes(x, inputs[1], rows, columns, self.graph.stride_before(node))
            case Input() | Boxes():
                return x
        raise TypeError(f"no rule for layer {node.layer}")

    def load_arrays(self, arrays: Arrays) -> None:
        """Copy parameters and statistics in; names must match exactly."""
        self.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})

    def arrays(self) -> Arrays:
        """Return copies of parameters and statistics."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}


def sample_boxes(features: Tensor, boxes: Tensor, rows: int, columns: int, stride: int) -> Tensor:
    """Read a map [B, C, h, w] at points inside boxes [B, K, 4]; see ``SampleBoxes``."""
    batch, channels, height, width = features.shape
    count = boxes.shape[1]
    # On processors PyTorch reads outside of the map where a coordinate is not a number.
    boxes = boxes.where(boxes.isfinite(), 0.0)
    across = (torch.arange(columns, device=boxes.device) + 0.5) / columns
    down = (torch.arange(rows, device=boxes.device) + 0.5) / rows
    x = boxes[..., 0:1] + across * (boxes[..., 2:3] - boxes[..., 0:1])  # [B, K, columns]
    y = boxes[..., 1:2] + down * (boxes[..., 3:4] - boxes[..., 1:2])  # [B, K, rows]
    # With align_corners=False cell i of n lies at (2 i + 1) / n - 1.
    x, y = (2 * x / stride + 1) / width - 1, (2 * y / stride + 1) / height - 1
    shape = (batch, rows, columns, count)
    grid = torch.stack([x.transpose(1, 2)[:, None].expand(shape), y.transpose(1, 2)[:, :, None].expand(shape)], -1)
    grid = grid.reshape(batch, rows * columns, count, 2)
    read = F.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return read.reshape(batch, channels, rows, columns, count).mean(3).reshape(batch, channels * rows, 1, count)


def choose_device(device: str) -> torch.device:
    """Return the device of a name; ``auto``: CUDA if there is one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device {device!r}: PyTorch knows no such device; choose auto, cpu or cuda") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {device!r}: this PyTorch finds no CUDA device; choose auto or cpu")
    return chosen


@contextmanager
def exact_float32(device: torch.device, try_kernels: bool = False) -> Iterator[None]:
    """Compute float32 convolutions in float32: NVIDIA cards may round their inputs to TF32's 11 bits.

    ``try_kernels`` lets cuDNN measure which kernel is the fastest where it meets a size for the first time: a second
    for one image, the better part of a minute for a batch of a training run.
    """
    if device.type != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    with cudnn.flags(
        cudnn.enabled, try_kernels or cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic, allow_tf32=False
    ):
        yield


def canvases_to_pixels(canvases: Tensor) -> Tensor:
    """Turn BGR canvases [B, H, W, 3], uint8, into RGB planes [B, 3, H, W] in 0..1."""
    return canvases.permute(0, 3, 1, 2).flip(1).float() / 255


class TorchNetwork:
    """``RawNetwork`` in PyTorch."""

    def __init__(self, graph: Graph, weights: Arrays, device: str) -> None:
        self.device = choose_device(device)
        self.network = GraphNetwork(graph)
        self.network.load_arrays(weights)
        self.network.to(self.device).eval()

    def __call__(
        self, pixels: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """See ``RawNetwork``."""
        with torch.inference_mode(), exact_float32(self.device):
            heads = self.network(self._tensor(pixels), None if boxes is None else self._tensor(boxes))
        return {name: head.cpu().numpy() for name, head in heads.items()}

    def _tensor(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)
