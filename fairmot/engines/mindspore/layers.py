"""One cell for each kind of layer of the graph; parameters keep their public names."""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from fairmot.network.graph import Node
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

LOWEST = -3.0e38
"""Below every value of a map, and finite in float32."""


class _Layer(nn.Cell):
    """A layer that leaves the names of its parameters alone: MindSpore would prefix them with attribute names."""

    def __init__(self) -> None:
        super().__init__(auto_prefix=False)


class _Convolution(_Layer):
    def __init__(self, layer: Convolution, weight: Parameter, bias: Parameter | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.convolve = ops.Conv2D(
            layer.channels,
            layer.kernel,
            pad_mode="pad",
            pad=layer.padding,
            stride=layer.stride,
            group=layer.groups,
        )
        self.add_bias = ops.BiasAdd()

    def construct(self, x: Tensor) -> Tensor:
        x = self.convolve(x, self.weight)
        return x if self.bias is None else self.add_bias(x, self.bias)


class _DeformableConvolution(_Layer):
    """``ops.deformable_conv2d`` wants [all dx, all dy, all masks]; the graph's map is (dy, dx) by tap, mask logits."""

    def __init__(self, layer: DeformableConvolution, weight: Parameter, bias: Parameter | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.kernel = (layer.kernel, layer.kernel)
        self.taps = layer.kernel * layer.kernel
        self.strides = (1, 1, layer.stride, layer.stride)
        self.padding = (layer.padding,) * 4

    def construct(self, x: Tensor, offsets: Tensor) -> Tensor:
        batch, _, height, width = offsets.shape
        shifts = offsets[:, : 2 * self.taps].reshape(batch, self.taps, 2, height, width)
        masks = ops.sigmoid(offsets[:, 2 * self.taps :])
        permuted = ops.concat((shifts[:, :, 1], shifts[:, :, 0], masks), 1)
        return ops.deformable_conv2d(x, self.weight, permuted, self.kernel, self.strides, self.padding, self.bias)


class _TransposedConvolution(_Layer):
    def __init__(self, layer: TransposedConvolution, weight: Parameter, bias: Parameter | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.channels, self.factor = layer.channels, layer.stride
        # The primitive is a convolution's gradient: its "out" is that convolution's, the channels that come in here.
        self.enlarge = ops.Conv2DTranspose(
            weight.shape[0],
            layer.kernel,
            pad_mode="pad",
            pad=layer.padding,
            stride=layer.stride,
            group=layer.groups,
        )
        self.add_bias = ops.BiasAdd()

    def construct(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        x = self.enlarge(x, self.weight, (batch, self.channels, height * self.factor, width * self.factor))
        return x if self.bias is None else self.add_bias(x, self.bias)


class _BatchNorm(_Layer):
    """Batch statistics in training, running ones otherwise; the primitive updates the running ones in place.

    On the CPU the running variance takes the unbiased batch variance, as in PyTorch (measured to 1e-7). The
    primitive's momentum is the weight of the new batch, unlike that of ``nn.BatchNorm2d``.
    """

    def __init__(self, layer: BatchNorm, parameters: dict[str, Parameter]) -> None:
        super().__init__()
        self.weight, self.bias = parameters["weight"], parameters["bias"]
        self.running_mean, self.running_var = parameters["running_mean"], parameters["running_var"]
        self.with_batch = ops.BatchNorm(is_training=True, epsilon=layer.epsilon, momentum=layer.momentum)
        self.with_running = ops.BatchNorm(is_training=False, epsilon=layer.epsilon)

    def construct(self, x: Tensor) -> Tensor:
        if self.training:
            return self.with_batch(x, self.weight, self.bias, self.running_mean, self.running_var)[0]
        return self.with_running(x, self.weight, self.bias, self.running_mean, self.running_var)[0]


class _Relu(_Layer):
    def construct(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class _Silu(_Layer):
    def construct(self, x: Tensor) -> Tensor:
        return x * ops.sigmoid(x)


class _MaxPool(_Layer):
    def __init__(self, layer: MaxPool) -> None:
        super().__init__()
        keeps_size = layer.stride == 1 and 2 * layer.padding == layer.kernel - 1
        # "same" pads unequally where the stride is larger than 1: then the border is written out.
        self.padding = 0 if keeps_size else layer.padding
        self.pool = ops.MaxPool(layer.kernel, layer.stride, "same" if keeps_size else "valid")

    def construct(self, x: Tensor) -> Tensor:
        if self.padding:
            x = ops.pad(x, (self.padding,) * 4, value=LOWEST)
        return self.pool(x)


class _Add(_Layer):
    def construct(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class _Concatenate(_Layer):
    def construct(self, *maps: Tensor) -> Tensor:
        return ops.concat(maps, 1)


class _Bilinear(_Layer):
    def __init__(self, layer: Resize) -> None:
        super().__init__()
        self.factor = layer.factor
        self.interpolate = ops.ResizeBilinearV2(align_corners=False, half_pixel_centers=True)

    def construct(self, x: Tensor) -> Tensor:
        _, _, height, width = x.shape
        return self.interpolate(x, (height * self.factor, width * self.factor))


class _SpaceToDepth(_Layer):
    def construct(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        x = x.reshape(batch, channels, height // 2, 2, width // 2, 2)
        x = ops.transpose(x, (0, 5, 3, 1, 2, 4))  # the row in the block changes faster than the column
        return x.reshape(batch, 4 * channels, height // 2, width // 2)


class _Resize(_Layer):
    """Each cell repeated: exact in every mode and on every device, and its gradient is a sum."""

    def __init__(self, layer: Resize) -> None:
        super().__init__()
        self.factor = layer.factor

    def construct(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        x = x.reshape(batch, channels, height, 1, width, 1)
        x = ops.tile(x, (1, 1, 1, self.factor, 1, self.factor))
        return x.reshape(batch, channels, height * self.factor, width * self.factor)


class _Normalize(_Layer):
    def __init__(self, layer: Normalize) -> None:
        super().__init__()
        self.mean, self.std = (
            Tensor(np.reshape(values, (1, -1, 1, 1)), ms.float32) for values in (layer.mean, layer.std)
        )

    def construct(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class _ChannelAttention(_Layer):
    def __init__(self, channels: int, weight: Parameter, bias: Parameter) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.convolve = ops.Conv2D(channels, 1)
        self.add_bias = ops.BiasAdd()

    def construct(self, x: Tensor) -> Tensor:
        gate = self.add_bias(self.convolve(ops.mean(x, (2, 3), True), self.weight), self.bias)
        return x * ops.clamp(gate / 6.0 + 0.5, 0.0, 1.0)


class _SampleBoxes(_Layer):
    """Four gathers a point: the gradient of MindSpore's own ``grid_sample`` fails on processors."""

    def __init__(self, layer: SampleBoxes, stride: int) -> None:
        super().__init__()
        self.rows, self.columns, self.stride = layer.rows, layer.columns, float(stride)
        self.across = Tensor((np.arange(layer.columns) + 0.5) / layer.columns, ms.float32)
        self.down = Tensor((np.arange(layer.rows) + 0.5) / layer.rows, ms.float32)

    def construct(self, x: Tensor, boxes: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        count = boxes.shape[1]
        # What is not a number has no cell.
        boxes = ops.where(ops.isfinite(boxes), boxes, ops.zeros_like(boxes))
        points = (batch, self.rows, self.columns, count)
        right = boxes[:, :, 0:1] + self.across * (boxes[:, :, 2:3] - boxes[:, :, 0:1])
        below = boxes[:, :, 1:2] + self.down * (boxes[:, :, 3:4] - boxes[:, :, 1:2])
        right = ops.transpose(right, (0, 2, 1)).reshape(batch, 1, self.columns, count)
        below = ops.transpose(below, (0, 2, 1)).reshape(batch, self.rows, 1, count)
        right = ops.broadcast_to(ops.clamp(right / self.stride, 0.0, width - 1.0), points).reshape(batch, 1, -1)
        below = ops.broadcast_to(ops.clamp(below / self.stride, 0.0, height - 1.0), points).reshape(batch, 1, -1)
        column, row = ops.floor(right), ops.floor(below)
        next_column, next_row = ops.clamp(column + 1.0, 0.0, width - 1.0), ops.clamp(row + 1.0, 0.0, height - 1.0)
        right, below = right - column, below - row
        flat = x.reshape(batch, channels, height * width)
        upper = self._read(flat, row, column, width) * (1.0 - right) + self._read(flat, row, next_column, width) * right
        lower = self._read(flat, next_row, column, width) * (1.0 - right)
        lower = lower + self._read(flat, next_row, next_column, width) * right
        read = upper * (1.0 - below) + lower * below
        read = read.reshape(batch, channels * self.rows, self.columns, count)
        return ops.mean(read, 2, True)

    def _read(self, flat: Tensor, row: Tensor, column: Tensor, width: int) -> Tensor:
        index = ops.cast(row * width + column, ms.int32)
        return ops.gather_elements(flat, 2, ops.broadcast_to(index, (flat.shape[0], flat.shape[1], index.shape[2])))


class _Identity(_Layer):
    def construct(self, x: Tensor) -> Tensor:
        return x


def build_layer(node: Node, parameters: dict[str, Parameter], source_stride: int = 1) -> nn.Cell:
    """Build the cell of one node from its parameters by last name (``weight``, ``bias`` ...).

    ``source_stride`` is that of the map which is its first input.
    """
    weight, bias = parameters.get("weight"), parameters.get("bias")
    match node.layer:
        case Convolution() as layer:
            return _Convolution(layer, weight, bias)
        case DeformableConvolution() as layer:
            return _DeformableConvolution(layer, weight, bias)
        case TransposedConvolution() as layer:
            return _TransposedConvolution(layer, weight, bias)
        case BatchNorm() as layer:
            return _BatchNorm(layer, parameters)
        case Activation(function):
            return {"relu": _Relu, "silu": _Silu}[function]()
        case MaxPool() as layer:
            return _MaxPool(layer)
        case Add():
            return _Add()
        case Concatenate():
            return _Concatenate()
        case Resize() as layer:
            return _Resize(layer) if layer.mode == "nearest" else _Bilinear(layer)
        case SpaceToDepth():
            return _SpaceToDepth()
        case Normalize() as layer:
            return _Normalize(layer)
        case ChannelAttention():
            return _ChannelAttention(node.channels, weight, bias)
        case SampleBoxes() as layer:
            return _SampleBoxes(layer, source_stride)
        case Input() | Boxes():
            return _Identity()
    raise TypeError(f"no rule for layer {node.layer}")
