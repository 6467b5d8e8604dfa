"""Building blocks that several architectures share; each returns the index of its last node."""

from __future__ import annotations

from collections.abc import Callable

from fairmot.network.graph import GraphBuilder

Convolve = Callable[[int, str, int, int], int]
"""(input, name, channels, kernel) -> node: how a family writes its convolution, norm and activation."""


def conv_norm(
    builder: GraphBuilder,
    x: int,
    conv_name: str,
    norm_name: str,
    channels: int,
    kernel: int,
    stride: int = 1,
    epsilon: float = 1e-5,
    momentum: float = 0.1,
) -> int:
    """Append a convolution without bias and its batch norm."""
    x = builder.convolution(x, conv_name, channels, kernel, stride)
    return builder.batch_norm(x, norm_name, epsilon, momentum)


def deformable_block(builder: GraphBuilder, x: int, conv_name: str, norm_name: str, channels: int) -> int:
    """Append a 3x3 deformable convolution, batch norm and ReLU."""
    x = builder.deformable_convolution(x, conv_name, channels)
    return builder.activation(builder.batch_norm(x, norm_name))


def basic_block(
    builder: GraphBuilder, x: int, name: str, channels: int, stride: int, residual: int, momentum: float = 0.1
) -> int:
    """Append two 3x3 convolutions and the sum with ``residual`` (He et al., Deep Residual Learning)."""
    x = conv_norm(builder, x, f"{name}.conv1", f"{name}.bn1", channels, 3, stride, momentum=momentum)
    x = builder.activation(x)
    x = conv_norm(builder, x, f"{name}.conv2", f"{name}.bn2", channels, 3, momentum=momentum)
    return builder.activation(builder.add(x, residual))


def bottleneck(
    builder: GraphBuilder, x: int, name: str, channels: int, stride: int, residual: int, momentum: float = 0.1
) -> int:
    """Append 1x1, 3x3 and 1x1 convolutions and the sum with ``residual``; the stride is in the 3x3 one."""
    inner = channels // 4
    x = conv_norm(builder, x, f"{name}.conv1", f"{name}.bn1", inner, 1, momentum=momentum)
    x = builder.activation(x)
    x = conv_norm(builder, x, f"{name}.conv2", f"{name}.bn2", inner, 3, stride, momentum=momentum)
    x = builder.activation(x)
    x = conv_norm(builder, x, f"{name}.conv3", f"{name}.bn3", channels, 1, momentum=momentum)
    return builder.activation(builder.add(x, residual))


def residual_layer(
    builder: GraphBuilder,
    x: int,
    name: str,
    block: Callable[..., int],
    channels: int,
    depth: int,
    stride: int,
    momentum: float = 0.1,
) -> int:
    """Append ``depth`` blocks; the first one's shortcut is projected where its size differs."""
    for index in range(depth):
        residual, step = x, stride if index == 0 else 1
        if step > 1 or builder.nodes[x].channels != channels:
            names = (f"{name}.{index}.downsample.0", f"{name}.{index}.downsample.1")
            residual = conv_norm(builder, x, *names, channels, 1, step, momentum=momentum)
        x = block(builder, x, f"{name}.{index}", channels, step, residual, momentum)
    return x


def cross_stage(
    builder: GraphBuilder,
    x: int,
    name: str,
    channels: int,
    depth: int,
    shortcut: bool,
    convolve: Convolve,
    spatial: Convolve,
    stem: str = "cv",
) -> int:
    """Append a cross-stage partial block (Wang et al., CSPNet), as YOLOv5 and YOLOX have it.

    Half of the channels pass ``depth`` bottlenecks of a 1x1 ``convolve`` and a 3x3 ``spatial``, half none. ``stem`` is
    the word in front of a convolution's number in its name.
    """
    half = channels // 2
    deep = convolve(x, f"{name}.{stem}1", half, 1)
    shallow = convolve(x, f"{name}.{stem}2", half, 1)
    for index in range(depth):
        inner = convolve(deep, f"{name}.m.{index}.{stem}1", half, 1)
        inner = spatial(inner, f"{name}.m.{index}.{stem}2", half, 3)
        deep = builder.add(inner, deep) if shortcut else inner
    return convolve(builder.concatenate(deep, shallow), f"{name}.{stem}3", channels, 1)


def spatial_pyramid(
    builder: GraphBuilder, x: int, name: str, channels: int, convolve: Convolve, stem: str = "cv"
) -> int:
    """Append max-pools over windows of 1, 5, 9 and 13 cells, stacked (He et al., Spatial Pyramid Pooling)."""
    pools = [convolve(x, f"{name}.{stem}1", builder.nodes[x].channels // 2, 1)]
    for _ in range(3):  # a 5-window of a 5-window is a 9-window
        pools.append(builder.max_pool(pools[-1], 5, 1, 2))
    return convolve(builder.concatenate(*pools), f"{name}.{stem}2", channels, 1)
